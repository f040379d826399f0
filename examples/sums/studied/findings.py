"""From answers and timings to figures with their intervals. What is drawn anew are problems."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import Any

from stream_aligner_lc.evaluation.intervals import Estimate, difference_of, mean_of, median_of, ratio_of
from studied.answering import answers
from studied.plans import SAMPLING_SEEDS, TRAINING_SEEDS, WAYS, Plan
from studied.timing import TIMED, timings
from studied.training import trained

Rows = list[dict[str, Any]]
MERGED = {each: tuple(f"{each}-{seed}" for seed in TRAINING_SEEDS) for each in ("stream", "whole", "shown")}
"""What stands for all training seeds of an aligner together."""
COMPARED = (
    ("whole", "bare"),
    ("shown", "bare"),
    ("stream", "bare"),
    ("stream", "whole"),
    ("stream", "shown"),
    ("brief-stream", "brief-whole"),
    ("long-stream", "long-whole"),
    ("stream-0", "paper"),
)
"""Pairs of ways: by how much more problems the first one solves."""
_COSTS = ("upstream_calls", "restarts", "aligner_tokens", "seconds")


def found(out: Path, plan: Plan) -> dict[str, Any]:
    """Return all figures, as they are kept."""
    read = {name: [_rows(answers(out, name, seed)) for seed in way.seeds] for name, way in WAYS.items()}
    read |= {name: [rows for way in ways for rows in read[way]] for name, ways in MERGED.items()}
    timed = {way: [_rows(timings(out, way, seed)) for seed in SAMPLING_SEEDS] for way in TIMED}
    return {
        "about": {
            "made": datetime.now(UTC).date().isoformat(),
            "python": platform.python_version(),
            "seeds": list(SAMPLING_SEEDS),
            **plan._asdict(),
        },
        "answers": {way: answered(sets) for way, sets in read.items()},
        "differences": {
            f"{way} - {other}": difference_of(rights(read[way]), rights(read[other])).as_dict()
            for way, other in COMPARED
        },
        "timings": {way: timed_as(sets) for way, sets in timed.items()},
        "models": trained(out),
    }


def answered(sets: Sequence[Rows]) -> dict[str, Any]:
    """Return what sets of answers to the same problems come to; each set is of one seed."""
    rows = [row for each in sets for row in each]
    return {
        "right": mean_of(rights(sets), bounds=(0, 1)).as_dict(),
        "by set": [round(fmean(row["right"] for row in each), 4) for each in sets],
        "waste": ratio_of(of_problems(sets, "written"), of_problems(sets, "shown")).as_dict(),
        **{name: round(fmean(row[name] for row in rows), 4) for name in _COSTS if name in rows[0]},
    }


def timed_as(sets: Sequence[Rows]) -> dict[str, Any]:
    """Return what sets of timings come to: medians of the problems in seconds, and tokens written by tokens shown."""
    by_problem = {name: of_problems(sets, name) for name in ("first", "seconds", "written", "shown", "calls")}
    estimates: dict[str, Estimate] = {name: median_of(by_problem[name]) for name in ("first", "seconds")}
    estimates["waste"] = ratio_of(by_problem["written"], by_problem["shown"])
    estimates["right"] = mean_of(rights(sets), bounds=(0, 1))
    said = {name: estimate.as_dict() for name, estimate in estimates.items()}
    return {**said, "calls": round(fmean(by_problem["calls"]), 3)}


def rights(sets: Sequence[Rows]) -> list[float]:
    """Return for every problem how many of its answers are right, as a share."""
    return of_problems(sets, "right")


def of_problems(sets: Sequence[Rows], name: str) -> list[float]:
    """Return for every problem the mean of what its rows say under that name."""
    return [fmean(row[name] for row in same) for same in zip(*sets, strict=True)]


def _rows(file: Path) -> Rows:
    rows: list[Mapping[str, Any]] = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return [dict(row) for row in rows]
