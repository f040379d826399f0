"""Read numbers in English words. Plain Python, no I/O."""

from __future__ import annotations

import re

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_NUMBERS = {word: number for number, word in enumerate(_ONES.split())}
_NUMBERS |= {word: 10 * number for number, word in enumerate(_TENS.split(), start=2)}
_FACTORS = {"hundred": 100, "thousand": 1000, "million": 1_000_000}

_WORD = rf"(?:{'|'.join([*_NUMBERS, *_FACTORS])})"
_NUMBER = re.compile(rf"\b{_WORD}(?:(?:[ -]|,? and ){_WORD})*\b", re.IGNORECASE)


def number_in_words(text: str) -> int | None:
    """Return the number that a text begins with, None if it begins with none.

    >>> number_in_words("Two hundred and forty-one apples"), number_in_words("apples")
    (241, None)
    """
    found = _NUMBER.match(text)
    if found is None:
        return None
    total, current = 0, 0
    for word in re.findall("[a-z]+", found[0].lower()):
        if word in _NUMBERS:
            current += _NUMBERS[word]
        elif word == "hundred":
            current = 100 * (current or 1)
        elif word in _FACTORS:
            total, current = total + _FACTORS[word] * (current or 1), 0
    return total + current


def from_last_number(text: str) -> str | None:
    """Return a text from its last number in words on, None if there is none."""
    found = list(_NUMBER.finditer(text))
    return text[found[-1].start() :] if found else None
