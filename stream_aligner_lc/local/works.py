"""What is done with a model, one thing at a time: tokens are read, of several texts in one pass; a text is copied.

Where memory runs out, what is only kept is given up, and it is tried once more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakSet

import torch

from stream_aligner_lc.local.completions import StoppedError
from stream_aligner_lc.local.memory import Memory, Text
from stream_aligner_lc.local.packing import Packing
from stream_aligner_lc.local.passes import Passes

_FULL = "not enough memory", "can't allocate memory", "out of memory"


@dataclass(eq=False)
class Work:
    """Something to be done while the model does nothing else."""

    stopped: threading.Event | None = None
    can_wait: bool = False
    """Whether everything else comes first."""
    fault: BaseException | None = None
    is_begun: bool = False
    is_done: bool = False
    turn: threading.Event = field(default_factory=threading.Event)


@dataclass(eq=False)
class Piece(Work):
    """Tokens to be read at the end of a text."""

    text: Text = field(kw_only=True)
    ids: Sequence[int] = field(kw_only=True)
    num_logits: int = field(kw_only=True)
    logits: torch.Tensor = field(init=False)
    """Of what follows each of the last tokens, of shape (num_logits, vocabulary)."""
    best: list[int] = field(init=False)
    """The most probable ones."""


@dataclass(eq=False)
class Errand(Work):
    """A function to be called."""

    call: Callable[[], Any] = field(kw_only=True)
    result: Any = field(init=False)


class Worker:
    """Does it; not for two threads at once."""

    def __init__(self, model: Any) -> None:
        self.passes = Passes(model)
        self.packing = Packing(model)
        self.num_passes = 0
        self._memories: WeakSet[Memory] = WeakSet()
        self._mutex = threading.Lock()

    def may_take_from(self, memory: Memory) -> None:
        """Have what `memory` keeps given up when the device is full."""
        with self._mutex:
            self._memories.add(memory)

    def run(self, batch: Sequence[Work]) -> None:
        """Do an errand, or read pieces in one pass if the model can; what is stopped is left out."""
        for work in batch:
            if work.stopped is not None and work.stopped.is_set():
                work.fault = StoppedError()
        live = [work for work in batch if work.fault is None]
        if not live:
            return
        if isinstance(live[0], Errand):
            self._go(live[0])
            return
        pieces = [work for work in live if isinstance(work, Piece)]
        try:
            self._read(pieces)
        except Exception as fault:
            is_full = _is_full(fault)
            if len(pieces) == 1 and not is_full:
                raise
        else:
            return
        # Not before the fault is gone: it holds what was computed so far.
        if is_full:
            self._make_room()
        # One after the other they need less, and what is wrong with one does not concern the others.
        for piece in pieces:
            self._read_alone(piece)

    def _go(self, errand: Errand) -> None:
        try:
            errand.result = errand.call()
        except Exception as fault:
            if not _is_full(fault):
                raise
        else:
            return
        self._make_room()
        try:
            errand.result = errand.call()
        except Exception as fault:
            if not _is_full(fault):
                raise
            raise _no_memory(fault) from fault

    def _read_alone(self, piece: Piece) -> None:
        try:
            self._read([piece])
        except Exception as fault:  # noqa: BLE001  # it is raised where the piece came from
            piece.fault = fault
            if _is_full(fault):
                piece.fault = _no_memory(fault)

    def _make_room(self) -> None:
        with self._mutex:
            memories = list(self._memories)
        for memory in memories:
            memory.shrink()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    @torch.inference_mode()
    def _read(self, pieces: Sequence[Piece]) -> None:
        try:
            if len(pieces) == 1:
                self._read_one(pieces[0])
            else:
                self._read_together(pieces)
        except BaseException:
            for piece in pieces:
                piece.text.undo()
            raise
        self.num_passes += 1
        logits = torch.cat([piece.logits for piece in pieces]) if len(pieces) > 1 else pieces[0].logits
        # One transfer for all of them.
        best = logits.argmax(-1).tolist()
        for piece in pieces:
            piece.best, best = best[: piece.num_logits], best[piece.num_logits :]
            piece.text.is_whole = True
            if self.passes.remembers:
                piece.text.ids.extend(piece.ids)

    def _read_one(self, piece: Piece) -> None:
        text = piece.text
        ids, state, num_before = piece.ids, text.state, len(text.ids)
        if not text.is_whole:
            # What cannot be undone is read anew.
            ids, state, num_before = [*text.ids, *piece.ids], self.passes.empty(), 0
        piece.logits, state = self.passes.run(ids, state, num_before, piece.num_logits)
        if self.passes.remembers:
            text.state = state

    def _read_together(self, pieces: Sequence[Piece]) -> None:
        rows = self.packing.run([(piece.ids, piece.text.state, piece.num_logits) for piece in pieces])
        for piece, logits in zip(pieces, rows, strict=True):
            piece.logits = logits


def _no_memory(fault: Exception) -> MemoryError:
    return MemoryError(f"The memory is full, even with nothing kept: {fault}")


def _is_full(fault: BaseException) -> bool:
    if isinstance(fault, torch.OutOfMemoryError | MemoryError):
        return True
    # As a processor's allocator says it.
    return isinstance(fault, RuntimeError) and any(sign in str(fault) for sign in _FULL)
