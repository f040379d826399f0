"""All figures of an evaluation, from its rows. Pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from stream_aligner_lc.evaluation.edits import Costs, Edits, Row, costs_of, edits_of
from stream_aligner_lc.evaluation.intervals import Estimate, difference_of, mean_of, share_of
from stream_aligner_lc.evaluation.judging.preference import Judged, Preference, preference_of
from stream_aligner_lc.evaluation.maths import is_same_answer
from stream_aligner_lc.resumable.prompts import reference_of


@dataclass(frozen=True, slots=True)
class Compared:
    """A figure of the bare replies and of the aligned ones, and by how much the second is above the first."""

    bare: Estimate
    aligned: Estimate
    difference: Estimate
    unreadable: int = 0
    """Judgements that could not be read; those prompts are left out."""


@dataclass(frozen=True, slots=True)
class Results:
    """What came of an evaluation; what was not asked for is empty."""

    prompts: int
    about: Mapping[str, Any]
    """What answered, judged and scored."""
    edits: Edits
    costs: Costs
    answers: Compared | None = None
    """The share of replies whose final answer is the reference."""
    preferences: Mapping[str, Preference] = field(default_factory=dict)
    """By criterion."""
    rubrics: Mapping[str, Compared] = field(default_factory=dict)
    """The share of replies that pass, by kind of prompt."""
    scores: Mapping[str, Compared] = field(default_factory=dict)
    """The mean score of a classifier, by its name."""

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        plain: dict[str, Any] = _plain(self)
        return plain


def scored(row: Row) -> dict[str, Any]:
    """Return a row with what is known of it without asking anybody: whether its answers are right."""
    reference = reference_of(row)
    if reference is None:
        return dict(row)
    right = {name: is_same_answer(reference, row[name]["text"]) for name in ("bare", "aligned")}
    return {**row, "right": right}


def results_of(rows: Sequence[Row], about: Mapping[str, Any]) -> Results:
    """Compute all figures of rows, which hold what judges and classifiers said of them."""
    return Results(
        prompts=len(rows),
        about=about,
        edits=edits_of(rows),
        costs=costs_of(rows),
        answers=_answers([row["right"] for row in rows if "right" in row]),
        preferences={name: _preference(name, rows) for name in _names(rows, "judged")},
        rubrics=_rubrics([row for row in rows if "graded" in row]),
        scores={name: _scores(name, rows) for name in _names(rows, "scores")},
    )


def _answers(right: Sequence[Mapping[str, bool]]) -> Compared | None:
    return _shares([each["bare"] for each in right], [each["aligned"] for each in right]) if right else None


def _preference(name: str, rows: Sequence[Row]) -> Preference:
    of = [row for row in rows if name in row.get("judged", {})]
    return preference_of(
        [
            Judged(
                row["judged"][name]["aligned_first"],
                row["judged"][name]["aligned_second"],
                len(row["aligned"]["text"]),
                len(row["bare"]["text"]),
            )
            for row in of
        ]
    )


def _rubrics(rows: Sequence[Row]) -> dict[str, Compared]:
    found: dict[str, Compared] = {}
    for kind in dict.fromkeys(str(row.get("kind") or "all") for row in rows):
        grades = [row["graded"] for row in rows if str(row.get("kind") or "all") == kind]
        whole = [each for each in grades if None not in (each["bare"], each["aligned"])]
        unreadable = sum(each[name] is None for each in grades for name in ("bare", "aligned"))
        found[kind] = _shares([each["bare"] for each in whole], [each["aligned"] for each in whole], unreadable)
    return found


def _scores(name: str, rows: Sequence[Row]) -> Compared:
    of = [row["scores"][name] for row in rows if name in row.get("scores", {})]
    bare, aligned = [each["bare"] for each in of], [each["aligned"] for each in of]
    return Compared(mean_of(bare), mean_of(aligned), difference_of(aligned, bare))


def _shares(bare: Sequence[bool], aligned: Sequence[bool], unreadable: int = 0) -> Compared:
    difference = mean_of([one - other for one, other in zip(aligned, bare, strict=True)], bounds=(-1.0, 1.0))
    return Compared(share_of(sum(bare), len(bare)), share_of(sum(aligned), len(aligned)), difference, unreadable)


def _names(rows: Sequence[Row], part: str) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row.get(part, {})))


def _plain(value: Any) -> Any:
    if isinstance(value, Estimate):
        return value.as_dict()
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return value
