"""What a reader is shown of released text beside the records of its sentences. No I/O.

A record comes when its sentence has its verdict, the text a little later and with the whitespace before it: a sentence
is found again by its text.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from stream_aligner_lc.options import Record


class Shown(NamedTuple):
    """A piece of what is shown: released text, or with `struck` a draft that nobody else sees."""

    text: str
    is_correction: bool = False
    struck: str = ""


class Sentences:
    """The released text of one reply, with the drafts that it stands for."""

    def __init__(self) -> None:
        self._waiting: deque[Record] = deque()

    def judged(self, record: Record) -> None:
        """Take the record of a sentence."""
        if record["verdict"] != "skipped":
            self._waiting.append(record)

    def released(self, text: str) -> Iterator[Shown]:
        """Yield what is shown of the next released text: first the sentences that were removed before it."""
        core = text.strip()
        texts = [str(record["text"]).strip() for record in self._waiting]
        if not core or core not in texts:
            yield Shown(text)
            return
        for _ in range(texts.index(core)):
            yield from _removed(self._waiting.popleft())
        record = self._waiting.popleft()
        if record["verdict"] != "replaced":
            yield Shown(text)
            return
        lead = text[: len(text) - len(text.lstrip())]
        if lead:
            yield Shown(lead)
        yield Shown(text[len(lead) :], is_correction=True, struck=str(record["draft"]))

    def rest(self) -> Iterator[Shown]:
        """Yield the sentences that were removed at the end of the reply."""
        while self._waiting:
            yield from _removed(self._waiting.popleft())


def _removed(record: Record) -> Iterator[Shown]:
    if record["verdict"] == "removed":
        yield Shown("", struck=str(record["draft"]))
