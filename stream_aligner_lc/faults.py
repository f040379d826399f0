"""What an upstream's exception means for the reply: try again, when, a refusal to continue, or the end. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from json import JSONDecodeError
from math import isfinite
from typing import Any

_TRY_AGAIN = {408, 409, 425, 429}
_REFUSED = {400, 404, 405, 422}
# Mistakes of a program, which come again with every try.
_BUGS = (TypeError, AttributeError, LookupError, NameError, NotImplementedError, AssertionError, ValueError)
# What a client makes of an event that was cut off: value errors, yet no mistake of a program.
_TORN = (JSONDecodeError, UnicodeDecodeError)
# Faults that come in the stream itself have no status, only a name; an empty purse has the status of a hurry.
_FOR_GOOD = {
    "authentication_error",
    "billing_hard_limit_reached",
    "billing_not_active",
    "context_length_exceeded",
    "insufficient_quota",
    "invalid_api_key",
    "invalid_request_error",
    "permission_error",
}


class StallError(TimeoutError):
    """The upstream sent nothing for `upstream_timeout` seconds."""


class CutOffError(ConnectionError):
    """The stream ended, but a provider that says why it ends had not said so."""


def status_of(fault: BaseException) -> int | None:
    """Return the HTTP status that a provider's client left on its exception."""
    for holder in (fault, getattr(fault, "response", None)):
        for name in ("status_code", "status", "code"):
            status = getattr(holder, name, None)
            if isinstance(status, int) and 100 <= status < 600:
                return status
    return None


def chain_of(fault: BaseException) -> str:
    """Return the classes and statuses of a fault and its causes, without a word of what they say."""
    said: list[str] = []
    each: BaseException | None = fault
    while each is not None and len(said) < 4:
        status = status_of(each)
        said.append(type(each).__name__ + (f" (status {status})" if status else ""))
        each = each.__cause__
    return " from ".join(said)


def is_transient(fault: BaseException) -> bool:
    """Say whether the same call may succeed a little later."""
    if any(getattr(fault, name, None) in _FOR_GOOD for name in ("code", "type")):
        return False
    status = status_of(fault)
    if status is not None:
        return status >= 500 or status in _TRY_AGAIN
    # Time-outs and broken connections of every client library are OSErrors or classes of their own.
    return isinstance(fault, _TORN) or (isinstance(fault, Exception) and not isinstance(fault, _BUGS))


def is_refusal(fault: BaseException) -> bool:
    """Say whether a provider or its integration refuses the request as such, such as a trailing assistant turn."""
    if isinstance(fault, _TORN):
        return False
    status = status_of(fault)
    return status in _REFUSED if status is not None else isinstance(fault, ValueError | NotImplementedError)


def is_empty_stream(fault: BaseException) -> bool:
    """Say whether LangChain complains that a model said nothing at all."""
    return isinstance(fault, ValueError) and "No generation chunks" in str(fault)


def retry_after(fault: BaseException, now: datetime) -> float | None:
    """Return how many seconds a provider asks to wait, in either form of its `Retry-After` header; None if it does not.

    >>> refused = ConnectionError()
    >>> refused.response = type("Response", (), {"headers": {"retry-after": "Sun, 22 Nov 2026 12:00:30 GMT"}})
    >>> retry_after(refused, datetime(2026, 11, 22, 12, tzinfo=UTC))
    30.0
    """
    headers: Any = getattr(getattr(fault, "response", None), "headers", None)
    if not isinstance(headers, Mapping):
        return None
    # httpx ignores the case of names, a plain dict does not.
    asked = next((value for name, value in headers.items() if str(name).lower() == "retry-after"), None)
    return None if asked is None else _seconds(str(asked), now)


def _seconds(asked: str, now: datetime) -> float | None:
    try:
        seconds = float(asked)
    except ValueError:
        pass
    else:
        return max(seconds, 0.0) if isfinite(seconds) else None
    try:
        until = parsedate_to_datetime(asked)
    except ValueError:
        return None
    # A date without a zone is in UTC, as all dates of HTTP are.
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max((until - now).total_seconds(), 0.0)
