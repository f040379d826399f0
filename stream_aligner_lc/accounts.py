"""What a reply cost, and what its last chunk says of it. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, message_chunk_to_message
from langchain_core.messages.ai import UsageMetadata, add_ai_message_chunks, add_usage

from stream_aligner_lc.answers import FINISH_KEYS, cut_off
from stream_aligner_lc.breaker import Breaker, is_open
from stream_aligner_lc.content import joined_blocks
from stream_aligner_lc.corrections import Correction, Decision, Verdict
from stream_aligner_lc.options import LoopOptions
from stream_aligner_lc.state import DraftPiece, EndPiece, Progress


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What the ledger must know of the run: the options, the bounds of the whole reply, and names to report."""

    options: LoopOptions
    stop: Sequence[str] = ()
    max_tokens: int | None = None
    exact: bool = True
    """Whether the upstream continues a prefix (`Continuation.exact`)."""
    names: dict[str, str] | None = None
    """Reported as they are: the aligner, the continuation."""
    model_name: str = ""
    interrupt_on: Verdict | None = None
    """The verdict that waits for a person."""
    own_tokens: Callable[[str], int | None]
    """How many tokens a text has for the upstream itself; None where that is not known."""

    def tokens_of(self, text: str, *, draft: str, draft_tokens: int) -> int:
        """Return how many tokens a text has that stands for a draft of so many."""
        own = self.own_tokens(text)
        return scaled_tokens(draft_tokens, draft, text) if own is None else own


def account(progress: Progress, end: EndPiece) -> None:
    """Add what one upstream call cost."""
    progress["overlap"] += end["overlap"]
    progress["written"] += end["written"]
    if end["usage"] is not None and end["natural"]:
        progress["usage"] = add_usage(progress["usage"], end["usage"])
        progress["reports"] = True
        return
    # A call that was closed never reports what it wrote, at most what it read.
    known = end["usage"] or end["estimate"]
    progress["reports"] = progress["reports"] or end["usage"] is not None
    output = max(known["output_tokens"], end["estimate"]["output_tokens"])
    total = known["input_tokens"] + output
    cost = UsageMetadata(input_tokens=known["input_tokens"], output_tokens=output, total_tokens=total)
    progress["estimate"] = add_usage(progress["estimate"], cost)
    progress["estimated_by"] = with_name(progress["estimated_by"], end["estimated_by"])


def was_cut_off(end: EndPiece) -> bool:
    """Say whether the provider ended the call before its text was complete."""
    return cut_off(end["metadata"]) is not None


def final_chunk(progress: Progress, terms: Terms) -> AIMessageChunk:
    """Return the last, empty chunk of a reply: usage, metadata and totals, each on this chunk alone."""
    metadata = dict(progress["metadata"])
    if terms.model_name:
        metadata.setdefault("model_name", terms.model_name)
    if reason := progress["finish"]:
        metadata.update({key: reason for key in FINISH_KEYS if key in metadata}, finish_reason=reason)
    metadata["stream_aligner"] = {
        **totals(progress, terms.names or {}),
        "breaker": "open" if is_open(progress, terms.options) else "closed",
    }
    usage = add_usage(progress["usage"], progress["estimate"]) if progress["reports"] else None
    return AIMessageChunk(
        content="" if progress["block"] is None else [],
        response_metadata=metadata,
        usage_metadata=usage,
        chunk_position="last",
    )


def whole_message(pieces: Sequence[Any], reply_id: str) -> AIMessage:
    """Return the message that the released pieces, strings and wrapped chunks, add up to."""
    chunks: list[AIMessageChunk] = []
    strings: list[str] = []
    for piece in pieces:
        if isinstance(piece, str):
            strings.append(piece)
            continue
        if strings:
            chunks.append(AIMessageChunk(content="".join(strings)))
            strings = []
        chunks.append(piece["chunk"])
    message = message_chunk_to_message(add_ai_message_chunks(chunks[0], *chunks[1:]))
    assert isinstance(message, AIMessage), "a sum of AI message chunks is an AI message"
    message.id = reply_id
    message.content = joined_blocks(message.content)
    return message


def totals(progress: Progress, names: dict[str, str]) -> dict[str, Any]:
    """Return what `response_metadata["stream_aligner"]` says of a reply."""
    usage = add_usage(progress["usage"], progress["estimate"])
    return {
        "sentences": dict(progress["verdicts"]),
        "upstream_calls": progress["calls"],
        "restarts": progress["restarts"],
        "upstream_tokens": {
            "input": usage["input_tokens"],
            "output": usage["output_tokens"],
            "estimated": progress["estimate"]["total_tokens"] > 0,
            "by": list(progress["estimated_by"]),
        },
        "aligner_tokens": progress["aligner_tokens"],
        "aligner_seconds": round(progress["aligner_seconds"], 6),
        "aligner_effort": dict(progress["aligner_effort"]),
        "aligner_faults": progress["aligner_faults"],
        "seconds": round(progress["seconds"], 6),
        "upstream_characters": progress["written"],
        "repeated_characters_cut": progress["overlap"],
        **names,
    }


def record_of(
    progress: Progress,
    piece: DraftPiece,
    decision: Decision,
    answer: Correction | None,
    *,
    seconds: float,
    breaker: Breaker,
) -> dict[str, Any]:
    """Return what `on_record` is told of one sentence."""
    return {
        "reply": progress["reply_id"],
        "index": progress["index"],
        "kind": piece["kind"],
        "verdict": decision.verdict,
        "draft": piece["text"],
        "text": decision.text,
        "error": decision.error,
        "breaker": breaker,
        "upstream_call": progress["calls"],
        "draft_tokens": piece["tokens"],
        "aligner_tokens": answer.tokens if answer else 0,
        "prefix_cut": answer.prefix_cut if answer else 0,
        "aligner_seconds": round(seconds, 6),
        "drafting": piece["drafting"],
    }


def add_counts(counts: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    """Return the sums by name."""
    return {name: counts.get(name, 0) + more.get(name, 0) for name in (*counts, *(more.keys() - counts.keys()))}


def with_name(names: Sequence[str], name: str) -> list[str]:
    """Return the names with another one, unless it is among them."""
    return [*names] if name in names else [*names, name]


def scaled_tokens(tokens: int, draft: str, text: str) -> int:
    """Estimate the tokens of `text`, which stands for a `draft` of so many."""
    return max(1, round(tokens * len(text) / len(draft)))
