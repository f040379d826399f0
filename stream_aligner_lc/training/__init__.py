"""From corrected sentences to what a model learns from."""
