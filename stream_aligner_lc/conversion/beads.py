"""Which sentences of an answer became which sentences of its correction. No I/O, no model.

The method is Gale and Church's ("A Program for Aligning Sentences in Bilingual Corpora", Computational Linguistics
19(1), 1993): dynamic programming finds the cheapest row of *beads*, each of which lets no, one or two sentences of one
text stand for no, one or two of the other. Their cost there is a prior of the bead's shape and what the lengths say.
Here both texts are in one language, so that words say more than lengths. A bead costs

    prior + 1 - likeness + 0.1 * |ln(length / length)| + 0.01      (0 beside the prior if the texts are equal)

where the likeness is Dice's coefficient of the sets of the words' trigrams (of characters and pairs of them in
scripts without spaces), and lengths cost 0.3 at most. The priors were set by hand, on the pairs that the tests hold
and on sentences of the documents, edited at random:

* `GAP`, of a sentence without a counterpart: one stands for another only where that is cheaper than two gaps, which
  takes a likeness of 0.3 or so; of sentences about different things nine in ten have less than 0.2.
* `MERGE`, of two for one: both together must be more like it than the better of them alone.
* `SHIFT`, of two for two: their parts were put together anew.

What the loop passes through (code, tables) only ever stands for the same kind.

Limits. The order is that of the answer: a sentence that moves is dropped at one place and comes in at the other. A
refusal that by chance is as like a later sentence as 0.3 stands for that one, and not for the first.

The reach: behind `i` sentences of the answer and `j` of the correction a bead may start if `j - i` is at most `MARGIN`
outside of what lies between 0 and the difference of both numbers. So one insertion or one cut of any length is found
wherever it stands, and beside it up to `MARGIN` sentences that are dropped at one place and come in at another.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise, takewhile
from typing import NamedTuple

from stream_aligner_lc.conversion.likeness import Features
from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.options import DEFAULT_SKIP
from stream_aligner_lc.segmentation import Segment

GAP = 0.36
MERGE = 0.42
SHIFT = 0.9
MARGIN = 60
MAX_PLACES = 200_000
"""Places that are looked at: about 1,600 sentences against as many, or against far fewer."""

_PRIORS = {(1, 1): 0.0, (1, 0): GAP, (0, 1): GAP, (2, 1): MERGE, (1, 2): MERGE, (2, 2): SHIFT}
SHAPES = tuple(f"{taken}-{given}" for taken, given in _PRIORS)


class TooLongError(ConfigurationError):
    """An answer and its correction have more sentences than can be aligned in bearable time."""


class Bead(NamedTuple):
    """Sentences of an answer, and the sentences of its correction that stand for them, by number."""

    answer: range
    correction: range

    @property
    def shape(self) -> str:
        """How many stand for how many, such as "1-1"."""
        return f"{len(self.answer)}-{len(self.correction)}"


def beads(answer: Sequence[Segment], correction: Sequence[Segment]) -> list[Bead]:
    """Return the cheapest row of beads: each sentence of both texts is in one of them, in order.

    What both texts begin and end with is not searched. Raises `TooLongError` if what lies between is too long.
    """
    head = _num_equal(answer, correction)
    tail = _num_equal(answer[head:][::-1], correction[head:][::-1])
    ends = len(answer) - tail, len(correction) - tail
    between = _cheapest(_Side(answer[head : ends[0]]), _Side(correction[head : ends[1]]))
    return [
        *(_bead(i, i, 1, 1) for i in range(head)),
        *(_bead(head + i, head + j, taken, given) for i, j, taken, given in between),
        *(_bead(ends[0] + i, ends[1] + i, 1, 1) for i in range(tail)),
    ]


class _Span(NamedTuple):
    """What is compared of a sentence or of two neighbours."""

    features: Features
    kind: str
    """The kind, if it is one that only stands for itself."""


class _Side:
    """One text: `spans[n][i]` are the `n` sentences from `i` on, None where they are not to be put together."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        ones = [_Span(Features.of(piece.core), piece.kind if piece.kind in DEFAULT_SKIP else "") for piece in segments]
        self.spans: tuple[Sequence[_Span | None], ...] = ([], ones, [_both(*pair) for pair in pairwise(ones)])

    def __len__(self) -> int:
        return len(self.spans[1])


_Step = tuple[int, int]
_Costs = list[dict[int, float]]


def _cheapest(answer: _Side, correction: _Side) -> list[tuple[int, int, int, int]]:
    difference = len(correction) - len(answer)
    low, high = min(difference, 0) - MARGIN, max(difference, 0) + MARGIN
    places = (len(answer) + 1) * min(len(correction) + 1, high - low + 1)
    if places > MAX_PLACES:
        raise TooLongError(
            f"{len(answer)} sentences cannot be aligned with {len(correction)}: there are {places:,} places to "
            f"look at, and {MAX_PLACES:,} are the limit. Split the text, or take it whole: granularity 'response'."
        )
    costs: _Costs = []
    steps: list[dict[int, _Step]] = []
    for i in range(len(answer) + 1):
        costs.append({})
        steps.append({})
        for j in range(max(i + low, 0), min(i + high, len(correction)) + 1):
            costs[i][j], steps[i][j] = _last_step(i, j, costs, answer, correction)
    return list(_followed(steps, len(answer), len(correction)))[::-1]


def _last_step(i: int, j: int, costs: _Costs, answer: _Side, correction: _Side) -> tuple[float, _Step]:
    """Return what it costs to get behind `i` and `j` sentences, and the shape of the last bead on the way."""
    best, step = (0.0, (0, 0)) if i == j == 0 else (math.inf, (0, 0))
    for shape, prior in _PRIORS.items():
        taken, given = shape
        if taken > i or given > j:
            continue
        cost = costs[i - taken].get(j - given, math.inf) + prior
        if cost >= best:
            continue
        if taken and given:
            cost += _distance(answer.spans[taken][i - taken], correction.spans[given][j - given])
        if cost < best:
            best, step = cost, shape
    return best, step


def _distance(one: _Span | None, other: _Span | None) -> float:
    if one is None or other is None or one.kind != other.kind:
        return math.inf
    return one.features.distance(other.features)


def _both(first: _Span, second: _Span) -> _Span | None:
    return None if first.kind or second.kind else _Span(first.features.and_then(second.features), "")


def _followed(steps: Sequence[dict[int, _Step]], i: int, j: int) -> Iterator[tuple[int, int, int, int]]:
    """Walk the way back from its end."""
    while i or j:
        taken, given = steps[i][j]
        i, j = i - taken, j - given
        yield i, j, taken, given


def _bead(i: int, j: int, taken: int, given: int) -> Bead:
    return Bead(range(i, i + taken), range(j, j + given))


def _num_equal(answer: Sequence[Segment], correction: Sequence[Segment]) -> int:
    # What one has more has no counterpart.
    pairs = zip(answer, correction, strict=False)
    is_equal = ((one.core, one.kind) == (other.core, other.kind) for one, other in pairs)
    return sum(takewhile(bool, is_equal))
