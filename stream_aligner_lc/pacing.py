"""How far a reader may run ahead, when a draft was written, how long an upstream may be silent. No I/O, no locks."""

from __future__ import annotations

import time
from collections.abc import Callable

from stream_aligner_lc.faults import StallError
from stream_aligner_lc.state import Piece

# What is no sentence (tool-call deltas, code lines) needs no aligner, yet a reader that has gone away must
# stop the reading of it too.
MAX_WAITING = 256


class Lead:
    """How far the upstream is ahead of the aligner. Each count has one writer.

    Up to `lookahead` finished sentences may be ahead of the one that the aligner works on. A reader that had to
    stop goes on when half of them are settled: a wake-up per sentence would cost more than the sentence. With a
    lookahead of one or more it goes on before the aligner has nothing left to do.
    """

    def __init__(self, lookahead: int, *, needs_verdict: Callable[[Piece], bool]) -> None:
        self._lookahead = lookahead
        self._needs_verdict = needs_verdict
        self._put = self._taken = self._drafted = self._settled = 0

    @property
    def has_room(self) -> bool:
        return self._drafted - self._settled <= self._lookahead and self._put - self._taken < MAX_WAITING

    @property
    def may_resume(self) -> bool:
        return self._drafted - self._settled <= (self._lookahead + 1) // 2 and self._put - self._taken < MAX_WAITING

    def put(self, pieces: list[Piece]) -> None:
        self._put += len(pieces)
        self._drafted += sum(map(self._needs_verdict, pieces))

    def taken(self, pieces: list[Piece]) -> None:
        self._taken += len(pieces)

    def settled(self, count: int) -> None:
        # Sentences that were dropped and put back after all are settled twice.
        self._settled = min(self._settled + count, self._drafted)


class Clock:
    """Note in drafts when they were written, in seconds since `began`. The time that a reader is held up is no part."""

    def __init__(self, began: float) -> None:
        self._began = began
        self.go_on()

    def go_on(self) -> None:
        """Say that the upstream writes from now on."""
        self._since = self._now()

    def stamp(self, pieces: list[Piece]) -> None:
        """Take finished pieces."""
        for piece in pieces:
            if piece["type"] == "draft":
                piece["drafting"] = [self._since, self._now()]
                self.go_on()

    def _now(self) -> float:
        return round(time.perf_counter() - self._began, 6)


class Patience:
    """How long the upstream may say nothing: `seconds` from the opening, from each chunk, and from each wake-up."""

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self.heard()

    def heard(self) -> None:
        """Say that a chunk came, or that the upstream is read from now on."""
        self._since = time.monotonic()

    def wait(self, seconds: float | None) -> float | None:
        """Return how long to wait for the next chunk, at most `seconds`.

        Raises `StallError` when the upstream's time is over.
        """
        if self._seconds is None:
            return seconds
        left = self._since + self._seconds - time.monotonic()
        if left <= 0:
            raise StallError(f"The upstream sent nothing for upstream_timeout={self._seconds} seconds.")
        return left if seconds is None else min(left, seconds)
