"""What a segmenter hands out: pieces of a text that join up to exactly that text."""

from typing import NamedTuple

KINDS = frozenset({"prose", "heading", "item", "table", "quote", "code", "math", "rule", "space"})


class Segment(NamedTuple):
    """One piece of a text; the pieces of a text, joined, are the text.

    `start` is the offset of the piece in the whole text. `cut` says that the piece ends at a limit or is one
    piece of a streamed block, so that its end is no sentence end.

    >>> s = Segment("  Yes. ", "prose", 0, False)
    >>> s.lead, s.core, s.trail
    ('  ', 'Yes.', ' ')
    """

    text: str
    kind: str
    start: int
    cut: bool

    @property
    def core(self) -> str:
        """The text without the whitespace around it; empty for kind `space`."""
        return self.text.strip()

    @property
    def lead(self) -> str:
        """The whitespace before the core; all of a piece that has no core."""
        return self.text[: len(self.text) - len(self.text.lstrip())]

    @property
    def trail(self) -> str:
        """The whitespace after the core."""
        return self.text[len(self.text.rstrip()) :] if self.text.strip() else ""
