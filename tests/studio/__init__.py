"""`langgraph dev` itself, started once, with the graphs of `langgraph.json` and those of `doubles.py`."""
