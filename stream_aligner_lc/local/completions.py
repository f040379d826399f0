"""The seam between an aligner and what decodes for it. No torch here, so that naming a model costs nothing."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import NamedTuple, Protocol


class StoppedError(Exception):
    """A decoding was told to stop; nobody waits for it any more."""


class Completion(NamedTuple):
    """What an engine wrote after a prompt."""

    ids: list[int]
    """Without the token that ended it."""
    is_finished: bool
    """Whether it came to an end by itself within the limit."""
    num_tokens: int
    """Tokens that were read and written for it."""


class Engine(Protocol):
    """Complete prompts with the most probable token at every place; how that is made fast is its own affair."""

    def complete(
        self, prompt: Sequence[int], draft: Sequence[int], *, limit: int, stopped: threading.Event
    ) -> Completion:
        """Write at most `limit` tokens after `prompt`, most often those of `draft`.

        Raises `StoppedError` between two passes once `stopped` is set.
        """
