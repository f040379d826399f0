"""One reply on its way to its client, whole or in events, for as long as the client is there."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any
from uuid import uuid4

from langchain_core.messages import AIMessageChunk
from starlette.types import Message, Receive, Send

from stream_aligner_lc.leaving import ReaderLeft
from stream_aligner_lc.serving.asked import Asked
from stream_aligner_lc.serving.counted import CLIENT_LEFT, Counted
from stream_aligner_lc.serving.gate import Gate
from stream_aligner_lc.serving.metrics import Metrics
from stream_aligner_lc.serving.refusals import Refusal, of_fault
from stream_aligner_lc.serving.request_ids import REQUEST_ID
from stream_aligner_lc.serving.said import Delta, Frames, completion, error_event

_log = logging.getLogger(__name__)

_EVENTS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
    # Proxies such as nginx hold a stream back otherwise.
    "x-accel-buffering": "no",
}


class Reply:
    """A reply to what was `asked`: once `ready`, the `chunks` of a chat model, which it closes."""

    def __init__(
        self,
        chunks: AsyncIterator[AIMessageChunk],
        asked: Asked,
        *,
        ready: Callable[[], Awaitable[None]],
        metrics: Metrics,
    ) -> None:
        self._chunks = chunks
        self._ready = ready
        self._asked = asked
        self._metrics = metrics
        self._counted = Counted(metrics)
        self._said = self._counted.so_far
        self._id = f"chatcmpl-{uuid4().hex}"
        self._created = int(time.time())
        self._frames = Frames(self._id, self._created, asked.model)
        self._writing = asyncio.Lock()
        self._is_begun = self._is_over = False

    async def write(self, gate: Gate, receive: Receive, send: Send) -> int:
        """Send the answer; return the status that it has, or that it would have had if it had not begun."""
        beat = None
        if self._asked.stream:

            async def beat() -> None:
                # A comment, which clients skip: nobody is to take a long silence for a dead connection.
                await self._write(send, b": \n\n")

        work = self._stream(send) if self._asked.stream else self._whole(send)
        try:
            await gate.attend(work, receive, beat=beat)
        except ReaderLeft:
            return CLIENT_LEFT
        except Exception as fault:  # noqa: BLE001  # whatever an upstream's client raises must become an answer
            return await self._refuse(of_fault(fault), type(fault).__name__, send)
        return 200

    async def _stream(self, send: Send) -> None:
        async with aclosing(self._deltas()) as deltas:
            async for delta in deltas:
                await self._write(send, self._frames.delta(delta))
        await self._write(send, self._frames.end(self._said, include_usage=self._asked.include_usage), more=False)

    async def _whole(self, send: Send) -> None:
        async with aclosing(self._deltas()) as deltas:
            async for _ in deltas:
                pass
        await self._answer(send, 200, completion(self._id, self._created, self._asked.model, self._said))

    async def _deltas(self) -> AsyncGenerator[str | Delta]:
        await self._ready()
        async with aclosing(self._chunks) as chunks:  # type: ignore[type-var]
            async for chunk in chunks:
                if (delta := self._counted.take(chunk)) is not None:
                    yield delta
        self._counted.end()

    async def _refuse(self, refusal: Refusal, kind: str, send: Send) -> int:
        """Send an error: as the answer, or as the last event of one that has begun."""
        refusal.released = "".join(self._said.text)
        self._metrics.count_fault(refusal.whose)
        # The exception's class and no more: its words may quote anything.
        _log.warning("%s: %d %s (%s)", self._id, refusal.status, refusal.code, kind)
        if self._is_begun:
            await self._write(send, error_event(refusal.body), more=False)
        else:
            await self._answer(send, refusal.status, refusal.body, refusal.headers)
        return refusal.status

    async def _answer(
        self, send: Send, status: int, content: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> None:
        body = json.dumps(content).encode()
        known = {"content-type": "application/json", "content-length": str(len(body)), **(headers or {})}
        await send(self._head(status, known))
        await send({"type": "http.response.body", "body": body})

    async def _write(self, send: Send, events: bytes, *, more: bool = True) -> None:
        async with self._writing:
            if self._is_over:
                return
            if not self._is_begun:
                self._is_begun = True
                await send(self._head(200, _EVENTS))
            self._is_over = not more
            await send({"type": "http.response.body", "body": events, "more_body": more})

    def _head(self, status: int, headers: Mapping[str, str]) -> Message:
        named = {**headers, REQUEST_ID: self._id}
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in named.items()]
        return {"type": "http.response.start", "status": status, "headers": raw}
