"""Go through prose until a sentence ends, or until it has to be cut."""

import re

from stream_aligner_lc.segmentation import inline
from stream_aligner_lc.segmentation.boundaries import WRAP_WIDTH, Candidate, sentence_end
from stream_aligner_lc.segmentation.characters import (
    CLOSERS,
    INVISIBLE,
    MARKUP,
    OPENERS,
    STRONG,
    SUPERSCRIPTS,
    TERMINATORS,
    TWO_FACED,
    is_han,
    is_lower,
    is_spaceless,
)
from stream_aligner_lc.segmentation.cuts import cut_at
from stream_aligner_lc.segmentation.lines import Block, block_at, is_delimiter_row, is_underline
from stream_aligner_lc.segmentation.reader import MoreNeededError, Reader
from stream_aligner_lc.segmentation.rules import SPACE_LIMIT, Piece, Rules

_NO_TERMINATOR = re.compile(f"[^{re.escape(TERMINATORS)}]")
_FOOTNOTE_LIMIT = 6
_TAG_LIMIT = 12


class ProseScan:
    """The sentence from `start`; up to `core` it is whitespace, up to `content` also an item's marker."""

    def __init__(
        self, reader: Reader, rules: Rules, kind: str, *, start: int, core: int, content: int, line: int
    ) -> None:
        self._reader = reader
        self._rules = rules
        self._kind = kind
        self._start = start
        self._content = content
        self._line = line
        self._i = content
        self._limit = core + rules.max_chars
        self._opened: list[inline.Open] = []
        self._events = inline.MARKDOWN_EVENTS if rules.markdown else inline.PLAIN_EVENTS

    def run(self) -> Piece | Block:
        """Return the sentence, or the block that it turns out to be the first line of."""
        while True:
            if found := self._step(self._next_event()):
                return found

    def _next_event(self) -> int:
        try:
            return self._reader.find(self._events, self._i, self._limit)
        except MoreNeededError:
            self._i = max(self._i, self._reader.end)
            raise

    def _step(self, i: int) -> Piece | Block | None:
        reader = self._reader
        c = reader.at(i)
        if not c:
            return self._piece(i)
        if i >= self._limit:
            return Piece(cut_at(reader, self._start, self._limit), self._kind, cut=True)
        if c == "\n":
            return self._newline(i)
        if c in TERMINATORS or c in ";:":
            return self._terminator(i)
        if c in "`$\\":
            self._i = inline.span_end(reader, i)
        else:
            inline.turn(reader, i, self._opened, self._content)
            self._i = i + 1
        return None

    def _piece(self, end: int) -> Piece:
        return Piece(self._reader.rstrip(self._start, end), self._kind, cut=False)

    def _terminator(self, i: int) -> Piece | None:
        reader = self._reader
        run_end = i + 1 if reader.at(i) in ";:" else reader.find(_NO_TERMINATOR, i, self._limit)
        end = self._sentence_end(i, run_end) if run_end < self._limit else None
        if end is not None:
            return Piece(end, self._kind, cut=False)
        self._i = run_end
        return None

    def _sentence_end(self, i: int, run_end: int) -> int | None:
        reader = self._reader
        strong = reader.at(run_end - 1) in STRONG
        after = reader.at(run_end)
        between_han = is_han(after) and reader.at(i) in ".!?" and i > self._start and is_han(reader.at(i - 1))
        if after.isalnum() and not strong and not between_han and after not in SUPERSCRIPTS:
            return None
        end, opened = self._over_closers(i, run_end)
        after = reader.at(end)
        bare = end == run_end and (strong or between_han)
        if end > self._limit or not (bare or not after or after.isspace() or (strong and after in OPENERS)):
            return None
        candidate = Candidate(self._content, i, run_end, end, self._line)
        found = sentence_end(reader, candidate, self._rules.lexicon)
        if found is None or not opened:
            return found
        enclosed = inline.is_enclosed(reader, opened, end, self._rules.hold_chars, self._content)
        return None if enclosed else found

    def _over_closers(self, i: int, end: int) -> tuple[int, list[inline.Open]]:
        """Return the end of what closes at `end`, behind the terminators from `i`, and what stays open."""
        opened = self._opened
        while end <= self._limit:
            after, left = self._over_closer(i, end, opened)
            if after == end:
                break
            end, opened = after, left
        return end, opened

    def _over_closer(self, i: int, end: int, opened: list[inline.Open]) -> tuple[int, list[inline.Open]]:
        reader = self._reader
        c = reader.at(end)
        depth = inline.depth_of(c, opened) if c else None
        if depth is not None:
            return end + 1, opened[:depth]
        if c in (" ", "\u00a0", "\u202f") and opened and opened[-1][0][0] in "»›":
            return (end + 2, opened[:-1]) if reader.at(end + 1) in ("»", "›") else (end, opened)
        return self._over_mark(i, end, c), opened

    def _over_mark(self, i: int, end: int, c: str) -> int:
        """Return the end of a mark that belongs to the sentence before it, `end` if there is none."""
        if not c:
            return end
        if c in MARKUP:
            return self._over_markup(i, end)
        if c == "[":
            return self._over_footnote(end)
        if c == "<":
            return self._over_tag(end)
        single = c in SUPERSCRIPTS or c in INVISIBLE or c in CLOSERS
        return end + 1 if single and not (c in TWO_FACED and not self._ends_there(end + 1)) else end

    def _ends_there(self, end: int) -> bool:
        c = self._reader.at(end)
        return not c or c.isspace() or c in CLOSERS or c in MARKUP or c == "["

    def _over_markup(self, i: int, end: int) -> int:
        reader = self._reader
        after = reader.skip(reader.at(end), end, end + 4)
        # Before a letter it closes only what has been opened.
        if self._ends_there(after) or reader.slice(self._content, i).count(reader.slice(end, after)) % 2:
            return after
        return end

    def _over_footnote(self, end: int) -> int:
        reader = self._reader
        i = end + 1
        if reader.at(i) == "^":
            i += 1
        first = i
        while i < end + _FOOTNOTE_LIMIT and reader.at(i).isalnum():
            i += 1
        return i + 1 if i > first and reader.at(i) == "]" else end

    def _over_tag(self, end: int) -> int:
        reader = self._reader
        if reader.at(end + 1) != "/":
            return end
        i = end + 2
        while i < end + _TAG_LIMIT and reader.at(i).isalnum():
            i += 1
        return i + 1 if i > end + 2 and reader.at(i) == ">" else end

    def _newline(self, i: int) -> Piece | Block | None:
        reader = self._reader
        before = reader.slice(max(self._content, i - SPACE_LIMIT), i)
        last = before.rstrip()[-1:]
        if last == ":":
            return self._piece(i)
        after = reader.skip_blanks(i + 1, i + 1 + SPACE_LIMIT)
        c = reader.at(after)
        if not c or c.isspace():
            return self._piece(i)
        if self._rules.markdown and (found := self._block_line(i, after)):
            return found
        if self._is_joined(i, after, before, last):
            self._i = self._line = i + 1
            return None
        return self._piece(i)

    def _block_line(self, i: int, after: int) -> Piece | Block | None:
        """Return what the line behind the newline at `i` makes of this one."""
        reader = self._reader
        if self._kind != "item" and is_underline(reader, after):
            return Block("heading", after)
        if reader.at(after) in ("-", ":", "|") and self._line >= self._start and self._is_table_header(i):
            return Block("table", self._content, "||")
        return None

    def _is_table_header(self, i: int) -> bool:
        return "|" in self._reader.slice(self._line, i) and is_delimiter_row(self._reader, i + 1)

    def _is_joined(self, i: int, after: int, before: str, last: str) -> bool:
        """Tell whether the sentence goes on behind the newline at `i`."""
        reader = self._reader
        c = reader.at(after)
        wrapped = i - self._line >= WRAP_WIDTH and not is_spaceless(last) and not before.endswith("  ")
        if not wrapped and not is_lower(c):
            return False
        if self._rules.markdown and block_at(reader, after, after - i - 1) is not None:
            return False
        return wrapped or is_lower(c)
