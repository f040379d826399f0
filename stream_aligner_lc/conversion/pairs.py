"""Each sentence of an answer beside what stands in its place in the correction. No I/O, no model.

`beads` says which sentences stand for which; here that becomes what an aligner can do while the answer is written,
one sentence after the other:

* Two sentences for one: the one that is more like it is replaced by it, the other removed. Whichever comes first, the
  prefix then says nothing twice.
* Two for two: each stands for one, in order.
* Sentences without a counterpart, between two that have one, stand in for each other in order; what is left over of
  the answer's is removed, what is left over of the correction's goes with the last of them.
* An insertion where the answer lacks nothing goes with the sentence before it, at the start with the one after it.
  It never crosses a block that the loop passes through; with nothing but such blocks beside it, it goes with the block
  and is seen in prefixes only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from stream_aligner_lc.conversion.beads import Bead, beads
from stream_aligner_lc.conversion.likeness import Features
from stream_aligner_lc.options import DEFAULT_SKIP
from stream_aligner_lc.segmentation import Segment, segment


class Pair(NamedTuple):
    """A sentence of an answer, and what stands in its place in the correction."""

    last: str
    """The sentence as the upstream wrote it; "" only where the answer has none at all."""
    correction: str
    """Its own text, another, or "" where it was removed; with the whitespace that the corrected text has inside."""
    space: str = ""
    """The whitespace that stands before `correction` in the corrected text."""
    kind: str = "prose"
    """The kind of the answer's segment."""

    @property
    def is_judged(self) -> bool:
        """Whether the loop would show it to an aligner: it passes code and tables through as they are."""
        return self.last != "" and self.kind not in DEFAULT_SKIP


class Alignment(NamedTuple):
    """The pairs of an answer and its correction, and how many beads of which shape they come from."""

    pairs: list[Pair]
    shapes: Counter[str]


def align(answer: str, correction: str) -> list[Pair]:
    r"""Pair each sentence of `answer`, in order, with what stands in its place in `correction`.

    The pairs' `space` and `correction`, joined, are the correction without the whitespace around it. Raises
    `TooLongError` if there are too many sentences.

    >>> [pair[:2] for pair in align("He is dumb. He left. Bye!", "He is wrong.\nHe left.")]
    [('He is dumb.', 'He is wrong.'), ('He left.', 'He left.'), ('Bye!', '')]
    """
    return aligned(answer, correction).pairs


def aligned(answer: str, correction: str) -> Alignment:
    """Align like `align`, and count the beads."""
    text = correction.strip()
    taken, given = _sentences(answer.strip()), _sentences(text)
    found = beads(taken, given)
    shapes = Counter(bead.shape for bead in found)
    if not taken:
        return Alignment([Pair("", text)] if text else [], shapes)
    own: list[list[Segment]] = [[] for _ in taken]
    for number, piece in zip(_owners(found, taken, given), given, strict=True):
        own[number].append(piece)
    return Alignment(list(_pairs(taken, own, text)), shapes)


def _sentences(text: str) -> list[Segment]:
    return [piece for piece in segment(text) if piece.core]


def _pairs(taken: Sequence[Segment], own: Sequence[Sequence[Segment]], text: str) -> Iterator[Pair]:
    end = 0
    for piece, pieces in zip(taken, own, strict=True):
        if not pieces:
            yield Pair(piece.core, "", kind=piece.kind)
            continue
        before, start, end = end, _core_start(pieces[0]), _core_end(pieces[-1])
        yield Pair(piece.core, text[start:end], text[before:start], piece.kind)


def _core_start(piece: Segment) -> int:
    return piece.start + len(piece.lead)


def _core_end(piece: Segment) -> int:
    return _core_start(piece) + len(piece.core)


def _owners(found: Sequence[Bead], taken: Sequence[Segment], given: Sequence[Segment]) -> list[int]:
    """Return for each sentence of the correction the number of the answer's sentence in whose place it stands."""
    matched = [owner for bead in found for owner in _matched(bead, taken, given)]
    owners: list[int] = []
    for is_new, run in groupby(matched, key=lambda owner: owner is None):
        known = list(run)
        if not is_new:
            owners += [owner for owner in known if owner is not None]
            continue
        rest = matched[len(owners) + len(known) :]
        after = rest[0] if rest and rest[0] is not None else len(taken)
        before = owners[-1] if owners else -1
        owners += _places(len(known), before, after, [_is_judged(piece) for piece in taken])
    return owners


def _matched(bead: Bead, taken: Sequence[Segment], given: Sequence[Segment]) -> list[int | None]:
    """Return the owner of each of the bead's sentences of the correction; None if it has no counterpart."""
    if not bead.answer:
        return [None] * len(bead.correction)
    if len(bead.answer) == len(bead.correction):
        return list(bead.answer)
    if not bead.correction:
        return []
    said = Features.of(" ".join(given[j].core for j in bead.correction))
    return [max(bead.answer, key=lambda i: Features.of(taken[i].core).likeness(said))] * len(bead.correction)


def _places(count: int, before: int, after: int, is_judged: Sequence[bool]) -> list[int]:
    """Return who owns `count` sentences that come between those of the owners `before` and `after`."""
    free = [i for i in range(before + 1, after) if is_judged[i]]
    if not free:
        free = [i for i in (before, after) if 0 <= i < len(is_judged) and is_judged[i]] or [max(before, 0)]
        return [free[0]] * count
    return [free[min(number, len(free) - 1)] for number in range(count)]


def _is_judged(piece: Segment) -> bool:
    return piece.kind not in DEFAULT_SKIP
