"""The passes of one model, one at a time, whoever asks: what waits when a pass ends forms the next one.

There is no thread of its own: the first who asks runs the passes until its own is done, and leaves the rest to the
next in line. Rule: first come, first served; nobody waits on purpose.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakValueDictionary

from stream_aligner_lc.local.completions import StoppedError
from stream_aligner_lc.local.works import Errand, Piece, Work, Worker

# Tokens of a shared pass. On a processor arithmetic is the limit soon: 16 replies side by side came to 1.00, 1.18, 1.30
# and 1.32 times the sentences of one after the other with at most 64, 128, 256 and 512.
_MOST_TOKENS = {"cpu": 256}
_MOST_TOKENS_ELSEWHERE = 4096
_SECONDS_BETWEEN_LOOKS = 0.01


class Rounds:
    """Whose turn it is with one model."""

    def __init__(self, model: Any) -> None:
        self.worker = Worker(model)
        self._most_tokens = _MOST_TOKENS.get(model.device.type, _MOST_TOKENS_ELSEWHERE)
        self._waiting: deque[Work] = deque()
        self._mutex = threading.Lock()
        self._leader: Work | None = None
        """The work whose thread runs the passes, or is about to."""

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
            self.worker.run(batch)
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
        can_share = len(self._waiting) > 1 and self.worker.packing.is_possible
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
        return self.worker.passes.is_croppable(len(piece.text.ids) + len(piece.ids))


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
