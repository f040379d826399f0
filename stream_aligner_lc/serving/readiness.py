"""Whether the models on this machine are loaded; nothing is loaded before it is begun."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Protocol, runtime_checkable

from stream_aligner_lc.chat_model import StreamAlignedChat
from stream_aligner_lc.continuation.leaves import leaves
from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.serving.refusals import Refusal

_log = logging.getLogger(__name__)


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

    async def wait(self) -> None:
        """Return when all is loaded; raises `Refusal` if it cannot be.

        A reply that did not wait would load a model beside this, and transformers loads one at a time.
        """
        try:
            await asyncio.shield(self.begin())
        except Exception as fault:
            said = f"The models of this server cannot be loaded ({type(fault).__name__}). Its log says why."
            raise Refusal(503, said, code="not_loaded") from fault

    @property
    def state(self) -> str:
        """What has become of it: "loading", "ready" or "failed"."""
        if self._loading is None or not self._loading.done():
            return "loading"
        return "failed" if self._loading.cancelled() or self._loading.exception() else "ready"

    async def _load(self) -> None:
        for part in self._parts:
            try:
                await asyncio.to_thread(part.load)
            except ConfigurationError as fault:
                # It says all; where in the code it was said helps nobody.
                _log.error("%s cannot be loaded: %s", type(part).__name__, fault)
                raise
            except Exception:
                # No conversation has been seen yet, so there is none that it could quote.
                _log.exception("%s cannot be loaded", type(part).__name__)
                raise
