"""Talking with an aligned model on a terminal: what was corrected shown beside what is released."""
