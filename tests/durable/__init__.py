"""Replies that outlive their process, that a person reviews, and that are very long."""
