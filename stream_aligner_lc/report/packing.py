"""Replies as the small arrays that the page unfolds. Pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stream_aligner_lc.corrections import CHANGED
from stream_aligner_lc.resumable.prompts import reference_of
from stream_aligner_lc.showing.differences import coded


def packed(reply: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the page shows of one reply; times in milliseconds, parts without content left out."""
    bare, aligned = reply.get("bare") or {}, reply["aligned"]
    sentences = aligned["sentences"]
    shown = {
        "id": str(reply.get("id", "")),
        "q": _question(reply.get("messages") or ()),
        "kind": reply.get("kind"),
        "ref": reference_of(reply) if "right" in reply else None,
        "right": reply.get("right"),
        "graded": reply.get("graded"),
        "judged": reply.get("judged"),
        "scores": reply.get("scores"),
        "bare": bare.get("text"),
        "bareMs": _ms(bare.get("seconds")),
        "ms": _ms(aligned.get("seconds")),
        "firstMs": _ms(aligned.get("first_sentence_seconds")),
        "restarts": aligned.get("restarts"),
        "changed": sum(each["verdict"] in CHANGED for each in sentences),
        "s": [_sentence(each) for each in sentences],
    }
    return {name: value for name, value in shown.items() if value not in (None, "")}


def _sentence(record: Mapping[str, Any]) -> list[Any]:
    """Return verdict, whitespace before, text or its differences, drafting, aligning, error."""
    is_changed = record["verdict"] in CHANGED
    said: Any = record["text"]
    if is_changed:
        said = coded(record["draft"], record["text"])
    spans = [_span(record.get(name)) for name in ("drafting", "aligning")]
    row = [record["verdict"], record.get("lead", " "), said, *spans, record.get("error")]
    while row[-1] is None:
        row.pop()
    return row


def _question(messages: Sequence[Mapping[str, str]]) -> str:
    if len(messages) == 1:
        return str(messages[0]["content"])
    return "\n\n".join(f"{each['role']}: {each['content']}" for each in messages)


def _span(seconds: Sequence[float] | None) -> list[int] | None:
    return None if seconds is None else [round(1000 * each) for each in seconds]


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(1000 * seconds)
