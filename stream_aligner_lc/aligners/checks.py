"""Checks of what an aligner is made with. Plain Python, no I/O."""

from __future__ import annotations

import math
from typing import Any

from stream_aligner_lc.errors import ConfigurationError


def check_number(name: str, value: Any, *, at_least: float, at_most: float = math.inf) -> None:
    """Raise `ConfigurationError` unless an option is a number within its bounds."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not at_least <= value <= at_most:
        raise ConfigurationError(_wanted(name, value, at_least, at_most))
    if value == math.inf:
        raise ConfigurationError(_wanted(name, value, at_least, at_most))


def _wanted(name: str, value: Any, at_least: float, at_most: float) -> str:
    bound = f"of at least {at_least}" if at_most == math.inf else f"from {at_least} to {at_most}"
    return f"`{name}` must be a number {bound}, got {value!r}."


def check_whole(name: str, value: Any, *, at_least: int) -> None:
    """Raise `ConfigurationError` unless an option is a whole number within its bound."""
    if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
        raise ConfigurationError(f"`{name}` must be a whole number of at least {at_least}, got {value!r}.")


def check_policy(policy: Any) -> None:
    """Raise `ConfigurationError` unless a policy has words."""
    if not isinstance(policy, str) or not policy.strip():
        raise ConfigurationError(f"`policy` must say in words what a sentence must be, got {policy!r}.")
