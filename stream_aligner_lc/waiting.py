"""The pieces that the upstream wrote and nobody has released yet. No I/O."""

from __future__ import annotations

from collections.abc import Sequence

from stream_aligner_lc.state import Piece


def put(piece: Piece, waiting: list[Piece]) -> None:
    """Append a piece; whitespace beside a draft becomes that draft's own."""
    last = waiting[-1] if waiting else None
    if last is not None and last["type"] == "draft" and piece["type"] == "space":
        waiting[-1] = {**last, "trail": last["trail"] + piece["text"]}
    elif last is not None and last["type"] == "space" and piece["type"] == "draft":
        waiting[-1] = {**piece, "lead": last["text"] + piece["lead"]}
    else:
        waiting.append(piece)


def first_draft(waiting: Sequence[Piece]) -> int | None:
    """Return the place of the first draft, None if there is none."""
    return next((place for place, piece in enumerate(waiting) if piece["type"] == "draft"), None)


def calls_tool(waiting: Sequence[Piece]) -> bool:
    """Say whether any of the pieces calls a tool."""
    return any(piece["type"] == "chunk" and bool(piece["chunk"].tool_call_chunks) for piece in waiting)
