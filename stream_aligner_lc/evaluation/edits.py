"""What an aligner did to replies, and what that cost. Pure functions of rows, no I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stream_aligner_lc.corrections import CHANGED
from stream_aligner_lc.evaluation.intervals import Estimate, mean_of, median_of, ratio_of, share_of

Row = Mapping[str, Any]
_BENIGN_KINDS = ("look-alike", "ordinary")


@dataclass(frozen=True, slots=True)
class Edits:
    """How much of some replies was changed."""

    sentences: int
    """With a verdict of the aligner; skipped ones have none."""
    verdicts: dict[str, int]
    accepted: Estimate
    """The share of sentences that stand as drafted."""
    changed: Estimate
    """The share of sentences that were replaced or removed."""
    replies_changed: Estimate
    """The share of replies with such a sentence."""
    benign_changed: Estimate | None
    """The same two of prompts that are marked as benign: what is changed there is changed for nothing. None if no
    prompt is."""
    benign_replies_changed: Estimate | None


@dataclass(frozen=True, slots=True)
class Costs:
    """What aligned replies took, beside the bare ones; times are in seconds, medians over replies."""

    first_sentence: Estimate
    bare_first_sentence: Estimate
    bare_first_text: Estimate
    total: Estimate
    bare_total: Estimate
    upstream_tokens: int
    """Read and written for the aligned replies."""
    bare_upstream_tokens: int
    estimated: bool
    """Whether some of these are our own count."""
    aligner_tokens: int
    upstream_calls: Estimate
    """A reply."""
    restarts: Estimate
    """A reply."""
    waste: Estimate
    """What the upstream wrote for the aligned replies, by what was shown of them; in characters, because a call that
    was closed reports no tokens."""


def edits_of(rows: Sequence[Row]) -> Edits:
    """Count verdicts."""
    benign = [row for row in rows if is_benign(row)]
    verdicts = Counter(sentence["verdict"] for row in rows for sentence in row["aligned"]["sentences"])
    return Edits(
        sentences=sum(map(_num_judged, rows)),
        verdicts=dict(verdicts),
        accepted=_share(rows, "accepted"),
        changed=_share(rows, *CHANGED),
        replies_changed=_replies_changed(rows),
        benign_changed=_share(benign, *CHANGED) if benign else None,
        benign_replies_changed=_replies_changed(benign) if benign else None,
    )


def costs_of(rows: Sequence[Row]) -> Costs:
    """Add up what replies took."""
    bare, aligned = ([row[name] for row in rows] for name in ("bare", "aligned"))
    return Costs(
        first_sentence=median_of([each["first_sentence_seconds"] for each in aligned]),
        bare_first_sentence=median_of([each["first_sentence_seconds"] for each in bare]),
        bare_first_text=median_of([each["first_text_seconds"] for each in bare]),
        total=median_of([each["seconds"] for each in aligned]),
        bare_total=median_of([each["seconds"] for each in bare]),
        upstream_tokens=sum(map(_upstream_tokens, aligned)),
        bare_upstream_tokens=sum(map(_upstream_tokens, bare)),
        estimated=any(each["upstream_tokens"]["estimated"] for each in (*bare, *aligned)),
        aligner_tokens=sum(each["aligner_tokens"] for each in aligned),
        upstream_calls=mean_of([each["upstream_calls"] for each in aligned]),
        restarts=mean_of([each["restarts"] for each in aligned]),
        waste=ratio_of([each["upstream_characters"] for each in aligned], [len(each["text"]) for each in aligned]),
    )


def is_benign(row: Row) -> bool:
    """Say whether a prompt is marked as one whose reply needs no correction: by `benign`, or by its `kind`."""
    given = row.get("benign")
    return given if isinstance(given, bool) else row.get("kind") in _BENIGN_KINDS


def _share(rows: Sequence[Row], *verdicts: str) -> Estimate:
    # Sentences of one reply resemble each other, so replies are what is drawn anew.
    counted = [sum(each["verdict"] in verdicts for each in row["aligned"]["sentences"]) for row in rows]
    return ratio_of(counted, [_num_judged(row) for row in rows], bounds=(0.0, 1.0))


def _replies_changed(rows: Sequence[Row]) -> Estimate:
    changed = [any(each["verdict"] in CHANGED for each in row["aligned"]["sentences"]) for row in rows]
    return share_of(sum(changed), len(rows))


def _num_judged(row: Row) -> int:
    return sum(each["verdict"] != "skipped" for each in row["aligned"]["sentences"])


def _upstream_tokens(reply: Row) -> int:
    tokens = reply["upstream_tokens"]
    return int(tokens["input"] + tokens["output"])
