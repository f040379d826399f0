"""Requests that can be broken off: one thread with an event loop makes all of them, whatever the caller's colour.

Only a task can be cancelled in the middle of a request, and a pool of connections belongs to one event loop. So sync
callers, and async ones in any number of loops, share the connections here, and whoever stops a call closes its request.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from stream_aligner_lc.local.completions import StoppedError

T = TypeVar("T")


class Stop(threading.Event):
    """An event that, once it is set, cancels the request that waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self._request: Future[Any] | None = None

    def set(self) -> None:
        """Tell the caller to stop."""
        super().set()
        if (request := self._request) is not None:
            request.cancel()

    def result_of(self, request: Future[T]) -> T:
        """Wait for a request; raises `StoppedError` once this is set, and the request is closed."""
        self._request = request
        # It may have been set before there was anything to cancel.
        if self.is_set():
            request.cancel()
        try:
            return request.result()
        except CancelledError as fault:
            raise StoppedError from fault
        finally:
            self._request = None
            # Whoever was interrupted while waiting, as by Ctrl-C, does not want it any more.
            request.cancel()


class Calls:
    """A daemon thread with an event loop, started by the first call."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process: int | None = None
        # Whoever holds it may collect garbage, and what is collected may have a connection to close.
        self._lock = threading.RLock()

    def start(self, call: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine there; cancelling what this returns cancels it."""
        return asyncio.run_coroutine_threadsafe(call, self._running())

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            # A forked process has the loop, and no thread that runs it.
            if self._loop is None or self._process != os.getpid():
                self._loop, self._process = asyncio.new_event_loop(), os.getpid()
                threading.Thread(target=self._loop.run_forever, name="aligner-requests", daemon=True).start()
            return self._loop
