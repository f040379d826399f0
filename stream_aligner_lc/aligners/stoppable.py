"""Aligners whose work on a draft can be broken off, from another thread or by cancelling a task."""

from __future__ import annotations

import asyncio
import threading
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property, partial
from typing import Any

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import run_in_executor

from stream_aligner_lc.aligners.base import Aligner
from stream_aligner_lc.corrections import Correction, Draft

# So many replies may be worked on at once; threads are made as they are needed.
_MOST_AT_ONCE = 64


class StoppableAligner(Aligner):
    """Correct drafts in the calling thread, or from async code in one of its own, until told to stop.

    A subclass calls this constructor and implements `_correct_until`.
    """

    def __init__(self) -> None:
        # One draft may be asked about several times at once.
        self._running: dict[threading.Event, Draft] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Leave behind what runs."""
        return {name: value for name, value in vars(self).items() if name not in {"_running", "_threads"}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _running={})

    @abstractmethod
    def _correct_until(self, drafts: Sequence[Draft], stopped: threading.Event) -> list[Correction]:
        """Correct consecutive drafts, at least the first; raises `StoppedError` soon after `stopped` is set."""

    def _stop(self) -> threading.Event:
        """Return what one piece of work is stopped with."""
        return threading.Event()

    def invoke(self, input: Draft, config: RunnableConfig | None = None, **kwargs: Any) -> Correction:
        """Correct one draft, as a run of its own for those who trace."""

        def correct(_: Any) -> Correction:
            return self._correct([input])[0]

        told: Any = input.as_dict()
        correction: Correction = self._call_with_config(correct, told, config)
        return correction

    async def ainvoke(self, input: Draft, config: RunnableConfig | None = None, **kwargs: Any) -> Correction:
        """Correct one draft in a thread, which stops soon after this is cancelled."""

        async def correct(_: Any) -> Correction:
            return (await self._acorrect([input]))[0]

        told: Any = input.as_dict()
        correction: Correction = await self._acall_with_config(correct, told, config)
        return correction

    def cancel(self, draft: Draft) -> None:
        """Have the work on `draft` stopped."""
        for stopped, running in list(self._running.items()):
            if running is draft:
                stopped.set()

    def _correct(self, drafts: Sequence[Draft]) -> list[Correction]:
        with self._stoppable(drafts[0]) as stopped:
            return self._correct_until(drafts, stopped)

    async def _acorrect(self, drafts: Sequence[Draft]) -> list[Correction]:
        with self._stoppable(drafts[0]) as stopped:
            try:
                return await run_in_executor(self._threads, partial(self._correct_until, drafts, stopped))
            except asyncio.CancelledError:
                stopped.set()
                raise

    @contextmanager
    def _stoppable(self, draft: Draft) -> Iterator[threading.Event]:
        stopped = self._stop()
        self._running[stopped] = draft
        try:
            yield stopped
        finally:
            del self._running[stopped]

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        # Its own: replies that wait for each other would fill the event loop's, where others wait for theirs.
        return ThreadPoolExecutor(_MOST_AT_ONCE, thread_name_prefix="aligner")
