"""What changed from a draft to its correction, word by word. Plain Python, no I/O."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import Literal

Part = tuple[Literal["same", "gone", "new"], str]

_CODES = {"same": 0, "gone": 1, "new": 2}

# A word with the whitespace behind it, so that a change does not fall apart into words and spaces.
_WORDS = re.compile(r"\w+\s*|[^\w\s]\s*|\s+")
_MAX_WORDS = 4000
"""Beyond that the comparison, which is quadratic, would take seconds."""


def word_diff(draft: str, text: str) -> list[Part]:
    """Return what stayed, went and came, in the order of reading.

    Without what came it is the draft, without what went the correction.

    >>> word_diff("The sky is green.", "The sky is blue.")
    [('same', 'The sky is '), ('gone', 'green'), ('new', 'blue'), ('same', '.')]
    """
    before, after = _WORDS.findall(draft), _WORDS.findall(text)
    if max(len(before), len(after)) > _MAX_WORDS:
        return _parts([("gone", draft), ("new", text)] if draft != text else [("same", text)])
    found: list[Part] = []
    for kind, start, end, other_start, other_end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            found.append(("same", "".join(before[start:end])))
            continue
        found += [("gone", "".join(before[start:end])), ("new", "".join(after[other_start:other_end]))]
    return _parts(found)


def coded(draft: str, text: str) -> list[list[int | str]]:
    """Return what `word_diff` finds as the pages read it: 0 stayed, 1 went, 2 came."""
    return [[_CODES[kind], part] for kind, part in word_diff(draft, text)]


def _parts(found: list[Part]) -> list[Part]:
    return [part for part in found if part[1]]
