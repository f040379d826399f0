"""Recognise a text without keeping it: drafts that must not stand in state, settings that may hold secrets."""

from hashlib import sha256


def fingerprint(text: str) -> str:
    """Return what `text` is recognised by, and what says nothing else about it."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
