"""Whether the models on this machine are loaded; nothing is loaded before it is begun."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol, runtime_checkable

from stream_aligner_lc.chat_model import StreamAlignedChat
from stream_aligner_lc.continuation.leaves import leaves


@runtime_checkable
class Loads(Protocol):
    """An aligner or a model that would otherwise be loaded by the first reply."""

    def load(self) -> Any:
        """Load it now."""


class Readiness:
    """Load what `llm` is made of, once."""

    def __init__(self, llm: StreamAlignedChat) -> None:
        parts = [llm.aligner, *(leaf.model for leaf in leaves(llm.llm))]
        self._parts = [part for part in parts if isinstance(part, Loads)]
        self._loading: asyncio.Task[None] | None = None

    def begin(self) -> asyncio.Task[None]:
        """Begin to load, unless that was done before."""
        if self._loading is None:
            self._loading = asyncio.create_task(self._load())
        return self._loading

    @property
    def state(self) -> str:
        """What has become of it: "loading", "ready" or "failed"."""
        if self._loading is None or not self._loading.done():
            return "loading"
        return "failed" if self._loading.cancelled() or self._loading.exception() else "ready"

    async def _load(self) -> None:
        for part in self._parts:
            await asyncio.to_thread(part.load)
