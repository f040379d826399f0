"""Released chunks as content-block events: how `stream_events(version="v3")` and its remote clients read messages.

LangGraph's `push_message` shows whole chunks, which that protocol ignores. No I/O.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from langchain_core.callbacks import BaseCallbackManager
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.runnables import RunnableConfig

try:  # Private, and the only way to show messages there: the protocol is still called experimental.
    from langchain_core.language_models._compat_bridge import chunks_to_events
    from langgraph.pregel._messages import StreamMessagesHandlerV2, graph_namespace

    _READERS: tuple[type, ...] = (StreamMessagesHandlerV2,)
except ImportError:  # pragma: no cover
    _READERS = ()


class MessageEvents:
    """The events of one reply, chunk by chunk."""

    def __init__(self) -> None:
        self._chunks: list[AIMessageChunk] = []
        self._places: dict[Any, int] = {}

    def push(self, chunk: AIMessageChunk, config: RunnableConfig) -> None:
        """Show a chunk, which has the reply's id, to those who read this graph's messages as events."""
        callbacks = config.get("callbacks")
        handlers = callbacks.handlers if isinstance(callbacks, BaseCallbackManager) else callbacks or ()
        readers: list[Any] = [handler for handler in handlers if isinstance(handler, _READERS)]
        if not readers:
            return
        # Messages are told apart by a run's id, and each step of the reply is a run of its own.
        metadata = {**(config.get("metadata") or {}), "run_id": chunk.id}
        namespace = graph_namespace(metadata)
        for event in self._of(chunk):
            for reader in readers:
                if reader.subgraphs or not namespace or namespace == reader.parent_ns:
                    reader.stream((namespace, "messages", (event, metadata)))

    def _of(self, chunk: AIMessageChunk) -> Iterator[Any]:
        self._chunks.append(chunk)
        blocks = enumerate(chunk.content_blocks)
        keys = list(dict.fromkeys(block.get("index", (block["type"], position)) for position, block in blocks))
        for event in _events([chunk]):
            if event["event"] == "message-start" and len(self._chunks) == 1:
                yield event
            elif event["event"] in ("content-block-start", "content-block-delta"):
                key = keys[event["index"]]
                if event["event"] == "content-block-delta" or key not in self._places:
                    yield {**event, "index": self._places.setdefault(key, len(self._places))}
        if chunk.chunk_position == "last":
            # The bridge counts blocks in the same way, so the ends fit what was streamed.
            ends = ("content-block-finish", "message-finish")
            yield from (event for event in _events(self._chunks) if event["event"] in ends)


def _events(chunks: Sequence[AIMessageChunk]) -> Iterator[Any]:
    return chunks_to_events((ChatGenerationChunk(message=chunk) for chunk in chunks), message_id=chunks[0].id)
