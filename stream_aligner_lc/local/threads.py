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


async def in_thread(make: Callable[[threading.Event], Generator[T]], *, name: str) -> AsyncIterator[T]:
    """Yield what the generator made by `make(stopped)` yields, one item a request: it never runs ahead.

    However the iteration ends, `stopped` is set, the generator is closed in its own thread, and the thread has
    ended. An item that is being made cannot be interrupted, and is waited for.
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
        try:
            await asyncio.wrap_future(closed)
        finally:
            # Waiting for a thread that has nothing left to do takes no time that a loop would miss.
            pool.shutdown(wait=closed.done())
