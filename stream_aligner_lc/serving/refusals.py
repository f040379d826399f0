"""Errors in the form of OpenAI's API, and which fault is whose. No I/O.

Rule: a message quotes what the request said of its options and what this package wrote itself; never a draft, a key, or
the words of another program's exception, which may hold either.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from math import ceil
from typing import Any

from starlette.responses import Response

from stream_aligner_lc.errors import AlignerError, AlignerTimeout, ConfigurationError, UpstreamError
from stream_aligner_lc.faults import chain_of, is_empty_stream, is_refusal, retry_after, status_of

_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
_BUSY = {429, 503}
_TOO_LATE = {408, 504}
# What providers call an error or a parameter; a sentence or a key has other characters, or more of them.
_A_NAME = re.compile(r"[a-z][a-z_.\[\]0-9]{0,47}")


class Refusal(Exception):  # noqa: N818  # an answer of the server's
    """The request is answered with an error: `status`, and what OpenAI's clients read of it.

    `retry_after` is in seconds; `whose` the fault is, "server", "upstream" or "aligner", is for the figures;
    `released`, to be set, the text that had been released by then.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str,
        param: str | None = None,
        retry_after: float | None = None,
        whose: str = "server",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.retry_after = retry_after
        self.whose = whose
        self.released = ""

    @property
    def body(self) -> dict[str, Any]:
        """The body of the answer, or the data of an `error` event."""
        kind = _TYPES.get(self.status, "invalid_request_error" if self.status < 500 else "server_error")
        error = {"message": self.message, "type": kind, "param": self.param, "code": self.code}
        return {"error": {**error, **({"released": self.released} if self.released else {})}}

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the answer."""
        headers: dict[str, str] = {}
        if self.retry_after is not None or self.status in _BUSY:
            headers["retry-after"] = str(ceil(max(self.retry_after or 0.0, 1.0)))
        if self.status == HTTPStatus.UNAUTHORIZED:
            headers["www-authenticate"] = "Bearer"
        return headers

    @property
    def response(self) -> Response:
        """The answer."""
        # In ASCII: what is quoted of a request may hold half of a surrogate pair, which has no other form.
        return Response(json.dumps(self.body), self.status, self.headers, "application/json")


def bad_request(message: str, *, param: str | None = None, code: str = "invalid_value") -> Refusal:
    """Return the answer to a request that is wrong; `message` names the value and the way out."""
    return Refusal(400, message, param=param, code=code)


def unforeseen(fault: BaseException) -> Refusal:
    """Return the answer where this package itself is at fault."""
    said = f"The server failed on this request ({chain_of(fault)}). Its log says where: please report it."
    return Refusal(500, said, code="internal_error")


def of_http(status: int, detail: str) -> Refusal:
    """Return the answer where a route refuses the request, in its words, or where none takes it."""
    said = HTTPStatus(status)
    if detail != said.phrase:
        return Refusal(status, detail, code=said.name.lower())
    way_out = "There are POST /v1/chat/completions, GET /v1/models, GET /healthz and GET /metrics."
    return Refusal(status, f"{said.phrase}. {way_out}", code=said.name.lower())


def of_fault(fault: Exception) -> Refusal:
    """Return what a fault of the reply means for whoever asked."""
    if isinstance(fault, Refusal):
        return fault
    if isinstance(fault, ConfigurationError):
        # Nothing was asked yet: the message is ours, and about an option of the request or of the server.
        return bad_request(str(fault))
    if isinstance(fault, AlignerTimeout):
        said = "The aligner took longer than it may for a sentence, of which nothing was shown. Try again later."
        return Refusal(504, said, code="aligner_timeout", whose="aligner")
    if isinstance(fault, AlignerError):
        said = f"The aligner failed on a sentence, of which nothing was shown ({chain_of(fault)}). Try again later."
        return Refusal(502, said, code="aligner_error", whose="aligner")
    refusal = _of_upstream(fault)
    # Its code may be one of ours: it is the upstream's own word.
    refusal.whose = "upstream"
    return refusal


def _of_upstream(fault: Exception) -> Refusal:
    cause = fault
    while isinstance(cause, UpstreamError) and isinstance(cause.__cause__, Exception):
        cause = cause.__cause__
    status, kind = status_of(cause), chain_of(fault)
    code, param = _name(cause, "code"), _name(cause, "param")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        said = f"The upstream takes no more requests at the moment ({kind}). Try again later."
        wait = retry_after(cause, datetime.now(UTC))
        return Refusal(429, said, code=code or "upstream_rate_limit", param=param, retry_after=wait)
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return Refusal(
            413, f"The upstream finds the request too large ({kind}). Shorten it.", code="too_large", param=param
        )
    if isinstance(cause, TimeoutError) or status in _TOO_LATE or "Timeout" in type(cause).__name__:
        said = f"The upstream did not answer in time ({kind}). Try again later."
        return Refusal(504, said, code="upstream_timeout", param=param)
    if not isinstance(fault, UpstreamError) and _is_refused(cause, status):
        said = (
            f"The upstream refused the request ({kind}); what it says is not passed on. "
            "See that it takes these messages and options."
        )
        return Refusal(400, said, code=code or "upstream_refusal", param=param)
    return Refusal(502, f"The upstream failed ({kind}). Try again later.", code=code or "upstream_error", param=param)


def _is_refused(fault: Exception, status: int | None) -> bool:
    # 404 and 405 say that the server's upstream is not where it should be, which is no fault of the request.
    return is_refusal(fault) and status in (None, 400, 422) and not is_empty_stream(fault)


def _name(fault: Exception, what: str) -> str | None:
    body = getattr(fault, "body", None)
    found = getattr(fault, what, None) or (body.get(what) if isinstance(body, Mapping) else None)
    return found if isinstance(found, str) and _A_NAME.fullmatch(found) else None
