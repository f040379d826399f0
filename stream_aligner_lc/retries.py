"""When a failed upstream call is made again, and how long after it. Nothing else knows tenacity."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tenacity import RetryCallState, retry_if_exception, stop_after_attempt, wait_exponential, wait_random

from stream_aligner_lc.faults import retry_after

# A person who reads along waits no longer for the next sentence; a program is told that it has to.
MAX_RETRY_AFTER = 60.0

_BACK_OFF = wait_exponential(multiplier=0.25, max=10)
_JITTER = wait_random(0, 0.25)


def asks_too_long(fault: BaseException) -> float | None:
    """Return how many seconds a provider asks to wait, if it is more than a reply waits."""
    asked = retry_after(fault, datetime.now(UTC))
    return asked if asked is not None and asked > MAX_RETRY_AFTER else None


def retrying(
    attempts: int, is_worth_it: Callable[[BaseException], bool], seconds_left: Callable[[], float | None]
) -> dict[str, Any]:
    """Return tenacity's arguments: so many `attempts`, and back-off with jitter between them.

    A provider's `Retry-After` is a lower bound of the wait, `seconds_left` an upper one.
    """

    def wait(state: RetryCallState) -> float:
        fault = state.outcome.exception() if state.outcome else None
        asked = retry_after(fault, datetime.now(UTC)) if fault else None
        seconds = max(_BACK_OFF(state), asked or 0.0) + _JITTER(state)
        left = seconds_left()
        return seconds if left is None else min(seconds, left)

    return {
        "stop": stop_after_attempt(attempts),
        "wait": wait,
        "retry": retry_if_exception(is_worth_it),
        "reraise": True,
    }
