"""What arguments of commands must be, each as a type that `argparse` takes."""

from __future__ import annotations

import argparse
import math
from pathlib import Path


def positive(text: str) -> int:
    """Take a whole number of at least 1."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {text!r}")
    return number


def not_negative(text: str) -> float:
    """Take a number of at least 0."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not (math.isfinite(number) and number >= 0):
        raise argparse.ArgumentTypeError(f"must be a number of at least 0, got {text!r}")
    return number


def text_or_file(text: str) -> str:
    """Take a text, or with `@` before it the name of the file that holds it."""
    if text.startswith("@"):
        try:
            text = Path(text[1:]).expanduser().read_text(encoding="utf-8-sig")
        except (OSError, ValueError) as fault:
            raise argparse.ArgumentTypeError(f"the file {text[1:]!r} cannot be read: {fault}") from fault
    if not text.strip():
        raise argparse.ArgumentTypeError("must not be empty")
    return text
