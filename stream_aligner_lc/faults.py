"""What an upstream's exception means for the reply: try again, a refusal to continue, or the end. No I/O."""

from __future__ import annotations

_TRY_AGAIN = {408, 409, 425, 429}
_REFUSED = {400, 404, 405, 422}
# Mistakes of a program, which come again with every try.
_BUGS = (TypeError, AttributeError, LookupError, NameError, NotImplementedError, AssertionError, ValueError)


def status_of(fault: BaseException) -> int | None:
    """Return the HTTP status that a provider's client left on its exception."""
    for holder in (fault, getattr(fault, "response", None)):
        for name in ("status_code", "status", "code"):
            status = getattr(holder, name, None)
            if isinstance(status, int) and 100 <= status < 600:
                return status
    return None


def is_transient(fault: BaseException) -> bool:
    """Say whether the same call may succeed a little later."""
    status = status_of(fault)
    if status is not None:
        return status >= 500 or status in _TRY_AGAIN
    # Time-outs and broken connections of every client library are OSErrors or classes of their own.
    return isinstance(fault, Exception) and not isinstance(fault, _BUGS)


def is_refusal(fault: BaseException) -> bool:
    """Say whether a provider or its integration refuses the request as such, such as a trailing assistant turn."""
    status = status_of(fault)
    return status in _REFUSED if status is not None else isinstance(fault, ValueError | NotImplementedError)


def is_empty_stream(fault: BaseException) -> bool:
    """Say whether LangChain complains that a model said nothing at all."""
    return isinstance(fault, ValueError) and "No generation chunks" in str(fault)
