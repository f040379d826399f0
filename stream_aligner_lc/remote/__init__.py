"""Aligners behind a server that speaks OpenAI's API: the requests, what a refusal means, what a prompt becomes."""
