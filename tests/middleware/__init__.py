"""The loop as a middleware of LangChain agents."""
