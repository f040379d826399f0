"""Work for a reader behind a connection: it ends when the reader leaves.

Starlette's own streams notice that only when they send, if the server speaks ASGI 2.4, and a silent upstream goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from stream_aligner_lc.limits import Receive

Beat = Callable[[], Awaitable[None]]

# For how long a connection may be silent: proxies close those that are for a minute.
_HEARTBEAT_SECONDS = 15.0


class ReaderLeft(Exception):  # noqa: N818  # nobody is left to be told
    """The reader has closed the connection."""


async def until_left(work: Awaitable[None], receive: Receive, *, beat: Beat | None = None) -> None:
    """Do the work, and `beat` now and then; raises `ReaderLeft` when the reader leaves, and what the work raises.

    The work is over when this returns: if need be it was cancelled.
    """
    task, leaving = asyncio.ensure_future(work), asyncio.create_task(_leaving(receive))
    both = (task, leaving)
    try:
        while not task.done():
            await asyncio.wait(both, timeout=_HEARTBEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if leaving.done() and not task.done():
                raise ReaderLeft
            if beat is not None and not task.done():
                await beat()
        task.result()
    finally:
        leaving.cancel()
        task.cancel()
        # The upstream is closed by then.
        await asyncio.wait(both)


async def _leaving(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
