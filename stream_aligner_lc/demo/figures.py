"""Answer problems twice, bare and aligned, and count: how many are right, what was replaced, what it cost."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple, Protocol

from langchain_core.language_models import BaseChatModel

from stream_aligner_lc.aligners import Aligner
from stream_aligner_lc.chat_model import StreamAlignedChat


class Problem(Protocol):
    """Something to ask, with a rule for what is a good reply."""

    @property
    def question(self) -> str:
        """What is asked."""

    def is_right(self, reply: str) -> bool:
        """Say whether a reply is as it should be."""


class Outcome(NamedTuple):
    """What came of one problem."""

    problem: Problem
    bare: str
    """The upstream's own reply."""
    aligned: str
    verdicts: dict[str, int]
    upstream_calls: int
    first_sentence_seconds: float

    @property
    def bare_is_right(self) -> bool:
        return self.problem.is_right(self.bare)

    @property
    def aligned_is_right(self) -> bool:
        return self.problem.is_right(self.aligned)


@dataclass(frozen=True, slots=True)
class Figures:
    """The totals of some problems; accuracies are the fractions of replies that are right."""

    problems: int
    bare_accuracy: float
    aligned_accuracy: float
    accepted: int
    """Sentences that were released as they had been drafted."""
    replaced: int
    upstream_calls: int
    """Of the aligned replies: one each, and one for each restart."""
    first_sentence_seconds: float
    """Median time from a call to the first sentence that is out."""

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> Figures:
        """Add up outcomes, at least one."""
        verdicts: Counter[str] = Counter()
        for outcome in outcomes:
            verdicts.update(outcome.verdicts)
        return cls(
            problems=len(outcomes),
            bare_accuracy=sum(outcome.bare_is_right for outcome in outcomes) / len(outcomes),
            aligned_accuracy=sum(outcome.aligned_is_right for outcome in outcomes) / len(outcomes),
            accepted=verdicts["accepted"],
            replaced=verdicts["replaced"],
            upstream_calls=sum(outcome.upstream_calls for outcome in outcomes),
            first_sentence_seconds=median(outcome.first_sentence_seconds for outcome in outcomes),
        )


def solve(problem: Problem, upstream: BaseChatModel, aligner: Aligner) -> Outcome:
    """Have one problem answered, bare and aligned."""
    return solve_aligned(problem, upstream, aligner, bare=upstream.invoke(problem.question).text)


def solve_aligned(
    problem: Problem,
    upstream: BaseChatModel,
    aligner: Aligner,
    *,
    bare: str,
    on_record: Callable[[dict[str, Any]], None] | None = None,
) -> Outcome:
    """Have one problem answered aligned, beside its `bare` reply; `on_record` sees each sentence with its verdict."""
    llm = StreamAlignedChat(upstream, aligner, on_record=on_record)
    started = time.perf_counter()
    arrivals: list[float] = []
    reply: Any = None
    for chunk in llm.stream(problem.question):
        if chunk.text:
            arrivals.append(time.perf_counter() - started)
        reply = chunk if reply is None else reply + chunk
    totals = reply.response_metadata["stream_aligner"]
    first = arrivals[0] if arrivals else time.perf_counter() - started
    return Outcome(problem, bare, reply.text, totals["sentences"], totals["upstream_calls"], first)
