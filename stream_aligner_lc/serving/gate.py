"""Who is let in: so many replies at a time, and none once the server is being shut down."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from starlette.types import Receive

from stream_aligner_lc.leaving import Beat, until_left
from stream_aligner_lc.serving.refusals import Refusal

# What ends by itself once it was cancelled.
_MOMENT = 2.0


class Gate:
    """Let at most `limit` replies run at once, each for as long as its client is there."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.is_closing = False
        self._running: set[asyncio.Task[Any]] = set()
        self.is_broken_off = False
        self._left = asyncio.Event()

    @property
    def running(self) -> int:
        """How many replies are being written."""
        return len(self._running)

    async def attend(self, work: Coroutine[Any, Any, None], receive: Receive, *, beat: Beat | None = None) -> None:
        """Do the work as `until_left` does; raises `Refusal`, too, if it may not begin or not end."""
        if refusal := self.refusal():
            work.close()
            raise refusal
        task = asyncio.create_task(work)
        self._running.add(task)
        try:
            await until_left(task, receive, beat=beat)
        except asyncio.CancelledError:
            waiting = asyncio.current_task()
            if not self.is_broken_off or (waiting is not None and waiting.cancelling()):
                raise
            raise _shutting_down("The server is shut down, and this reply had no more time.") from None
        finally:
            self._running.discard(task)
            self._left.set()

    async def close(self, seconds: float) -> None:
        """Let nobody in any more, give those that run so many seconds, and break off the rest."""
        self.is_closing = True
        await self._empty(seconds)
        self.is_broken_off = True
        for task in self._running:
            task.cancel()
        await self._empty(_MOMENT)

    async def _empty(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                while self._running:
                    self._left.clear()
                    await self._left.wait()
        except TimeoutError:
            return

    def refusal(self) -> Refusal | None:
        """Return why nobody is let in now, or None."""
        if self.is_closing:
            return _shutting_down("The server is being shut down.")
        if self.running < self.limit:
            return None
        return Refusal(
            429,
            f"The server writes {self.running} replies, and {self.limit} at a time are the most. Try again a little "
            "later, or start it with a larger --max-replies.",
            code="too_many_replies",
        )


def _shutting_down(said: str) -> Refusal:
    return Refusal(503, f"{said} Ask another one, or try again later.", code="shutting_down")
