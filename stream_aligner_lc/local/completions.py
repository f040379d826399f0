"""The seam between an aligner and what decodes for it. No torch here, so that naming a model costs nothing."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple, Protocol


class StoppedError(Exception):
    """A decoding was told to stop; nobody waits for it any more."""


@dataclass(frozen=True, slots=True)
class Effort:
    """What something took; passes that several texts share count for each of them."""

    passes: int = 0
    """Forward passes of the model."""
    tokens_fed: int = 0
    """Tokens that went through it."""
    tokens_drafted: int = 0
    """Tokens that were guessed."""
    tokens_accepted: int = 0
    """Guesses that were right."""
    tokens_reused: int = 0
    """Tokens of prompts that had been read before."""
    cache_hits: int = 0
    """Prompts that began with something read before."""

    def __add__(self, other: Effort) -> Effort:
        return Effort(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    def as_dict(self) -> dict[str, int]:
        """Return the counts by name."""
        return asdict(self)


class Completion(NamedTuple):
    """What an engine wrote after a prompt."""

    ids: list[int]
    """Without the token that ended it."""
    is_finished: bool
    """Whether it came to an end by itself within the limit."""
    effort: Effort


class Prompt(NamedTuple):
    """What an engine completes."""

    ids: Sequence[int]
    draft: Sequence[int]
    """What the answer will probably be."""
    limit: int
    """The most tokens to write."""


class Engine(Protocol):
    """Complete prompts; how that is made fast is its own affair.

    Every method raises `StoppedError` between two passes once `stopped` is set, and `MemoryError` if the device is
    full even with nothing kept.
    """

    def complete_each(self, prompts: Sequence[Prompt], *, stopped: threading.Event) -> Iterator[Completion]:
        """Write an answer to each prompt, in order, in shared passes; it may end early, but not before the first."""

    def tokens_after(
        self, ids: Sequence[int], places: Sequence[int], *, stopped: threading.Event, preferred: Collection[int] = ()
    ) -> tuple[list[int], Effort]:
        """Return the token that follows the first `places[0]` ids, the first `places[1]`, ..., at least the first.

        An engine with caution returns one of those `preferred` where the model does not much prefer another.
        """

    def warm(self, ids: Sequence[int], *, stopped: threading.Event) -> None:
        """Read the beginning of prompts to come, when nothing else is to be done."""
