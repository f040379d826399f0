"""Decode with a model of `transformers`, from the longest text that it has read before, guesses read ahead.

Rule: what comes out is what one token a pass would give, whatever was guessed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch

from stream_aligner_lc.local.completions import StoppedError
from stream_aligner_lc.local.memory import Memory, Room, Text
from stream_aligner_lc.local.rounds import rounds_of
from stream_aligner_lc.local.works import Piece

T = TypeVar("T")
Stop = threading.Event | None
Choose = Callable[[torch.Tensor, Sequence[int]], int]
"""From the logits of the next token, of shape (vocabulary,), and all ids before it, to the next token."""

# A long prompt is read in pieces, so that a decoding that nobody waits for any more does not read on.
_CHUNK = 512
_KEPT_BYTES = 1 << 30


def greedy(logits: torch.Tensor, _ids: Sequence[int]) -> int:
    """Choose the most probable token."""
    return int(logits.argmax())


class Decoder:
    """The passes of one model, and what it has read lately.

    A text that goes on from another one, as a restarted reply does, is read only from where they part.
    `kept_bytes` bounds the caches of all texts together, see `Memory`.
    """

    def __init__(self, model: Any, *, kept_bytes: int = _KEPT_BYTES) -> None:
        self.model = model
        self.device = model.device
        self.rounds = rounds_of(model)
        self.passes = self.rounds.worker.passes
        self.memory = Memory(self.passes, kept_bytes, self.rounds.alone)
        self.rounds.worker.may_take_from(self.memory)

    @contextmanager
    def reading(
        self, ids: Sequence[int], *, ahead: int = 0, room: Room = "made", stopped: Stop = None
    ) -> Iterator[Decoding]:
        """Open a decoding that begins after `ids`, at least one, and keep what was read when it is left.

        `room` says what to do where there is none left for it and for `ahead` more tokens: see `Memory.begin`.
        """
        text = self.memory.begin(ids, ahead=ahead, room=room, stopped=stopped)
        try:
            yield Decoding(self, list(ids), text, stopped)
        finally:
            self.memory.keep(text)

    def drive(self, *steps: Generator[Piece, None, T]) -> Iterator[T]:
        """Run decodings side by side, a pass at a time; yield what they come to, in order.

        What goes wrong with one is raised when it is its turn. What is not asked for any more is given up.
        """
        ends: dict[int, T | Exception] = {}
        waiting: dict[int, Piece] = {}
        try:
            for number in range(len(steps)):
                _advance(steps, waiting, ends)
                while number not in ends:
                    self.rounds.do(*waiting.values())
                    waiting.clear()
                    _advance(steps, waiting, ends)
                end = ends[number]
                if isinstance(end, Exception):
                    raise end
                yield end
        finally:
            for each in steps:
                each.close()


def _advance(
    steps: Sequence[Generator[Piece, None, T]], waiting: dict[int, Piece], ends: dict[int, T | Exception]
) -> None:
    """Take every decoding that has not come to an end to its next piece."""
    for number, each in enumerate(steps):
        if number in ends or number in waiting:
            continue
        try:
            waiting[number] = next(each)
        except StopIteration as end:
            ends[number] = end.value
        except Exception as fault:  # noqa: BLE001  # it is raised when it is asked for
            ends[number] = fault


@dataclass
class Decoding:
    """One text in the making."""

    _decoder: Decoder
    _ids: list[int]
    """The prompt and what was chosen after it."""
    _text: Text
    _stopped: Stop = None
    num_reused: int = field(init=False)
    """Tokens of the prompt that did not have to be read again."""
    num_passes: int = 0
    num_fed: int = 0
    num_drafted: int = 0
    num_accepted: int = 0
    _num_read: int = field(init=False)

    def __post_init__(self) -> None:
        self.num_reused = self._num_read = len(self._text.ids)

    def next(self, choose: Choose = greedy, draft: Sequence[int] = ()) -> list[int]:
        """Return what follows: as many tokens of `draft` as would have been chosen one by one, and one more.

        Raises `StoppedError` between two passes once the decoding is stopped.
        """
        return next(self._decoder.drive(self.steps(choose, draft)))

    def steps(self, choose: Choose = greedy, draft: Sequence[int] = ()) -> Generator[Piece, None, list[int]]:
        """Do what `next` does, with somebody else running the passes that are yielded."""
        known, ids = len(self._ids), [*self._ids, *self._draftable(draft)]
        self._num_read = len(self._text.ids)
        # A guess that was left halfway, by a fault or a stop, may still be there.
        self._forget(known - 1)
        self.num_drafted += len(ids) - known
        while True:
            piece = self._piece(ids, known)
            yield piece
            end = self._count(piece)
            first = max(end - len(piece.ids), known - 1)
            for at in range(first, end):
                token = piece.best[at - first] if choose is greedy else choose(piece.logits[at - first], ids[: at + 1])
                if at + 1 < len(ids) and token == ids[at + 1]:
                    continue
                self.num_accepted += at + 1 - known
                self._ids = [*ids[: at + 1], token]
                self._forget(at + 1)
                return self._ids[known:]

    def read(
        self, more: Sequence[int] = (), choose: Choose = greedy, *, can_wait: bool = False
    ) -> Generator[Piece, None, list[int]]:
        """Read the prompt and `more` after it; return the token after the prompt, after one more, ...

        If it `can_wait`, whatever else the model has to do comes first.
        """
        self._num_read, known = len(self._text.ids), len(self._ids)
        self._ids += more
        tokens: list[int] = []
        while self._num_read < len(self._ids):
            piece = self._piece(self._ids, known, can_wait=can_wait)
            yield piece
            if self._count(piece) >= known:
                tokens += self._chosen(piece, choose, known + len(tokens))
        return tokens

    def _chosen(self, piece: Piece, choose: Choose, length: int) -> list[int]:
        if choose is greedy:
            return piece.best
        return [choose(row, self._ids[:end]) for end, row in enumerate(piece.logits, length)]

    def _piece(self, ids: Sequence[int], known: int, *, can_wait: bool = False) -> Piece:
        """Return the next tokens to read on the way to the end of `ids`, of which the first `known` are certain."""
        text, passes = self._text, self._decoder.passes
        if self._stopped is not None and self._stopped.is_set():
            raise StoppedError
        if passes.outgrows(self._num_read, len(ids)):
            self._restart()
        # What cannot be cut cannot be read in pieces either without a difference.
        start = self._num_read
        end = min(start + _CHUNK, len(ids)) if passes.is_croppable(len(ids)) else len(ids)
        num_logits = max(end - max(start, known - 1), 1)
        return Piece(text=text, ids=ids[start:end], num_logits=num_logits, stopped=self._stopped, can_wait=can_wait)

    def _count(self, piece: Piece) -> int:
        if piece.fault is not None:
            raise piece.fault
        self.num_passes += 1
        self.num_fed += len(piece.ids)
        self._num_read += len(piece.ids)
        return self._num_read

    def _draftable(self, draft: Sequence[int]) -> Sequence[int]:
        passes, length = self._decoder.passes, len(self._ids)
        if passes.reach is not None:
            # Beyond it every length has logits of its own.
            return draft[: max(passes.reach - 1 - length, 0)]
        if passes.is_croppable(length + len(draft)):
            return draft
        # What cannot be cut is read anew after a wrong guess, whole: worth it once, while nothing has been read, and
        # no loss where every pass reads all of it.
        return () if self.num_passes and passes.remembers else draft

    def _forget(self, length: int) -> None:
        """Forget the tokens of a draft that were not chosen."""
        if self._num_read <= length:
            return
        if self._decoder.passes.is_croppable(self._num_read):
            self._text.cut(length)
            self._num_read = length
        else:
            self._restart()

    def _restart(self) -> None:
        self._text.ids, self._text.state = self._text.ids[:0], self._decoder.passes.empty()
        self._num_read = 0
