"""How much two texts have in common, by the letters that their words share. Plain Python, no I/O."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from stream_aligner_lc.continuation.scripts import columns

_WORD = re.compile(r"\w+")
_GRAM = 3  # letters; a word's edges count as letters, so that short words have some
_CHANGED = 0.01  # what any change costs, so that a sentence prefers itself to one that differs in a full stop
_LENGTH = 0.1  # per factor e between the lengths
_LONGEST = 0.3  # what lengths cost at most: a refusal may be much shorter than what it stands for


class Features(NamedTuple):
    """What is compared of a text: itself, and the n-grams of its words."""

    text: str
    grams: frozenset[str]

    @classmethod
    def of(cls, text: str) -> Features:
        """Take the features of `text`."""
        return cls(text, _grams(text))

    def and_then(self, other: Features) -> Features:
        """Return the features of this text and `other` behind it."""
        return Features(f"{self.text} {other.text}", self.grams | other.grams)

    def likeness(self, other: Features) -> float:
        """Return Dice's coefficient of the n-grams: 1 if they are the same, 0 if none is shared."""
        return 2 * len(self.grams & other.grams) / (len(self.grams) + len(other.grams))

    def distance(self, other: Features) -> float:
        """Return what it costs to let one stand for the other: 0 for the same text, else up to about 1.3.

        >>> Features.of("It rains.").distance(Features.of("It rains."))
        0.0
        """
        if self.text == other.text:
            return 0.0
        lengths = abs(math.log((len(self.text) + 1) / (len(other.text) + 1)))
        return _CHANGED + 1 - self.likeness(other) + min(_LENGTH * lengths, _LONGEST)


def _grams(text: str) -> frozenset[str]:
    words: list[str] = _WORD.findall(text.casefold())
    if not words:
        return frozenset({text})  # signs alone: equal or not
    return frozenset(gram for word in words for gram in _grams_of(word))


def _grams_of(word: str) -> list[str]:
    # Where nothing parts words, a "word" is a whole clause, and one or two characters are a word.
    if columns(word) > len(word):
        return [*word, *(word[i : i + 2] for i in range(len(word) - 1))]
    padded = f" {word} "
    return [padded[i : i + _GRAM] for i in range(len(padded) - _GRAM + 1)]
