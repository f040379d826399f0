"""What the page is told of a reply, event by event: plain data. Pure functions, no I/O.

    opened, restart      {call, at}                    the upstream is asked; a restart goes on from the released text
    draft                {call, text}                  what it writes, as it comes
    closed               {call, at}                    that call is over
    sentence             {index, verdict, draft, ...}  a verdict, as in the record of `on_record`
    released             {text}                        what the reader of the reply gets
    end                  {finish, totals, ...}         the last event
    error                {message}                     in its place if the reply broke off

Times are in seconds since the reply began.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stream_aligner_lc.corrections import CHANGED
from stream_aligner_lc.errors import StreamAlignerError
from stream_aligner_lc.faults import chain_of
from stream_aligner_lc.showing.differences import coded

Event = dict[str, Any]

_TOLD = ("index", "verdict", "kind", "draft", "text", "lead", "error", "breaker", "drafting", "aligning")


def opened(call: int, at: float) -> Event:
    """Say that the upstream is asked, for the first time or again."""
    return {"type": "opened" if call == 1 else "restart", "call": call, "at": round(at, 4)}


def drafted(call: int, text: str) -> Event:
    """Say what the upstream has written."""
    return {"type": "draft", "call": call, "text": text}


def closed(call: int, at: float) -> Event:
    """Say that a call of the upstream is over."""
    return {"type": "closed", "call": call, "at": round(at, 4)}


def judged(record: Mapping[str, Any]) -> Event:
    """Say what became of a sentence; where it was changed, `parts` are the differences."""
    event = {"type": "sentence", **{name: record.get(name) for name in _TOLD}}
    if record["verdict"] in CHANGED:
        event["parts"] = coded(record["draft"], record["text"])
    return event


def released(text: str) -> Event:
    """Say what was let out."""
    return {"type": "released", "text": text}


def ended(metadata: Mapping[str, Any], *, first: float | None, text: str, took: float) -> Event:
    """Say what the reply cost, from its last metadata; `first` is when its first sentence was out."""
    totals = metadata.get("stream_aligner") or {}
    written = totals.get("upstream_characters") or 0
    return {
        "type": "end",
        "finish": metadata.get("finish_reason") or "stop",
        "totals": totals,
        "first_sentence_seconds": first,
        "seconds": took,
        # As in an evaluation: how much the upstream wrote for what was shown.
        "waste": written / len(text) if text else None,
    }


def failed(fault: BaseException) -> Event:
    """Say that the reply broke off, and by whose fault."""
    # What a provider says of an error may hold a key or an address; what we say by ourselves does not.
    if isinstance(fault, StreamAlignerError) and fault.__cause__ is None:
        return {"type": "error", "message": f"{type(fault).__name__}: {fault}"}
    return {"type": "error", "message": f"{chain_of(fault)}. Its words are not passed on: they may hold a key."}


def broken_off() -> Event:
    """Say that the server ended the reply."""
    return {"type": "error", "message": "The server broke this reply off: ask again a little later."}
