"""What the tests of the segmenter share: the cases, and ways to feed a text."""

import json
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from stream_aligner_lc.segmentation import Cutter, Segment, Segmenter

HERE = Path(__file__).parent
FIXTURES = HERE / "fixtures"
STREAMED = ("code", "math", "table", "rule")
TINY = {"max_chars": 40, "hold_chars": 20, "max_block": 50}


class Case(NamedTuple):
    id: str
    lang: str
    text: str
    readings: list[list[str]]  # each is right


def load_cases() -> list[Case]:
    rows: list[dict[str, Any]] = json.loads((HERE / "cases.json").read_text(encoding="utf-8"))
    others: dict[str, list[list[str]]] = json.loads((HERE / "alternatives.json").read_text(encoding="utf-8"))
    return [Case(row["id"], row["lang"], row["text"], [row["segments"], *others.get(row["id"], [])]) for row in rows]


CASES = load_cases()


def cores(segments: Iterable[Segment]) -> list[str]:
    return [s.core for s in segments if s.core]


def is_right(case: Case, segments: list[Segment]) -> bool:
    return any(cores(segments) == [part.strip() for part in reading] for reading in case.readings)


def pour(segmenter: Cutter, chunks: Iterable[str]) -> list[Segment]:
    """Feed `chunks` and flush; check on the way that what `peek` promises is kept."""
    out: list[Segment] = []
    peeked: list[Segment] = []
    for chunk in chunks:
        out += segmenter.feed(chunk)
        if (seen := segmenter.peek()) is not None:
            peeked.append(seen)
    out += segmenter.flush()
    by_start = {s.start: s for s in out}
    for seen in peeked:
        kept = by_start[seen.start]
        assert (kept.lead, kept.core, kept.kind, kept.cut) == (seen.lead, seen.core, seen.kind, seen.cut)
        assert kept.text.startswith(seen.text)
    return out


def check_exact(text: str, segments: list[Segment]) -> None:
    assert "".join(s.text for s in segments) == text
    at = 0
    for s in segments:
        assert s.text, "no segment is empty"
        assert s.start == at
        assert s.lead + s.core + s.trail == s.text
        at += len(s.text)


def split_randomly(rng: random.Random, text: str, most: int) -> list[str]:
    chunks = []
    while text:
        size = rng.randint(1, most)
        chunks.append(text[:size])
        text = text[size:]
    return chunks


def maker(lang: str | None = None, **options: Any) -> Callable[[], Segmenter]:
    return lambda: Segmenter(lang, **options)
