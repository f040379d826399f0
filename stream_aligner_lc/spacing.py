"""The whitespace between the sentences of a reply: what is held back, and what stands before the next one. No I/O.

It is three keys of `Progress`: `held` followed the last sentence, `around` stood on both sides of one that was removed,
and `left` was held when the last stream was left.
"""

from __future__ import annotations

from collections.abc import Sequence

from stream_aligner_lc.continuation import join
from stream_aligner_lc.state import DraftPiece, Piece, Progress


def space_before(piece: DraftPiece, progress: Progress, text: str) -> str:
    """Return the whitespace between the released `text` and a draft."""
    if progress["left"] is not None:
        return join(text, progress["held"] or progress["left"], piece["lead"], piece["text"])
    return _held_with(piece["lead"], progress, text)


def hold(space: str, progress: Progress, text: str) -> None:
    """Hold whitespace that came behind the last sentence, released or removed, until it is known what follows."""
    progress["held"] = _held_with(space, progress, text)
    if progress["around"]:
        before, after = progress["around"]
        progress["around"] = [before, after + space]


def hold_around(piece: DraftPiece, progress: Progress, text: str) -> None:
    """Hold of the whitespace on both sides of a removed draft what stays in its place."""
    before = space_before(piece, progress, text)
    progress["around"] = [before, piece["trail"]]
    progress["held"] = _stronger(before, piece["trail"], text)
    progress["left"] = None


def hold_behind(piece: DraftPiece, progress: Progress) -> None:
    """Hold the whitespace behind a draft that was released."""
    progress["held"] = piece["trail"]
    progress["around"] = progress["left"] = None


def hold_over(waiting: Sequence[Piece], progress: Progress) -> None:
    """Hold what the stream that is left had behind its last sentence, for the first sentence of the next stream."""
    # How much of it was read before the stream was closed is chance, so it may stand before a sentence, and never at
    # the end of the reply.
    read = "".join(piece["text"] for piece in waiting if piece["type"] == "space")
    progress["left"] = (read or progress["held"] or progress["left"] or "") if progress["opening"] else None
    progress["held"] = ""
    progress["around"] = None


def _held_with(space: str, progress: Progress, text: str) -> str:
    if progress["around"] is None:
        return progress["held"] + space
    # Whitespace may come after the verdict on the sentence before it.
    before, after = progress["around"]
    return _stronger(before, after + space, text)


def _stronger(before: str, after: str, text: str) -> str:
    """Return the whitespace that stays where a sentence was removed: a paragraph break outlives a space."""
    return before if not text or before.count("\n") >= after.count("\n") else after
