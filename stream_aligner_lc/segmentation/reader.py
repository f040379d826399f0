"""The only way to look at a text that is still arriving.

Whoever reads past what has arrived gets `MoreNeededError` instead of a guess. A decision that is made only of
such reads, from left to right, sees the same characters however the text was chunked.
"""

import re

_NON_SPACE = re.compile(r"\S")
_NON_SPACE_OR_NEWLINE = re.compile(r"[\S\n]")


class MoreNeededError(Exception):
    """The text that has arrived does not settle the question."""


class Reader:
    """The part of a text that is still needed, addressed by offsets in the whole text."""

    __slots__ = ("base", "ended", "text")

    def __init__(self) -> None:
        self.text = ""
        self.base = 0
        self.ended = False

    @property
    def end(self) -> int:
        """The offset after the last character that has arrived."""
        return self.base + len(self.text)

    def append(self, chunk: str) -> None:
        """Take in the next characters."""
        # A string that only a local name holds grows in place; `self.text += chunk` would copy it every time.
        text, self.text = self.text, ""
        text += chunk
        self.text = text

    def drop(self, i: int) -> None:
        """Forget everything before `i`."""
        if i > self.base:
            self.text = self.text[i - self.base :]
            self.base = i

    def at(self, i: int) -> str:
        """Return the character at `i`, "" after the end of the text."""
        try:
            return self.text[i - self.base]
        except IndexError:
            if self.ended:
                return ""
            raise MoreNeededError from None

    def slice(self, i: int, j: int) -> str:
        """Return what has arrived of `[i, j)`; ask only for what has been read before."""
        return self.text[i - self.base : j - self.base]

    def find(self, pattern: re.Pattern[str], i: int, stop: int) -> int:
        """Return where `pattern` first matches in `[i, stop)`; else `stop`, or the end of a text before it.

        What the pattern looks for behind its match must be checked by the caller.
        """
        hit = pattern.search(self.text, i - self.base, stop - self.base)
        if hit:
            return hit.start() + self.base
        end = self.end
        if stop <= end:
            return stop
        if self.ended:
            return end
        raise MoreNeededError

    def skip_space(self, i: int, stop: int) -> int:
        """Return the first offset in `[i, stop]` that is no whitespace."""
        return self.find(_NON_SPACE, i, stop)

    def skip_blanks(self, i: int, stop: int) -> int:
        """Return the first offset in `[i, stop]` that is a newline or no whitespace."""
        return self.find(_NON_SPACE_OR_NEWLINE, i, stop)

    def skip(self, chars: str, i: int, stop: int) -> int:
        """Return the first offset in `[i, stop]` that holds none of `chars`."""
        while i < stop and (c := self.at(i)) and c in chars:
            i += 1
        return i

    def rstrip(self, i: int, j: int) -> int:
        """Return the end of `[i, j)` without its trailing whitespace."""
        return i + len(self.slice(i, j).rstrip())
