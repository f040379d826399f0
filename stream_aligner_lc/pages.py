"""The pieces of a reply that are released, in pages: what the state holds of it, and its text. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, islice
from typing import Any

# How many pieces make a page of `released`. A step copies the list of pages and the open page, so that 20,000 sentences
# cost the last step what they cost the first.
PAGE = 256


def extend_released(pages: Sequence[list[Any]] | None, writes: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Append the pieces that each write brings; a leading None starts a new reply. The reducer of `released`.

    All pages but the last are full, however the pieces came, and a full page never changes.
    """
    pages = list(pages or ())
    for write in writes:
        starts_anew = bool(write) and write[0] is None
        if starts_anew:
            pages = []
        open_page = [*(pages.pop() if pages and len(pages[-1]) < PAGE else ()), *write[starts_anew:]]
        pages.extend(open_page[start : start + PAGE] for start in range(0, len(open_page), PAGE))
    return pages


def pieces_of(pages: Sequence[list[Any]], start: int = 0) -> list[Any]:
    """Return the pieces of `released` from number `start` on."""
    return list(islice(chain.from_iterable(pages[start // PAGE :]), start % PAGE, None))


def text_of(piece: Any) -> str:
    """Return the text of one piece of `released`."""
    return piece if isinstance(piece, str) else str(piece["chunk"].text)


class Transcript:
    """The text of `released`, joined once: a reply of thousands of sentences asks for it with each of them.

    A cache beside the state, never the truth: pages that are not those it has seen are joined anew.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._last: Any = None
        self._text = ""

    def text(self, pages: Sequence[list[Any]]) -> str:
        """Return the text of `pages`."""
        since = pieces_of(pages, self._seen - 1) if self._seen else []
        if not since or since[0] != self._last:
            self._seen, self._text, since = 0, "", [None, *pieces_of(pages)]
        if new := since[1:]:
            self.extend(new, self._text + "".join(map(text_of, new)))
        return self._text

    def extend(self, pieces: Sequence[Any], text: str) -> None:
        """Take it that `pieces` are released next, and that the whole is then `text`."""
        self._seen, self._last, self._text = self._seen + len(pieces), pieces[-1], text
