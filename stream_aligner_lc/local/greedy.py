"""Greedy decoding for an aligner: token by token, after a prompt that is read from where the last one parted."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from stream_aligner_lc.local.completions import Completion
from stream_aligner_lc.local.decoding import Decoder, greedy


class GreedyEngine:
    """Complete prompts with the most probable token at every place, without the penalties that a model may ask for.

    A correction is nearly a copy, and a penalty on what has been said spoils copies.
    """

    def __init__(self, decoder: Decoder, ends: frozenset[int]) -> None:
        self._decoder = decoder
        self._ends = ends

    def complete(
        self, prompt: Sequence[int], draft: Sequence[int], *, limit: int, stopped: threading.Event
    ) -> Completion:
        """Write until the model ends its answer; `draft` is not needed for that."""
        ids: list[int] = []
        with self._decoder.reading(prompt) as decoding:
            num_read = len(prompt) - decoding.num_reused
            for num_written in range(1, limit + 1):
                token = decoding.next(greedy, stopped=stopped)
                if token in self._ends:
                    return Completion(ids, is_finished=True, num_tokens=num_read + num_written)
                ids.append(token)
        return Completion(ids, is_finished=False, num_tokens=num_read + limit)
