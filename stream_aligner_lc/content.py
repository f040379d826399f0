"""Take a message chunk apart into text and the rest, and put text back into its form. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage

# Kept on every released chunk: they say how its content blocks are to be read.
FORM_KEYS = ("model_provider", "output_version")

_REASONING_BLOCKS = {"reasoning", "thinking", "redacted_thinking", "reasoning_content"}
_REASONING_KEYS = {"reasoning_content", "reasoning", "thinking"}
_TEXT_BLOCK_KEYS = ("type", "index", "id")
_CALL_KEYS = ("function_call", "tool_calls")


class TextPart(NamedTuple):
    """Text, and the content block that it stood in (without the text), or None for string content."""

    text: str
    block: dict[str, Any] | None


class OtherPart(NamedTuple):
    """A chunk without text; `ends_text` if text before it is complete, `is_call` if it calls a tool."""

    chunk: AIMessageChunk
    ends_text: bool
    is_call: bool


def as_chunk(message: BaseMessage) -> AIMessageChunk:
    """Return `message` as a chunk: models without streaming yield whole messages."""
    if isinstance(message, AIMessageChunk):
        return message
    tool_calls = message.tool_calls if isinstance(message, AIMessage) else []
    invalid = message.invalid_tool_calls if isinstance(message, AIMessage) else []
    return AIMessageChunk(
        content=message.content,
        additional_kwargs=message.additional_kwargs,
        response_metadata=message.response_metadata,
        usage_metadata=message.usage_metadata if isinstance(message, AIMessage) else None,
        tool_calls=tool_calls,
        invalid_tool_calls=invalid,
    )


def parts(message: AIMessageChunk, *, drop_reasoning: bool = False) -> Iterator[TextPart | OtherPart]:
    """Yield the parts of a chunk in the order of reading: extras, text and blocks, tool calls."""
    extras = message.additional_kwargs
    if drop_reasoning:
        extras = {key: value for key, value in extras.items() if key not in _REASONING_KEYS}
    if extras:
        is_call = any(key in extras for key in _CALL_KEYS)
        yield OtherPart(AIMessageChunk(content="", additional_kwargs=extras), ends_text=is_call, is_call=is_call)
    if isinstance(message.content, str):
        if message.content:
            yield TextPart(message.content, None)
        others: str | list[str | dict[str, Any]] = ""
    else:
        blocks = [block for block in message.content if not (drop_reasoning and _is_reasoning(block))]
        for block in blocks:
            yield from _text_parts(block)
        others = [block for block in blocks if not _is_text(block)]
    if others or message.tool_call_chunks:
        chunk = AIMessageChunk(content=others, tool_call_chunks=message.tool_call_chunks)
        yield OtherPart(chunk, ends_text=True, is_call=bool(message.tool_call_chunks))


def _is_text(block: str | dict[str, Any]) -> bool:
    return isinstance(block, str) or block.get("type") == "text"


def _is_reasoning(block: str | dict[str, Any]) -> bool:
    return isinstance(block, dict) and block.get("type") in _REASONING_BLOCKS


def _text_parts(block: str | dict[str, Any]) -> Iterator[TextPart | OtherPart]:
    if isinstance(block, str):
        yield TextPart(block, {"type": "text"})
    elif block.get("type") == "text":
        yield from _text_block(block)


def _text_block(block: dict[str, Any]) -> Iterator[TextPart | OtherPart]:
    form = {key: block[key] for key in _TEXT_BLOCK_KEYS if key in block}
    if text := block.get("text"):
        yield TextPart(text, form)
    if any(value for key, value in block.items() if key not in form and key != "text"):
        # Annotations and citations belong to the text around them and do not end it.
        yield OtherPart(AIMessageChunk(content=[{**block, "text": ""}]), ends_text=False, is_call=False)


def text_chunk(text: str, block: dict[str, Any] | None, metadata: dict[str, Any]) -> AIMessageChunk:
    """Return released text in the form that the upstream's own text had."""
    content: str | list[str | dict[str, Any]] = text if block is None else [{**block, "text": text}]
    return AIMessageChunk(content=content, response_metadata=metadata)


class BlockPlaces:
    """Give the content blocks of a continued reply places of their own.

    A restarted upstream numbers its blocks from 0 again. Its first text goes on in `block`, the text block of
    the reply so far; any other block gets a place behind the `taken` ones. A first call keeps its numbers.
    """

    def __init__(self, block: dict[str, Any] | None = None, taken: int = 0) -> None:
        self._block = block
        self._taken = taken
        self._places: dict[Any, Any] = {}
        self._texts = 0

    def place_text(self, form: dict[str, Any] | None) -> dict[str, Any] | None:
        """Return where text that came in a block of this `form` belongs."""
        if form is None or self._block is None:
            return form
        index = form.get("index")
        if index not in self._places:
            first = self._texts == 0
            self._texts += 1
            self._places[index] = self._block.get("index") if first else self._moved(index)
        return {**form, "index": self._places[index]} if "index" in form else form

    def place_other(self, chunk: AIMessageChunk) -> AIMessageChunk:
        """Return the chunk with its blocks and tool calls in places of their own."""
        if self._block is None and not self._taken:
            return chunk
        if isinstance(chunk.content, list):
            chunk.content = [self._placed(block) for block in chunk.content]
        if chunk.tool_call_chunks:
            for call in chunk.tool_call_chunks:
                call["index"] = self._moved(call["index"])
        return chunk

    def _placed(self, block: str | dict[str, Any]) -> str | dict[str, Any]:
        if isinstance(block, str) or "index" not in block:
            return block
        return {**block, "index": self._places.get(block["index"], self._moved(block["index"]))}

    def _moved(self, index: Any) -> Any:
        if isinstance(index, int):
            return index + self._taken
        return f"{index}+{self._taken}" if isinstance(index, str) else index


def places_taken(content: str | list[Any]) -> int:
    """Return one more than the highest block index in `content`; 0 if there is none."""
    blocks = content if isinstance(content, list) else []
    indices = [block["index"] for block in blocks if isinstance(block, dict) and isinstance(block.get("index"), int)]
    return max(indices, default=-1) + 1
