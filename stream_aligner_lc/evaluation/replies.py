"""Have one prompt answered twice, bare and aligned, and note what each took."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from langchain_core.messages import AIMessageChunk, BaseMessage, convert_to_messages
from langchain_core.runnables import Runnable
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_exponential, wait_random

from stream_aligner_lc.chat_model import StreamAlignedChat
from stream_aligner_lc.content import as_chunk
from stream_aligner_lc.counting import TokenCounter
from stream_aligner_lc.faults import is_transient
from stream_aligner_lc.resumable.costs import cost_of
from stream_aligner_lc.resumable.outcomes import Outcome, Tokens
from stream_aligner_lc.resumable.prompts import Prompt
from stream_aligner_lc.resumable.running import after_fault, outcome_for
from stream_aligner_lc.segmentation import Segmenter

_IN_ROWS = ("index", "kind", "verdict", "lead", "draft", "text", "error", "drafting", "aligning", "upstream_call")


@dataclass(frozen=True)
class Answering:
    """What answers every prompt: an upstream, and the same one with an aligner in front."""

    upstream: Runnable[Any, BaseMessage]
    aligner: Any
    options: Mapping[str, Any] = field(default_factory=dict)
    """The loop's."""
    tries: int = 6
    """How often a bare reply is asked for in all, where a fault may pass."""

    async def __call__(self, prompt: Prompt) -> Outcome:
        """Return the outcome with one row: the prompt, the bare and the aligned reply."""
        made = outcome_for(prompt)
        messages = convert_to_messages(prompt.messages)
        try:
            # Whoever comes second may find the prompt in a cache, so both come second equally often.
            if int(prompt.digest, 16) % 2:
                bare, aligned = await self._bare(messages), await self._aligned(messages)
            else:
                aligned, bare = await self._aligned(messages), await self._bare(messages)
        except Exception as fault:  # noqa: BLE001  # an outcome of its own
            return after_fault(made, fault)
        row = {**prompt.fields, "id": prompt.id, "source": prompt.place, "messages": list(prompt.messages)}
        row = {**row, "bare": bare, "aligned": aligned}
        cost = {name: _tokens(aligned[name]) for name in ("upstream_tokens", "aligner_tokens")}
        upstream = cost["upstream_tokens"] + _tokens(bare["upstream_tokens"])
        return replace(made, rows=[row], upstream=upstream, teacher=cost["aligner_tokens"])

    async def _bare(self, messages: Sequence[BaseMessage]) -> dict[str, Any]:
        # Retries around a model are not made for its streams.
        again = AsyncRetrying(
            stop=stop_after_attempt(self.tries),
            wait=wait_exponential(multiplier=0.25, max=30) + wait_random(0, 0.25),
            retry=retry_if_exception(is_transient),
            reraise=True,
        )
        said: dict[str, Any] = await again(self._streamed, messages)
        return said

    async def _streamed(self, messages: Sequence[BaseMessage]) -> dict[str, Any]:
        began = time.perf_counter()
        segmenter, said = Segmenter(self.options.get("lang")), None
        first_text = first_sentence = None
        async with aclosing(self.upstream.astream(list(messages))) as chunks:  # type: ignore[type-var]
            async for chunk in chunks:
                piece = as_chunk(chunk)
                said = piece if said is None else said + piece
                if not piece.text:
                    continue
                first_text = first_text or time.perf_counter() - began
                if first_sentence is None and (segmenter.feed(str(piece.text)) or segmenter.peek()):
                    first_sentence = time.perf_counter() - began
        seconds = time.perf_counter() - began
        said = said or AIMessageChunk(content="")
        counter = TokenCounter(self.upstream)
        await counter.aload()
        cost = cost_of(messages, said, counter)
        return {
            "text": str(said.text),
            "seconds": round(seconds, 6),
            "first_text_seconds": round(first_text or seconds, 6),
            "first_sentence_seconds": round(first_sentence or seconds, 6),
            "upstream_tokens": {
                "input": cost.input,
                "output": cost.output,
                "estimated": cost.estimated,
                "by": [counter.by] if cost.estimated else [],
            },
        }

    async def _aligned(self, messages: Sequence[BaseMessage]) -> dict[str, Any]:
        began = time.perf_counter()
        records: list[dict[str, Any]] = []
        llm = StreamAlignedChat(self.upstream, self.aligner, on_record=records.append, **self.options)
        first_sentence, said = None, None
        async with aclosing(llm.astream(list(messages))) as chunks:  # type: ignore[type-var]
            async for chunk in chunks:
                if chunk.text and first_sentence is None:
                    first_sentence = time.perf_counter() - began
                said = chunk if said is None else said + chunk
        seconds = time.perf_counter() - began
        assert said is not None, "a reply ends with a chunk that says what it took"
        totals = said.response_metadata["stream_aligner"]
        text = str(said.text)
        return {
            "text": text,
            "seconds": round(seconds, 6),
            "first_sentence_seconds": round(first_sentence or seconds, 6),
            "upstream_tokens": totals["upstream_tokens"],
            "upstream_characters": totals["upstream_characters"],
            "aligner_tokens": totals["aligner_tokens"],
            "aligner_seconds": totals["aligner_seconds"],
            "upstream_calls": totals["upstream_calls"],
            "restarts": totals["restarts"],
            "sentences": [{name: record[name] for name in _IN_ROWS} for record in records],
        }


def _tokens(said: Any) -> Tokens:
    return Tokens.of(said) if isinstance(said, Mapping) else Tokens(output=said)
