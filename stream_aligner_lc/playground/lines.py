"""Send events to the page as they happen, until nobody reads them any more."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from contextlib import aclosing
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from stream_aligner_lc.leaving import ReaderLeft
from stream_aligner_lc.playground.events import Event, broken_off

Attend = Callable[[Coroutine[Any, Any, None], Receive], Awaitable[None]]
"""Does the work of an answer for as long as its reader is there, and may raise `ReaderLeft`."""


class Lines(Response):
    """Events as lines of JSON, for as long as their reader is there."""

    media_type = "application/x-ndjson"

    def __init__(self, events: AsyncGenerator[Event], *, attend: Attend, headers: Mapping[str, str]) -> None:
        # Proxies such as nginx hold a stream back unless they are told not to.
        super().__init__(headers={**headers, "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._events = events
        self._attend = attend
        self._is_begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._attend(self._write(send), receive)
        except ReaderLeft:
            return
        except Exception:
            if not self._is_begun:
                raise
            # An answer that has begun cannot become another one.
            await self._send(send, broken_off())
            await send({"type": "http.response.body", "body": b""})

    async def _write(self, send: Send) -> None:
        async with aclosing(self._events) as events:
            self._is_begun = True
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async for event in events:
                await self._send(send, event)
        await send({"type": "http.response.body", "body": b""})

    async def _send(self, send: Send, event: Event) -> None:
        line = json.dumps(event, default=str) + "\n"
        await send({"type": "http.response.body", "body": line.encode(), "more_body": True})
