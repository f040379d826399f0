"""Iterate a blocking iterator from async code, in one thread that lives as long as the iteration."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
_OVER = object()
CLOSE_SECONDS = 1.0
"""How long whoever closes waits for the item that is being made: loading a model can take minutes."""


async def in_thread(make: Callable[[threading.Event], Generator[T]], *, name: str) -> AsyncIterator[T]:
    """Yield what the generator made by `make(stopped)` yields, one item a request: it never runs ahead.

    However the iteration ends, `stopped` is set, the generator is closed in its own thread, and the thread has
    nothing left to do. An item that is being made cannot be interrupted, and is waited for, for a bounded time.
    """
    loop = asyncio.get_running_loop()
    context = contextvars.copy_context()
    stopped = threading.Event()
    items = make(stopped)
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    def step() -> Any:
        return next(items, _OVER)

    try:
        while (item := await loop.run_in_executor(pool, context.run, step)) is not _OVER:
            yield item
    finally:
        stopped.set()
        closed = pool.submit(items.close)
        # It ends after that. To join it would block the loop, if only for an instant.
        pool.shutdown(wait=False)
        # What stops the waiting never stops the closing.
        await asyncio.wait([asyncio.wrap_future(closed)], timeout=CLOSE_SECONDS)
