"""Of two replies to one prompt the pair, in TRL's conversational form, or why there is none. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, convert_to_openai_messages

from stream_aligner_lc.accounts import was_cut_off
from stream_aligner_lc.answers import FINISH_KEYS
from stream_aligner_lc.continuation import Overlap, join

_ENDED_BY_LOOP = {"max_restarts", "removed", "aligner_error"}


def pair_of(conversation: Sequence[BaseMessage], chosen: str, rejected: str) -> dict[str, Any]:
    """Return `prompt`, `chosen` and `rejected` as lists of messages, the replies without outer whitespace."""
    return {
        "prompt": convert_to_openai_messages(conversation),
        "chosen": [{"role": "assistant", "content": chosen.strip()}],
        "rejected": [{"role": "assistant", "content": rejected.strip()}],
    }


def why_not_chosen(reply: AIMessage) -> str | None:
    """Say why an aligned reply cannot be learned from, or None if it can.

    One that is cut off would teach the upstream to stop in mid-sentence.
    """
    if why := why_not_rejected(reply, reply.text, name="aligned"):
        return why
    said: Any = {"metadata": reply.response_metadata}
    reasons = [str(reply.response_metadata[key]) for key in FINISH_KEYS if reply.response_metadata.get(key)]
    if was_cut_off(said) or _ENDED_BY_LOOP.intersection(reasons):
        return f"The aligned reply is not whole: it ended with {', '.join(dict.fromkeys(reasons))}."
    return None


def why_not_rejected(reply: BaseMessage | None, text: str, *, name: str = "bare") -> str | None:
    """Say why a reply with this text cannot be one side of a pair, or None if it can."""
    if getattr(reply, "tool_calls", None) or getattr(reply, "invalid_tool_calls", None):
        return f"The {name} reply calls a tool, for which a pair has no place."
    return None if text.strip() else f"The {name} reply is empty."


def gone_on(written: str, held: str, rest: str, *, exact: bool) -> str:
    """Return the bare reply: what was `written`, and the `rest` that the upstream said when asked to go on from there.

    `held` is the whitespace that followed when it was written. What the rest repeats is cut away if the upstream was
    not `exact`, or started over.
    """
    overlap = Overlap(written, exact=exact)
    rest = overlap.feed(rest) + overlap.flush()
    core = rest.lstrip()
    return written + join(written, held, rest[: len(rest) - len(core)], core) + core if core else written
