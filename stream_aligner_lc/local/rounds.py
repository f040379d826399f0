"""The passes of one model, one at a time, whoever asks: what waits when a pass ends forms the next one.

There is no thread of its own: the first who asks runs the passes until its own is done, and leaves the rest to the
next in line. Rule: first come, first served; nobody waits on purpose.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakSet, WeakValueDictionary

import torch

from stream_aligner_lc.local.completions import StoppedError
from stream_aligner_lc.local.memory import Memory, Text
from stream_aligner_lc.local.packing import Packing
from stream_aligner_lc.local.passes import Passes

# Tokens of a shared pass. On a processor arithmetic is the limit soon: 16 replies side by side came to 1.00, 1.18, 1.30
# and 1.32 times the sentences of one after the other with at most 64, 128, 256 and 512.
_MOST_TOKENS = {"cpu": 256}
_MOST_TOKENS_ELSEWHERE = 4096
_SECONDS_BETWEEN_LOOKS = 0.01
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


class Rounds:
    """Whose turn it is with one model."""

    def __init__(self, model: Any) -> None:
        self.passes = Passes(model)
        self.num_passes = 0
        self._memories: WeakSet[Memory] = WeakSet()
        self._packing = Packing(model)
        self._most_tokens = _MOST_TOKENS.get(model.device.type, _MOST_TOKENS_ELSEWHERE)
        self._waiting: deque[Work] = deque()
        self._mutex = threading.Lock()
        self._leader: Work | None = None
        """The work whose thread runs the passes, or is about to."""

    def may_take_from(self, memory: Memory) -> None:
        """Have what `memory` keeps given up when the device is full."""
        with self._mutex:
            self._memories.add(memory)

    def alone(self, call: Callable[[], Any]) -> Any:
        """Return what `call` returns, called while no pass runs."""
        errand = Errand(call=call)
        self.do(errand)
        if errand.fault is not None:
            raise errand.fault
        return errand.result

    def do(self, *works: Work) -> None:
        """Have them done, in one pass if possible; each has its own `fault` then.

        That is `StoppedError` if it was `stopped` before its turn came.
        """
        with self._mutex:
            self._waiting.extend(works)
            if self._leader is None:
                self._pass_on()
        try:
            for work in works:
                work.turn.wait()
                if not work.is_done:
                    self._lead(work)
        finally:
            self._leave(works)

    def _lead(self, own: Work) -> None:
        try:
            while not own.is_done:
                self._serve(self._next())
        finally:
            with self._mutex:
                self._pass_on()

    def _leave(self, works: Sequence[Work]) -> None:
        """See to it that nobody waits for works that were interrupted."""
        with self._mutex:
            for work in works:
                if work in self._waiting:
                    self._waiting.remove(work)
            if self._leader in works:
                self._pass_on()
        for work in works:
            # Somebody else is at it: its text is not free before.
            while work.is_begun and not work.is_done:
                work.turn.wait(_SECONDS_BETWEEN_LOOKS)

    def _pass_on(self) -> None:
        self._leader = self._waiting[0] if self._waiting else None
        if self._leader is not None:
            self._leader.turn.set()

    def _serve(self, batch: Sequence[Work]) -> None:
        try:
            self._run(batch)
        except Exception as fault:  # noqa: BLE001  # it is raised where the work came from
            for work in batch:
                work.fault = work.fault or fault
        except BaseException:
            for work in batch:
                work.fault = work.fault or StoppedError()
            raise
        finally:
            for work in batch:
                work.is_done = True
                work.turn.set()

    def _next(self) -> list[Any]:
        # Tried outside the lock, because it takes a few passes the first time.
        can_share = len(self._waiting) > 1 and self._packing.is_possible
        with self._mutex:
            first = next((work for work in self._waiting if not work.can_wait), self._waiting[0])
            batch = [first]
            if can_share and isinstance(first, Piece) and self._fits(first):
                batch += self._company(first)
            for work in batch:
                self._waiting.remove(work)
                work.is_begun = True
            return batch

    def _company(self, first: Piece) -> list[Piece]:
        """Return what else is read in the same pass."""
        company: list[Piece] = []
        num_tokens = len(first.ids)
        for work in self._waiting:
            if work is first or not isinstance(work, Piece) or work.can_wait or not self._fits(work):
                continue
            num_tokens += len(work.ids)
            if num_tokens > self._most_tokens:
                break
            company.append(work)
        return company

    def _fits(self, piece: Piece) -> bool:
        return self.passes.is_croppable(len(piece.text.ids) + len(piece.ids))

    def _run(self, batch: Sequence[Work]) -> None:
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
        except Exception as fault:  # noqa: BLE001  # see `_serve`
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
        rows = self._packing.run([(piece.ids, piece.text.state, piece.num_logits) for piece in pieces])
        for piece, logits in zip(pieces, rows, strict=True):
            piece.logits = logits


# By the model's id, which is its own as long as the rounds hold it.
_rounds: WeakValueDictionary[int, Rounds] = WeakValueDictionary()
_rounds_lock = threading.Lock()


def rounds_of(model: Any) -> Rounds:
    """Return the rounds of a model, the same for everyone: an aligner and an upstream may share one model."""
    with _rounds_lock:
        rounds = _rounds.get(id(model))
        if rounds is None:
            rounds = _rounds[id(model)] = Rounds(model)
        return rounds


def _no_memory(fault: Exception) -> MemoryError:
    return MemoryError(f"The memory is full, even with nothing kept: {fault}")


def _is_full(fault: BaseException) -> bool:
    if isinstance(fault, torch.OutOfMemoryError | MemoryError):
        return True
    # As a processor's allocator says it.
    return isinstance(fault, RuntimeError) and any(sign in str(fault) for sign in _FULL)
