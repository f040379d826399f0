"""What a request passes before an endpoint sees it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Scope

from stream_aligner_lc.limits import BodyLimit
from stream_aligner_lc.playground import REPLY
from stream_aligner_lc.serving.door import Door, path_of
from stream_aligner_lc.serving.gate import Gate
from stream_aligner_lc.serving.last_word import LastWord
from stream_aligner_lc.serving.metrics import Metrics
from stream_aligner_lc.serving.refusals import Refusal
from stream_aligner_lc.serving.request_ids import REQUEST_ID, RequestIds

COMPLETIONS = "/v1/chat/completions"

_CODES = {408: "request_timeout", 413: "request_too_large"}


def front(
    metrics: Metrics,
    gate: Gate,
    *,
    key: str | None,
    hosts: Collection[str] | None,
    unlocked: Collection[str],
    max_bytes: int,
    cors_origins: Sequence[str],
) -> list[Middleware]:
    """Return what is in front of the endpoints, the outermost first: a body is read once its sender was let in."""

    def count(path: str, status: int) -> None:
        if path in (COMPLETIONS, REPLY):
            metrics.count_answer(status)

    def unread(scope: Scope, status: int, said: str) -> dict[str, Any]:
        count(path_of(scope), status)
        return Refusal(status, said, code=_CODES[status]).body

    pages = Middleware(
        CORSMiddleware,
        allow_origins=cors_origins,
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=[REQUEST_ID, "retry-after"],
    )
    return [
        *([pages] if cors_origins else []),
        Middleware(RequestIds),
        Middleware(LastWord, gate=gate),
        Middleware(Door, key=key, unlocked=unlocked, hosts=hosts, count=count),
        Middleware(BodyLimit, max_bytes=max_bytes, body_of=unread),
    ]
