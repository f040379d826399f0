"""Where to cut a piece that has reached its limit without an end."""

import re

from stream_aligner_lc.segmentation.characters import sticks
from stream_aligner_lc.segmentation.reader import Reader

# Best first. Spaces come before the punctuation of scripts that have none.
_PLACES = tuple(
    re.compile(f"(?s:.*){place}")
    for place in (r"[;:](?=\s)", r"[,،](?=\s)", r"(?=\s)", "[；：](?=(?s:.))", "[，、،](?=(?s:.))")
)
_ZWJ = "\u200d"
_MOST_STUCK = 64  # characters; nothing that is written is longer in one place


def cut_at(reader: Reader, start: int, limit: int) -> int:
    """Return where the core of a piece from `start` ends that may not reach beyond `limit`.

    Reads one character beyond `limit`. The answer is `start` if the piece is all whitespace, else behind its
    first character that is none.
    """
    reader.at(limit)
    core = limit - len(reader.slice(start, limit).lstrip())
    if core == limit:
        return start
    half = core + (limit - core) // 2
    text = reader.slice(half, limit + 1)
    for place in _PLACES:
        hit = place.match(text)
        if hit and (end := half + hit.end()) > core:
            return reader.rstrip(start, end)
    return reader.rstrip(start, _hard_cut(reader, core, limit))


def _hard_cut(reader: Reader, core: int, limit: int) -> int:
    for end in range(limit, max(core, limit - _MOST_STUCK), -1):
        if _parts(reader.at(end - 1), reader.at(end)):
            return end
    return limit


def _parts(before: str, after: str) -> bool:
    if after == "\n" and before == "\r":
        return False
    if _is_flag(before) and _is_flag(after):
        return False
    return before != _ZWJ and not sticks(after)


def _is_flag(c: str) -> bool:
    return "\U0001f1e6" <= c <= "\U0001f1ff"
