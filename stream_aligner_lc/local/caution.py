"""Choosing tokens with caution: what stands is kept unless something else is clearly more probable.

A small aligner copies most of what it reads, and now and then writes a word that it finds hardly more probable than
the one that stands there. Caution is how much more probable it must be, as a difference of logits: with 0 the most
probable token is always chosen, with 2 another one must be more than seven times as probable. It is a dial for how much
is corrected, as the steering vector in the interpretability study of Aligner (arXiv 2402.02416) is, at no cost.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch

from stream_aligner_lc.local.decoding import Choose


def keeping_to(draft: Sequence[int], start: int, ends: Collection[int], caution: float) -> Choose:
    """Return a choice that keeps to `draft`, which begins after `start` ids, as long as the text has followed it.

    The end of the text is kept likewise where the draft ends, by one of the tokens `ends`.
    """
    wanted = list(draft)

    def choose(logits: torch.Tensor, ids: Sequence[int]) -> int:
        at = len(ids) - start
        if list(ids[start:]) != wanted[:at]:
            return int(logits.argmax())
        return kept(logits, wanted[at : at + 1] or ends, caution)

    return choose


def kept(logits: torch.Tensor, preferred: Collection[int], caution: float) -> int:
    """Return the most probable token, or the most probable of the `preferred` ones if it is not much less so."""
    best = int(logits.argmax())
    if best in preferred or not preferred:
        return best
    other = max(preferred, key=lambda token: float(logits[token]))
    return other if float(logits[best] - logits[other]) <= caution else best
