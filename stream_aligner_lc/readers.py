"""Read ahead of the aligner, in a thread or in a task: each opens one upstream call, iterates and closes it.

Rule: a reader decides nothing. `Buffer` says whether there is room; `Intake` says what a piece is.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import aclosing, closing

from langchain_core.messages import BaseMessage

from stream_aligner_lc.intake import Intake
from stream_aligner_lc.state import Piece

# What is no sentence (tool-call deltas, code lines) needs no aligner, yet a reader that has gone away must
# stop the reading of it too.
MAX_WAITING = 256
# How long a close waits for the upstream to let go. A provider that hangs in a read cannot be interrupted
# from another thread; its thread ends with the next chunk or with the provider's own time-out.
CLOSE_SECONDS = 1.0


class Buffer:
    """Pieces on their way from the upstream to the loop. No I/O, no locks.

    Up to `lookahead` finished sentences may be ahead of the one that the aligner works on.
    """

    def __init__(self, lookahead: int, *, needs_verdict: Callable[[Piece], bool]) -> None:
        self.fault: BaseException | None = None
        self.closed = False
        self.done = False
        self._lookahead = lookahead
        self._needs_verdict = needs_verdict
        self._pieces: deque[Piece] = deque()
        self._unjudged = 0

    @property
    def has_room(self) -> bool:
        return self._unjudged <= self._lookahead and len(self._pieces) < MAX_WAITING

    @property
    def is_ready(self) -> bool:
        return bool(self._pieces) or self.done

    def put(self, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            self._pieces.append(piece)
            self._unjudged += self._needs_verdict(piece)

    def take(self) -> list[Piece]:
        """Return all waiting pieces; raise the fault once nothing waits before it."""
        pieces = list(self._pieces)
        self._pieces.clear()
        if not pieces and self.fault is not None:
            raise self.fault
        return pieces

    def judged(self, count: int) -> None:
        # A draft that needs no verdict was never counted, but is settled like the others.
        self._unjudged = max(self._unjudged - count, 0)


class ThreadReader:
    """Read one upstream call in a thread of its own."""

    def __init__(self, open_stream: Callable[[], Iterator[BaseMessage]], intake: Intake, buffer: Buffer) -> None:
        self.intake = intake
        self._open_stream = open_stream
        self._buffer = buffer
        self._changed = threading.Condition()
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._read,), name="upstream", daemon=True)
        self._thread.start()

    def take(self) -> list[Piece]:
        """Wait until something is there, and return all of it."""
        with self._changed:
            self._changed.wait_for(lambda: self._buffer.is_ready)
            pieces = self._buffer.take()
            self._changed.notify_all()
            return pieces

    def judged(self, count: int) -> None:
        """Say that so many sentences have their verdict."""
        with self._changed:
            self._buffer.judged(count)
            self._changed.notify_all()

    def close(self, *, wait: bool = True) -> None:
        """Have the stream closed; `wait` until it is, for a bounded time."""
        with self._changed:
            self._buffer.closed = True
            self._changed.notify_all()
        if wait:
            self._thread.join(CLOSE_SECONDS)

    def _read(self) -> None:
        try:
            with closing(self._open_stream()) as chunks:  # type: ignore[type-var]
                for chunk in chunks:
                    if not self._put(self.intake.feed(chunk)):
                        return
                    if self.intake.is_full:
                        break
            self._put(self.intake.flush())
        except BaseException as fault:  # noqa: BLE001  # raised again where the loop takes it
            self._buffer.fault = fault
        finally:
            with self._changed:
                self._buffer.done = True
                self._changed.notify_all()

    def _put(self, pieces: list[Piece]) -> bool:
        if not pieces and not self._buffer.closed:
            return True
        with self._changed:
            self._buffer.put(pieces)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._buffer.closed or self._buffer.has_room)
            return not self._buffer.closed


class TaskReader:
    """Read one upstream call in a task of its own, which alone opens, iterates and closes it."""

    def __init__(self, open_stream: Callable[[], AsyncIterator[BaseMessage]], intake: Intake, buffer: Buffer) -> None:
        self.intake = intake
        self._open_stream = open_stream
        self._buffer = buffer
        self._ready = asyncio.Event()
        self._room = asyncio.Event()
        self._task = asyncio.create_task(self._read(), name="upstream")

    async def take(self) -> list[Piece]:
        """Wait until something is there, and return all of it."""
        while not self._buffer.is_ready:
            self._ready.clear()
            await self._ready.wait()
        pieces = self._buffer.take()
        self._room.set()
        return pieces

    def judged(self, count: int) -> None:
        """Say that so many sentences have their verdict."""
        self._buffer.judged(count)
        self._room.set()

    async def close(self, *, wait: bool = True) -> None:
        """Have the stream closed; `wait` until it is, for a bounded time."""
        self._buffer.closed = True
        self._task.cancel()
        if wait:
            await asyncio.wait([self._task], timeout=CLOSE_SECONDS)

    async def _read(self) -> None:
        try:
            stream = self._open_stream()
            async with aclosing(stream) as chunks:  # type: ignore[type-var]
                async for chunk in chunks:
                    await self._put(self.intake.feed(chunk))
                    if self.intake.is_full:
                        break
            await self._put(self.intake.flush())
        except asyncio.CancelledError:
            raise
        except BaseException as fault:  # noqa: BLE001  # raised again where the loop takes it
            self._buffer.fault = fault
        finally:
            self._buffer.done = True
            self._ready.set()

    async def _put(self, pieces: list[Piece]) -> None:
        if not pieces:
            return
        self._buffer.put(pieces)
        self._ready.set()
        while not self._buffer.has_room:
            self._room.clear()
            await self._room.wait()
