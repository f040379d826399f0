"""Have questions answered bare and aligned, by turns, and add up what it took.

Both are read as a stream, and text of both is counted by the same rule, so that ratios mean something where absolutes
depend on the machine and on who else is on it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, cast

from langchain_core.language_models import BaseChatModel

from stream_aligner_lc.chat_model import StreamAlignedChat
from stream_aligner_lc.counting import TokenCounter
from stream_aligner_lc.segmentation import Segmenter

Question = Any
"""What a chat model takes: a text, or messages."""
Watch = Callable[[Sequence[Question]], Iterable[Question]]


@dataclass(frozen=True, slots=True)
class Reading:
    """What one reply took."""

    first_sentence_seconds: float
    seconds: float
    tokens: int
    """Of the text that was released."""
    calls: int = 1
    written: int = 0
    """Characters that the upstream wrote; 0 for a bare reply."""
    shown: int = 0
    verdicts: Sequence[tuple[str, float]] = ()
    """Each sentence's verdict, and the seconds that the aligner took for it."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What all replies of one kind took, each figure but sums and rates a median."""

    first_sentence_seconds: float
    seconds: float
    tokens_per_second: float
    calls: int
    sentences: dict[str, int] = field(default_factory=dict)
    aligner_seconds: dict[str, float] = field(default_factory=dict)
    """Of one sentence, by verdict."""
    written_per_shown: float = 1.0
    """Characters that the upstream wrote for each that was released; what is over 1 was written in vain."""

    @classmethod
    def of(cls, readings: Sequence[Reading]) -> Figures:
        """Add up readings, at least one."""
        by_verdict: dict[str, list[float]] = {}
        for reading in readings:
            for verdict, seconds in reading.verdicts:
                by_verdict.setdefault(verdict, []).append(seconds)
        written, shown = (sum(each.written for each in readings), sum(each.shown for each in readings))
        return cls(
            first_sentence_seconds=median(each.first_sentence_seconds for each in readings),
            seconds=median(each.seconds for each in readings),
            tokens_per_second=sum(each.tokens for each in readings) / sum(each.seconds for each in readings),
            calls=sum(each.calls for each in readings),
            sentences=dict(Counter(verdict for reading in readings for verdict, _ in reading.verdicts)),
            aligner_seconds={verdict: median(seconds) for verdict, seconds in by_verdict.items()},
            written_per_shown=written / shown if written and shown else 1.0,
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """Bare beside aligned replies to the same questions."""

    questions: int
    bare: Figures
    aligned: Figures

    @property
    def ratios(self) -> dict[str, float]:
        """Aligned to bare: of times less is better, of tokens a second more."""
        names = ("first_sentence_seconds", "seconds", "tokens_per_second", "calls")
        return {name: getattr(self.aligned, name) / (getattr(self.bare, name) or 1.0) for name in names}

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {**asdict(self), "ratios": self.ratios}


def compare(
    questions: Sequence[Question], llm: BaseChatModel, aligner: Any, *, watch: Watch = iter, **options: Any
) -> Comparison:
    """Have each question, at least one, answered bare and aligned, with the loop's `options`.

    Whoever comes second may find the question in a cache, so both come second equally often. The last question is asked
    first and not counted, unless it is the only one: a first call opens connections. `watch` may look at the others
    as they are asked.
    """
    counter = TokenCounter(llm)
    counter.load()
    count = counter.text
    read_bare(questions[-1], llm, count)
    read_aligned(questions[-1], llm, aligner, count, **options)
    bare: list[Reading] = []
    aligned: list[Reading] = []
    for number, question in enumerate(watch(questions[:-1] or questions)):
        if number % 2:
            aligned.append(read_aligned(question, llm, aligner, count, **options))
        bare.append(read_bare(question, llm, count))
        if not number % 2:
            aligned.append(read_aligned(question, llm, aligner, count, **options))
    return Comparison(len(bare), Figures.of(bare), Figures.of(aligned))


def read_bare(question: Question, llm: BaseChatModel, count: Callable[[str], int]) -> Reading:
    """Read the upstream's own reply; its first sentence is there once it is certain where it ends."""
    began, first, text, segmenter = time.perf_counter(), None, "", Segmenter()
    with closing(cast("Any", llm.stream(question))) as chunks:
        for chunk in chunks:
            text += chunk.text
            if first is None and any(piece.core for piece in segmenter.feed(chunk.text)):
                first = time.perf_counter() - began
    seconds = time.perf_counter() - began
    return Reading(first or seconds, seconds, count(text), shown=len(text))


def read_aligned(
    question: Question, llm: BaseChatModel, aligner: Any, count: Callable[[str], int], **options: Any
) -> Reading:
    """Read the aligned reply."""
    verdicts: list[tuple[str, float]] = []
    chat = StreamAlignedChat(
        llm,
        aligner,
        on_record=lambda record: verdicts.append((record["verdict"], record["aligner_seconds"])),
        **options,
    )
    began, first, reply = time.perf_counter(), None, cast("Any", None)
    with closing(cast("Any", chat.stream(question))) as chunks:
        for chunk in chunks:
            if chunk.text and first is None:
                first = time.perf_counter() - began
            reply = chunk if reply is None else reply + chunk
    seconds = time.perf_counter() - began
    totals = reply.response_metadata["stream_aligner"]
    return Reading(
        first or seconds,
        seconds,
        count(reply.text),
        calls=totals["upstream_calls"],
        written=totals["upstream_characters"],
        shown=len(reply.text),
        verdicts=verdicts,
    )
