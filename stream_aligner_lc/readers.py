"""Read ahead of the aligner, in a thread or in a task: each opens one upstream call, iterates and closes it.

Rule: a reader decides nothing. `Lead` says whether there is room; `Intake` says what a piece is.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, closing
from queue import Empty, SimpleQueue

from langchain_core.messages import BaseMessage

from stream_aligner_lc.intake import Intake
from stream_aligner_lc.state import Piece

# What is no sentence (tool-call deltas, code lines) needs no aligner, yet a reader that has gone away must
# stop the reading of it too.
MAX_WAITING = 256
# How long a close waits for the upstream to let go. A provider that hangs in a read cannot be interrupted
# from another thread; its thread ends with the next chunk or with the provider's own time-out.
CLOSE_SECONDS = 1.0

Item = list[Piece] | BaseException


class Lead:
    """How far the upstream is ahead of the aligner. No I/O, no locks: each count has one writer.

    Up to `lookahead` finished sentences may be ahead of the one that the aligner works on. A reader that had to
    stop goes on when half of them are settled: a wake-up per sentence would cost more than the sentence. With a
    lookahead of one or more it goes on before the aligner has nothing left to do.
    """

    def __init__(self, lookahead: int, *, needs_verdict: Callable[[Piece], bool]) -> None:
        self._lookahead = lookahead
        self._needs_verdict = needs_verdict
        self._put = self._taken = self._drafted = self._settled = 0

    @property
    def has_room(self) -> bool:
        return self._drafted - self._settled <= self._lookahead and self._put - self._taken < MAX_WAITING

    @property
    def may_resume(self) -> bool:
        return self._drafted - self._settled <= (self._lookahead + 1) // 2 and self._put - self._taken < MAX_WAITING

    def put(self, pieces: list[Piece]) -> None:
        self._put += len(pieces)
        self._drafted += sum(map(self._needs_verdict, pieces))

    def taken(self, pieces: list[Piece]) -> None:
        self._taken += len(pieces)

    def settled(self, count: int) -> None:
        # Sentences that were dropped and put back after all are settled twice.
        self._settled = min(self._settled + count, self._drafted)


class Clock:
    """Note in drafts when they were written, in seconds since `began`. The time that a reader is held up is no part."""

    def __init__(self, began: float) -> None:
        self._began = began
        self.go_on()

    def go_on(self) -> None:
        """Say that the upstream writes from now on."""
        self._since = self._now()

    def stamp(self, pieces: list[Piece]) -> None:
        """Take finished pieces."""
        for piece in pieces:
            if piece["type"] == "draft":
                piece["drafting"] = [self._since, self._now()]
                self.go_on()

    def _now(self) -> float:
        return round(time.perf_counter() - self._began, 6)


class ThreadReader:
    """Read one upstream call in a thread of its own."""

    def __init__(
        self, open_stream: Callable[[], Iterator[BaseMessage]], intake: Intake, lead: Lead, clock: Clock
    ) -> None:
        self.intake = intake
        self._clock = clock
        self._open_stream = open_stream
        self._lead = lead
        self._items: SimpleQueue[Item] = SimpleQueue()
        self._fault: BaseException | None = None
        self._is_closed = False
        self._go_on = threading.Event()
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._read,), name="upstream", daemon=True)
        self._thread.start()

    def take(self) -> list[Piece]:
        """Wait until something is there, and return all of it."""
        if self._fault is not None:
            raise self._fault
        pieces = self._opened(self._items.get())
        try:
            while self._fault is None:
                item = self._items.get_nowait()
                if isinstance(item, BaseException):
                    self._fault = item
                else:
                    pieces = pieces + item
        except Empty:
            pass
        self._lead.taken(pieces)
        self._wake()
        return pieces

    def settled(self, count: int) -> None:
        """Say that so many sentences have their verdict."""
        self._lead.settled(count)
        self._wake()

    def close(self, *, wait: bool = True) -> None:
        """Have the stream closed; `wait` until it is, for a bounded time."""
        self._is_closed = True
        self._go_on.set()
        if wait:
            self._thread.join(CLOSE_SECONDS)

    def _opened(self, item: Item) -> list[Piece]:
        if isinstance(item, BaseException):
            self._fault = item
            raise item
        return item

    def _wake(self) -> None:
        if not self._go_on.is_set() and self._lead.may_resume:
            self._go_on.set()

    def _read(self) -> None:
        try:
            with closing(self._open_stream()) as chunks:  # type: ignore[type-var]
                for chunk in chunks:
                    self._put(self.intake.feed(chunk))
                    if self._is_closed:
                        return
                    if self.intake.is_full:
                        break
            self._put(self.intake.flush())
        except BaseException as fault:  # noqa: BLE001  # raised again where the loop takes it
            self._items.put(fault)

    def _put(self, pieces: list[Piece]) -> None:
        if not pieces:
            return
        self._clock.stamp(pieces)
        self._lead.put(pieces)
        self._items.put(pieces)
        if self._lead.has_room:
            return
        self._go_on.clear()
        # What was settled between the look and the clearing would wake nobody.
        if not (self._lead.may_resume or self._is_closed):
            self._go_on.wait()
            self._clock.go_on()


class TaskReader:
    """Read one upstream call in a task of its own, which alone opens, iterates and closes it."""

    def __init__(
        self, open_stream: Callable[[], AsyncIterator[BaseMessage]], intake: Intake, lead: Lead, clock: Clock
    ) -> None:
        self.intake = intake
        self._clock = clock
        self._open_stream = open_stream
        self._lead = lead
        self._pieces: list[Piece] = []
        self._fault: BaseException | None = None
        self._is_done = False
        self._ready = asyncio.Event()
        self._go_on = asyncio.Event()
        self._task = asyncio.create_task(self._read(), name="upstream")

    async def take(self) -> list[Piece]:
        """Wait until something is there, and return all of it."""
        while not self._pieces and not self._is_done:
            self._ready.clear()
            await self._ready.wait()
        pieces, self._pieces = self._pieces, []
        if not pieces and self._fault is not None:
            raise self._fault
        self._lead.taken(pieces)
        self._wake()
        return pieces

    def settled(self, count: int) -> None:
        """Say that so many sentences have their verdict."""
        self._lead.settled(count)
        self._wake()

    async def close(self, *, wait: bool = True) -> None:
        """Have the stream closed; `wait` until it is, for a bounded time."""
        self._task.cancel()
        if wait:
            await asyncio.wait([self._task], timeout=CLOSE_SECONDS)

    def _wake(self) -> None:
        if self._lead.may_resume:
            self._go_on.set()

    async def _read(self) -> None:
        try:
            async with aclosing(self._open_stream()) as chunks:  # type: ignore[type-var]
                async for chunk in chunks:
                    await self._put(self.intake.feed(chunk))
                    if self.intake.is_full:
                        break
            await self._put(self.intake.flush())
        except asyncio.CancelledError:
            raise
        except BaseException as fault:  # noqa: BLE001  # raised again where the loop takes it
            self._fault = fault
        finally:
            self._is_done = True
            self._ready.set()

    async def _put(self, pieces: list[Piece]) -> None:
        if not pieces:
            return
        self._clock.stamp(pieces)
        self._lead.put(pieces)
        self._pieces += pieces
        self._ready.set()
        if not self._lead.has_room:
            self._go_on.clear()
            await self._go_on.wait()
            self._clock.go_on()
