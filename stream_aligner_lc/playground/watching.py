"""Run one reply and tell everything that happens in it, the drafts included.

Rule: each run has a queue, an observer and a copy of the chat model of its own, so that no event can cross to another.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any
from uuid import UUID

from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, GenerationChunk, LLMResult

from stream_aligner_lc.chat_model import StreamAlignedChat
from stream_aligner_lc.faults import chain_of
from stream_aligner_lc.nodes import UpstreamNode
from stream_aligner_lc.playground import events
from stream_aligner_lc.playground.events import Event

logger = logging.getLogger(__name__)

Tell = Callable[[Event], None]


class Observer:
    """Is told of one reply: what is said, then how it ended, in one of three ways. This one takes no note."""

    def said(self, chunk: AIMessageChunk) -> None:
        """Take what was released."""

    def ended(self) -> None:
        """Take note that it is whole, and was read."""

    def failed(self, fault: Exception) -> None:
        """Take note of what broke it off."""

    def left(self) -> None:
        """Take note that it was closed before its end."""


async def watched(
    llm: StreamAlignedChat, messages: Sequence[BaseMessage], *, observer: Observer | None = None
) -> AsyncGenerator[Event]:
    """Yield the events of one reply; close it to cancel the run, which closes the upstream. `observer` is told of it.

    An error is the last event. It never raises one.
    """
    waiting: asyncio.Queue[Event | None] = asyncio.Queue()
    observer = observer or Observer()
    run = asyncio.create_task(_run(llm, messages, waiting.put_nowait, observer), name="playground")
    run.add_done_callback(lambda _: waiting.put_nowait(None))
    is_read = False
    try:
        while (event := await waiting.get()) is not None:
            yield event
        is_read = True
    finally:
        run.cancel()
        await asyncio.wait([run])
        if not is_read or run.cancelled():
            observer.left()
        elif fault := run.result():
            observer.failed(fault)
        else:
            observer.ended()


async def _run(
    llm: StreamAlignedChat, messages: Sequence[BaseMessage], tell: Tell, observer: Observer
) -> Exception | None:
    """Tell of a whole reply; return what broke it off."""
    began = time.perf_counter()
    metadata: Mapping[str, Any] = {}
    text, first = "", None
    try:
        async with aclosing(_observed(llm, began, tell).astream(list(messages))) as chunks:  # type: ignore[type-var]
            async for chunk in chunks:
                observer.said(chunk)
                if chunk.text:
                    first = first if first is not None else time.perf_counter() - began
                    text += chunk.text
                    tell(events.released(chunk.text))
                metadata = chunk.response_metadata if "stream_aligner" in chunk.response_metadata else metadata
    except Exception as fault:  # noqa: BLE001  # whatever an upstream raises must become an event
        # An exception's words may quote anything.
        logger.warning("A reply of the playground broke off: %s", chain_of(fault))
        tell(events.failed(fault))
        return fault
    tell(events.ended(metadata, first=first, text=text, took=time.perf_counter() - began))
    return None


def _observed(llm: StreamAlignedChat, began: float, tell: Tell) -> StreamAlignedChat:
    """Return the same chat model with an observer and a recorder for one run, beside its own."""

    def on_record(record: dict[str, Any]) -> None:
        if llm.on_record is not None:
            llm.on_record(record)
        tell(events.judged(record))

    return llm.model_copy(update={"observers": (*llm.observers, UpstreamObserver(began, tell)), "on_record": on_record})


class UpstreamObserver(AsyncCallbackHandler):
    """Tell what the upstream writes, call by call; what an aligner's own model says is not told."""

    def __init__(self, began: float, tell: Tell) -> None:
        self._began = began
        self._tell = tell
        self._calls: dict[UUID, int] = {}
        self._has_written: set[UUID] = set()

    async def on_chat_model_start(
        self,
        serialized: dict[str, Any],
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Number the call, if it is one of the upstream and no model inside it."""
        if (metadata or {}).get("langgraph_node") != UpstreamNode.name or parent_run_id in self._calls:
            return
        self._calls[run_id] = len(self._calls) + 1
        self._tell(events.opened(self._calls[run_id], self._seconds))

    async def on_llm_new_token(
        self,
        token: str | list[str | dict[str, Any]],
        *,
        chunk: GenerationChunk | ChatGenerationChunk | None = None,
        run_id: UUID,
        **kwargs: Any,
    ) -> None:
        """Tell the text of a chunk."""
        text = chunk.text if chunk is not None else token
        if run_id in self._calls and isinstance(text, str) and text:
            self._has_written.add(run_id)
            self._tell(events.drafted(self._calls[run_id], text))

    async def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        """Tell the end of a call, and before it the whole text of a model that does not stream."""
        if run_id not in self._calls:
            return
        if run_id not in self._has_written and (text := response.generations[0][0].text):
            self._tell(events.drafted(self._calls[run_id], text))
        self._tell(events.closed(self._calls[run_id], self._seconds))

    async def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Tell the end of a call that failed, or was closed for a restart."""
        if run_id in self._calls:
            self._tell(events.closed(self._calls[run_id], self._seconds))

    @property
    def _seconds(self) -> float:
        return time.perf_counter() - self._began
