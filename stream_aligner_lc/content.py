"""Take a message chunk apart into text and the rest, and put text back into its form. No I/O."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeGuard

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage

# Kept on every released chunk: they say how its content blocks are to be read.
FORM_KEYS = ("model_provider", "output_version")

_REASONING_BLOCKS = {"reasoning", "thinking", "redacted_thinking", "reasoning_content"}
_REASONING_KEYS = {"reasoning_content", "reasoning", "reasoning_details", "thinking"}
_TEXT_TYPES = {"text", "output_text"}
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
    # A chunk parses its arguments leniently; as a quoted string they stay what they were, no call that can run.
    invalid = [{**call, "args": json.dumps(call["args"] or "")} for call in invalid]
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
        is_call = any(extras.get(key) for key in _CALL_KEYS)
        empty: str | list[str | dict[str, Any]] = "" if isinstance(message.content, str) else []
        yield OtherPart(AIMessageChunk(content=empty, additional_kwargs=extras), ends_text=is_call, is_call=is_call)
    if isinstance(message.content, str):
        if message.content:
            yield TextPart(message.content, None)
        others: str | list[str | dict[str, Any]] = ""
    else:
        others = []
        for block in message.content:
            if _is_text(block):
                if others:
                    yield OtherPart(AIMessageChunk(content=others), ends_text=True, is_call=False)
                    others = []
                yield from _text_parts(block)
            elif not (drop_reasoning and _is_reasoning(block)):
                others.append(block)
    if others or message.tool_call_chunks:
        chunk = AIMessageChunk(content=others, tool_call_chunks=message.tool_call_chunks)
        yield OtherPart(chunk, ends_text=True, is_call=bool(message.tool_call_chunks))


def without_reasoning(message: AIMessageChunk) -> AIMessageChunk:
    """Return the chunk without what the model said to itself."""
    extras = {key: value for key, value in message.additional_kwargs.items() if key not in _REASONING_KEYS}
    content = message.content
    if not isinstance(content, str):
        content = [block for block in content if not _is_reasoning(block)]
    return message.model_copy(update={"content": content, "additional_kwargs": extras})


def _is_text(block: str | dict[str, Any]) -> bool:
    if isinstance(block, str):
        return True
    return block.get("type", "text") in _TEXT_TYPES and isinstance(block.get("text", ""), str)


def _is_reasoning(block: str | dict[str, Any]) -> bool:
    return isinstance(block, dict) and block.get("type") in _REASONING_BLOCKS


def _text_parts(block: str | dict[str, Any]) -> Iterator[TextPart | OtherPart]:
    if isinstance(block, str):
        yield TextPart(block, {"type": "text"})
    else:
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
    """Give the content blocks of a reply places that are their own.

    A restarted upstream numbers its blocks from 0 again: its first text goes on in `block`, the text block of the
    reply so far, and every other block gets a place behind the `taken` ones. A first call keeps its numbers, but
    where LangChain gives text and a tool call the same one.
    """

    def __init__(self, block: dict[str, Any] | None = None, taken: int = 0) -> None:
        self._block = block
        self._taken = taken
        self._places: dict[tuple[str, Any], Any] = {}

    def place_text(self, form: dict[str, Any] | None) -> dict[str, Any] | None:
        """Return where text that came in a block of this `form` belongs."""
        if form is None or "index" not in form:
            return form
        if self._block is not None and "index" in self._block and not self._places:
            self._places["text", form["index"]] = self._block["index"]
        return {**form, "index": self._place("text", form["index"])}

    def place_other(self, chunk: AIMessageChunk) -> AIMessageChunk:
        """Return the chunk with its blocks and tool calls in places of their own."""
        if isinstance(chunk.content, list):
            chunk.content = [self._placed(block) for block in chunk.content]
        if self._taken:
            for call in chunk.tool_call_chunks:
                call["index"] = self._moved(call["index"])
        return chunk

    def _placed(self, block: str | dict[str, Any]) -> str | dict[str, Any]:
        if isinstance(block, str) or "index" not in block:
            return block
        return {**block, "index": self._place("text" if _is_text(block) else "other", block["index"])}

    def _place(self, kind: str, index: Any) -> Any:
        if (kind, index) not in self._places:
            place = self._moved(index)
            while isinstance(place, int) and place in self._places.values():
                place += 1
            self._places[kind, index] = place
        return self._places[kind, index]

    def _moved(self, index: Any) -> Any:
        if isinstance(index, int):
            return index + self._taken
        return f"{index}+{self._taken}" if self._taken and isinstance(index, str) else index


def joined_blocks(content: str | list[Any]) -> str | list[Any]:
    """Return `content` with neighbouring text blocks that have no index as one: they were one before they were cut."""
    if isinstance(content, str):
        return content
    blocks: list[Any] = []
    for block in content:
        last = blocks[-1] if blocks else None
        if _is_bare_text(last) and _is_bare_text(block):
            blocks[-1] = {**last, "text": last["text"] + block["text"]}
        else:
            blocks.append(block)
    return blocks


def _is_bare_text(block: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(block, dict) and set(block) == {"type", "text"}


def places_taken(content: str | list[Any]) -> int:
    """Return one more than the highest block index in `content`; 0 if there is none."""
    blocks = content if isinstance(content, list) else []
    indices = [block["index"] for block in blocks if isinstance(block, dict) and isinstance(block.get("index"), int)]
    return max(indices, default=-1) + 1
