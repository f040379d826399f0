"""What a chat model's chunks say, in the words of OpenAI's chat completions. No I/O, no clock."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.ai import UsageMetadata, add_usage

from stream_aligner_lc.answers import FINISH_KEYS

Delta = dict[str, Any]

# What providers and the loop call an end that is none by itself; every other reason is "stop".
_LENGTH = {
    "length",
    "max_output_tokens",
    "max_restarts",
    "max_tokens",
    "model_context_window_exceeded",
    "model_length",
    "timeout",
}
_FILTERED = {
    "aligner_error",
    "blocklist",
    "content_filter",
    "guardrail_intervened",
    "prohibited_content",
    "recitation",
    "refusal",
    "removed",
    "safety",
    "spii",
}
_REASONING = {"reasoning": "reasoning", "thinking": "thinking", "reasoning_content": "reasoning_content"}


class Said:
    """Add up a reply: `delta` of every chunk, in turn, then what became of the whole."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self._calls: dict[Any, int] = {}
        self._last: Any = None
        self._made: list[dict[str, Any]] = []
        self._reasoning: list[str] = []
        self._refusal: list[str] = []
        self._metadata: dict[str, Any] = {}
        self._usage: UsageMetadata | None = None

    def delta(self, chunk: AIMessageChunk) -> str | Delta | None:
        """Return what a chunk adds: a plain text, a delta with more in it, or None if it adds nothing."""
        if chunk.response_metadata:
            self._metadata.update(chunk.response_metadata)
        if chunk.usage_metadata is not None:
            self._usage = add_usage(self._usage, chunk.usage_metadata)
        content = chunk.content
        if isinstance(content, str) and not chunk.additional_kwargs and not chunk.tool_call_chunks:
            if content:
                self.text.append(content)
            return content or None
        return self._mixed(chunk) or None

    @property
    def totals(self) -> dict[str, Any] | None:
        """What the loop says of the reply, with its own reason for the end; None for one that is not aligned."""
        totals = self._metadata.get("stream_aligner")
        return {**totals, "finish_reason": self._reason} if isinstance(totals, Mapping) else None

    @property
    def finish_reason(self) -> str:
        """Why the reply ended, as one of OpenAI's reasons."""
        reason = self._reason.lower()
        if reason in _FILTERED:
            return "content_filter"
        if reason in _LENGTH:
            return "length"
        return "tool_calls" if self._made else "stop"

    @property
    def usage(self) -> dict[str, Any]:
        """What the reply cost: as the upstream reports it, else as the loop estimates it."""
        if self._usage is not None:
            return _reported(self._usage)
        totals = self._metadata.get("stream_aligner", {}).get("upstream_tokens", {"input": 0, "output": 0})
        return _usage(totals["input"], totals["output"])

    @property
    def message(self) -> dict[str, Any]:
        """The whole reply."""
        text = "".join(self.text)
        message: dict[str, Any] = {"role": "assistant", "content": text if text or not self._made else None}
        message["refusal"] = "".join(self._refusal) or None
        if self._reasoning:
            message["reasoning_content"] = "".join(self._reasoning)
        if self._made:
            message["tool_calls"] = self._made
        return message

    @property
    def _reason(self) -> str:
        return next((str(self._metadata[key]) for key in FINISH_KEYS if self._metadata.get(key)), "stop")

    def _mixed(self, chunk: AIMessageChunk) -> Delta:
        delta: Delta = {}
        if text := str(chunk.text):
            self.text.append(text)
            delta["content"] = text
        if refusal := _refusal(chunk):
            self._refusal.append(refusal)
            delta["refusal"] = refusal
        if reasoning := _reasoning(chunk):
            self._reasoning.append(reasoning)
            delta["reasoning_content"] = reasoning
        if chunk.tool_call_chunks:
            delta["tool_calls"] = [self._call(dict(call)) for call in chunk.tool_call_chunks]
        return delta

    def _call(self, piece: Mapping[str, Any]) -> Delta:
        """Return a piece of a tool call under a number of its own; some providers count content blocks, or not."""
        place = piece.get("index")
        if place is None:
            # A whole call: what belongs to one that was begun has no id.
            place = f"call {len(self._made)}" if piece.get("id") or not self._made else self._last
        is_new, self._last = place not in self._calls, place
        number = self._calls.setdefault(place, len(self._made))
        arguments = piece.get("args") or ""
        if not is_new:
            self._made[number]["function"]["arguments"] += arguments
            return {"index": number, "function": {"arguments": arguments}}
        name = piece.get("name") or ""
        function = {"name": name, "arguments": arguments}
        made = {"id": piece.get("id") or f"call_{number}", "type": "function"}
        self._made.append({**made, "function": function})
        return {"index": number, **made, "function": dict(function)}


def _refusal(chunk: AIMessageChunk) -> str:
    said = chunk.additional_kwargs.get("refusal")
    blocks = [block["refusal"] for block in _blocks(chunk) if isinstance(block.get("refusal"), str)]
    return "".join([said if isinstance(said, str) else "", *blocks])


def _reasoning(chunk: AIMessageChunk) -> str:
    said = chunk.additional_kwargs.get("reasoning_content")
    thoughts = [block.get(_REASONING.get(str(block.get("type")), "")) for block in _blocks(chunk)]
    return "".join(each for each in (said, *thoughts) if isinstance(each, str))


def _blocks(chunk: AIMessageChunk) -> list[dict[str, Any]]:
    return [block for block in chunk.content if isinstance(block, dict)] if isinstance(chunk.content, list) else []


def _reported(usage: UsageMetadata) -> dict[str, Any]:
    said = _usage(usage["input_tokens"], usage["output_tokens"])
    said["total_tokens"] = usage["total_tokens"]
    if (cached := usage.get("input_token_details", {}).get("cache_read")) is not None:
        said["prompt_tokens_details"] = {"cached_tokens": cached}
    if (thought := usage.get("output_token_details", {}).get("reasoning")) is not None:
        said["completion_tokens_details"] = {"reasoning_tokens": thought}
    return said


def _usage(read: int, wrote: int) -> dict[str, Any]:
    return {"prompt_tokens": read, "completion_tokens": wrote, "total_tokens": read + wrote}


class Frames:
    """The events of one streamed reply. What all of them share is rendered once."""

    def __init__(self, reply_id: str, created: int, model: str) -> None:
        head = {"id": reply_id, "object": "chat.completion.chunk", "created": created, "model": model}
        self._head = f"data: {json.dumps(head)[:-1]}"
        self._before = f'{self._head}, "choices": [{{"index": 0, "delta": '
        self._after = ', "finish_reason": null}]}\n\n'
        self._text = f'{self._before}{{"content": '
        self._begun = False

    def delta(self, delta: str | Delta) -> bytes:
        """Return the event of one delta; the first one says whose turn it is."""
        # In ASCII, halves of a surrogate pair that came one by one are one character again at the client's.
        if not self._begun:
            self._begun = True
            first = {"role": "assistant", **({"content": delta} if isinstance(delta, str) else delta)}
            return f"{self._before}{json.dumps(first)}{self._after}".encode()
        if isinstance(delta, str):
            return f"{self._text}{json.dumps(delta)}}}{self._after}".encode()
        return f"{self._before}{json.dumps(delta)}{self._after}".encode()

    def end(self, said: Said, *, include_usage: bool) -> bytes:
        """Return the last events: the reason with the loop's totals, the usage if it was asked for, and the end."""
        events = [] if self._begun else [self.delta("").decode()]
        choice = {"index": 0, "delta": {}, "finish_reason": said.finish_reason}
        totals = {} if said.totals is None else {"stream_aligner": said.totals}
        events.append(self._with({"choices": [choice], **totals}))
        if include_usage:
            events.append(self._with({"choices": [], "usage": said.usage}))
        return "".join([*events, "data: [DONE]\n\n"]).encode()

    def _with(self, rest: Mapping[str, Any]) -> str:
        return f"{self._head}, {json.dumps(rest)[1:]}\n\n"


def completion(reply_id: str, created: int, model: str, said: Said) -> dict[str, Any]:
    """Return a whole reply as the body of an answer."""
    totals = {} if said.totals is None else {"stream_aligner": said.totals}
    choice = {"index": 0, "message": said.message, "finish_reason": said.finish_reason, "logprobs": None}
    return {
        "id": reply_id,
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [choice],
        "usage": said.usage,
        **totals,
    }


def error_event(body: Mapping[str, Any]) -> bytes:
    """Return the event of a reply that cannot go on."""
    return f"event: error\ndata: {json.dumps(body)}\n\n".encode()
