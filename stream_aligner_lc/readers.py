"""Read ahead of the aligner, in a thread or in a task: each opens one upstream call, iterates and closes it.

Rule: a reader decides nothing. `Lead` says whether there is room, `Patience` whether the upstream still lives;
`Intake` says what a piece is.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, closing, suppress
from queue import Empty, SimpleQueue

from langchain_core.messages import BaseMessage

from stream_aligner_lc.intake import Intake
from stream_aligner_lc.pacing import Clock, Lead, Patience
from stream_aligner_lc.state import Piece

# How long a close waits for the upstream to let go. A provider that hangs in a read cannot be interrupted
# from another thread; its thread ends with the next chunk or with the provider's own time-out.
CLOSE_SECONDS = 1.0

Item = list[Piece] | BaseException


class ThreadReader:
    """Read one upstream call in a thread of its own."""

    def __init__(
        self,
        open_stream: Callable[[], Iterator[BaseMessage]],
        intake: Intake,
        lead: Lead,
        clock: Clock,
        patience: Patience,
    ) -> None:
        self.intake = intake
        self._clock = clock
        self._patience = patience
        self._open_stream = open_stream
        self._lead = lead
        self._items: SimpleQueue[Item] = SimpleQueue()
        self._fault: BaseException | None = None
        self._is_closed = False
        self._go_on = threading.Event()
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._read,), name="upstream", daemon=True)
        self._thread.start()

    def take(self, seconds: float | None = None) -> list[Piece]:
        """Wait until something is there, at most so many `seconds`, and return all of it.

        Raises what the upstream raised, and `StallError` where it says nothing for too long.
        """
        if self._fault is not None:
            raise self._fault
        if (item := self._next(seconds)) is None:
            return []
        pieces = self._opened(item)
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

    @property
    def is_over(self) -> bool:
        """Whether the stream is closed."""
        return not self._thread.is_alive()

    def close(self) -> None:
        """Have the stream closed, which its thread does with the next chunk."""
        self._is_closed = True
        self._go_on.set()

    @staticmethod
    def join(readers: Sequence[ThreadReader]) -> None:
        """Wait until streams are closed, for a bounded time in all."""
        until = time.monotonic() + CLOSE_SECONDS
        for reader in readers:
            reader._thread.join(max(until - time.monotonic(), 0))  # noqa: SLF001  # one of its own class

    def _next(self, seconds: float | None) -> Item | None:
        until = None if seconds is None else time.monotonic() + seconds
        while True:
            try:
                return self._items.get_nowait()
            except Empty:
                left = None if until is None else max(until - time.monotonic(), 0)
            try:
                return self._items.get(timeout=self._patience.wait(left))
            except Empty:
                # Chunks that are no whole sentence yet wake nobody, and yet they are signs of life.
                if until is not None and time.monotonic() >= until:
                    return None

    def _opened(self, item: Item) -> list[Piece]:
        if isinstance(item, BaseException):
            self._fault = item
            raise item
        return item

    def _wake(self) -> None:
        if not self._go_on.is_set() and self._lead.may_resume:
            self._patience.heard()
            self._go_on.set()

    def _read(self) -> None:
        try:
            with closing(self._open_stream()) as chunks:  # type: ignore[type-var]
                for chunk in chunks:
                    self._patience.heard()
                    self._put(self.intake.feed(chunk))
                    if self._is_closed:
                        return
                    if self.intake.is_full:
                        break
            self._put(self.intake.flush())
        except BaseException as fault:  # noqa: BLE001  # raised again where the loop takes it
            self._items.put(_as_fault(fault))

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
        self,
        open_stream: Callable[[], AsyncIterator[BaseMessage]],
        intake: Intake,
        lead: Lead,
        clock: Clock,
        patience: Patience,
    ) -> None:
        self.intake = intake
        self._clock = clock
        self._patience = patience
        self._open_stream = open_stream
        self._lead = lead
        self._pieces: list[Piece] = []
        self._fault: BaseException | None = None
        self._is_done = False
        self._is_closed = False
        self._ready = asyncio.Event()
        self._go_on = asyncio.Event()
        self._task = asyncio.create_task(self._read(), name="upstream")

    async def take(self, seconds: float | None = None) -> list[Piece]:
        """Wait until something is there, at most so many `seconds`, and return all of it.

        Raises what the upstream raised, and `StallError` where it says nothing for too long.
        """
        until = None if seconds is None else time.monotonic() + seconds
        while not self._pieces and not self._is_done:
            if until is not None and time.monotonic() >= until:
                return []
            self._ready.clear()
            limit = self._patience.wait(None if until is None else until - time.monotonic())
            with suppress(TimeoutError):
                async with asyncio.timeout(limit):
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

    @property
    def is_over(self) -> bool:
        """Whether the stream is closed."""
        return self._task.done()

    def close(self) -> None:
        """Have the stream closed, which its task does as soon as it runs, at the latest with the next chunk."""
        self._is_closed = True
        self._task.cancel()

    @staticmethod
    async def join(readers: Sequence[TaskReader]) -> None:
        """Wait until streams are closed, for a bounded time in all."""
        tasks = {reader._task for reader in readers}  # noqa: SLF001  # of its own class
        # Twice, because a client may lose a cancellation that comes together with what it waits for, as
        # `asyncio.wait_for` does before Python 3.12.
        for _ in range(2):
            if tasks := {task for task in tasks if not task.done()}:
                await asyncio.wait(tasks, timeout=CLOSE_SECONDS / 2)
            for task in tasks:
                task.cancel()

    def _wake(self) -> None:
        if not self._go_on.is_set() and self._lead.may_resume:
            self._patience.heard()
            self._go_on.set()

    async def _read(self) -> None:
        try:
            async with aclosing(self._open_stream()) as chunks:  # type: ignore[type-var]
                async for chunk in chunks:
                    self._patience.heard()
                    await self._put(self.intake.feed(chunk))
                    if self._is_closed:
                        return
                    if self.intake.is_full:
                        break
            await self._put(self.intake.flush())
        except BaseException as fault:  # raised again where the loop takes it
            if self._is_closed and isinstance(fault, asyncio.CancelledError):
                raise
            self._fault = _as_fault(fault)
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


def _as_fault(fault: BaseException) -> BaseException:
    """Return what the loop is to hear of: a cancellation that nobody here asked for is a call that broke off.

    Some clients end so when their channel is closed. In the loop it would pass for a reader who leaves.
    """
    if not isinstance(fault, asyncio.CancelledError):
        return fault
    broken = ConnectionAbortedError("The upstream's client cancelled its own call.")
    broken.__cause__ = fault
    return broken
