"""Replies out of a seed, and what they have to come to: fuzzing, crowds, and the soak (`make soak`)."""
