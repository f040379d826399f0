"""Correct what a language model says while it is saying it."""
