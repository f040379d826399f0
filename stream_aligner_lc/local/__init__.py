"""Models of `transformers` on this machine: loading, prompts as token ids, decoding token by token."""
