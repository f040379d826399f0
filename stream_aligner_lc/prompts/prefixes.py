"""What becomes of a prefix that is too long for a prompt. Plain Python, no I/O."""

from __future__ import annotations

from stream_aligner_lc.segmentation import segment


def shortened(prefix: str) -> str:
    """Return `prefix` without its older half, from the start of a sentence on; "" if it is one sentence."""
    starts = [piece.start for piece in segment(prefix) if piece.start > 0]
    return prefix[next((start for start in starts if 2 * start >= len(prefix)), len(prefix)) :]
