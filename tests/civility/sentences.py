"""What the tests of civility ask about any sentence."""

import re

from stream_aligner_lc import segment
from stream_aligner_lc.civility.words import WORDS

_UNFILLED = re.compile(r"[{}*|]")
_BROKEN = re.compile(r"\s{2}|^\s|\s$|\s[,.!?]|\b[Aa] (?:[aeio]|u(?!ni|se))|\b[Aa]n (?:[^aeiouh]|uni|use)")
_HELD_OUT = sorted({word for words in WORDS.values() for word in words.held_out}, key=len, reverse=True)
_IS_HELD_OUT = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, _HELD_OUT))})(?!\w)", re.IGNORECASE)


def is_one_sentence(text: str) -> bool:
    """Say whether the segmenter sees one sentence."""
    return len(segment(text)) == 1


def is_well_formed(text: str) -> bool:
    """Say whether nothing is left unfilled or put together wrongly."""
    return bool(text) and not _UNFILLED.search(text) and not _BROKEN.search(text)


def held_out_word(text: str) -> str | None:
    """Return a word of `text` that is held out."""
    found = _IS_HELD_OUT.search(text)
    return found and found[0]
