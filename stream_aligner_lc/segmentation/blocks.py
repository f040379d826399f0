"""Go through a block line by line until it is over, or until a piece of it is due."""

import re

from stream_aligner_lc.segmentation.cuts import cut_at
from stream_aligner_lc.segmentation.lines import INDENT_LIMIT, Block, holds_pipe
from stream_aligner_lc.segmentation.reader import MoreNeededError, Reader
from stream_aligner_lc.segmentation.rules import SPACE_LIMIT, Piece, Rules

_NEWLINE = re.compile("\n")
_SLACK = 3  # characters that a closing fence may stand deeper than the opening one


class BlockScan:
    """The lines of one block, as one piece each if its kind is streamed, else as one piece together."""

    def __init__(self, reader: Reader, rules: Rules, block: Block, start: int) -> None:
        self._reader = reader
        self._block = block
        self._streams = block.kind in rules.through
        self._max = rules.max_chars if self._streams or block.kind == "heading" else rules.max_block
        self._start = self._line = start
        self._i = block.body  # what makes it a block may be more than its first line
        self._body = block.body
        self._whole_line = True
        self._carry = ""  # the end of a line's part before a cut, for a closer that straddles it
        self._closed = False
        self.over = False

    def run(self) -> Piece:
        """Return the next piece; `over` then tells whether the block ends with it."""
        reader = self._reader
        limit = self._start + self._max
        while True:
            newline = self._newline(limit)
            if newline > limit:
                # A block that is kept whole is cut between its lines where it can be.
                if self._line > self._start and not self._streams:
                    return self._piece(self._line, over=False, cut=True)
                end = cut_at(reader, self._start, limit)
                # Blanks at its end do not make a line too long.
                newline = reader.skip_blanks(end, end + SPACE_LIMIT)
                if reader.at(newline) not in ("", "\n"):
                    return self._piece(end, over=False, cut=True)
            if not reader.at(newline):
                return self._piece(newline, over=True, cut=False)
            if piece := self._end_line(newline):
                return piece

    def _newline(self, limit: int) -> int:
        try:
            return self._reader.find(_NEWLINE, self._i, limit + 1)
        except MoreNeededError:
            self._i = max(self._i, self._reader.end)
            raise

    def resume(self, start: int, line: int) -> None:
        """Go on at `start`, behind the last piece, in the line that begins at `line`."""
        if start == line:
            self._begin_line(line)
        else:
            self._closed = self._closed or self._closes_formula(start)
            self._carry = self._carry_at(start)
            self._whole_line = False
        self._start = self._i = start

    def _begin_line(self, line: int) -> None:
        self._i = self._line = line
        self._whole_line, self._carry, self._closed = True, "", False

    def _piece(self, end: int, *, over: bool, cut: bool | None) -> Piece:
        self.over = over
        return Piece(self._reader.rstrip(self._start, end), self._block.kind, cut)

    def _end_line(self, newline: int) -> Piece | None:
        closer = self._block.closer
        if not closer or self._closes(newline):
            return self._piece(newline, over=True, cut=False)
        listed = closer in ("|", "||", ">")
        if listed and not self._lists(newline + 1, closer):
            return self._piece(newline, over=True, cut=False)
        if self._streams:
            return self._piece(newline, over=False, cut=True if listed else None)
        self._begin_line(newline + 1)
        return None

    def _closes(self, newline: int) -> bool:
        if self._block.kind == "code":
            return self._closes_fence(newline)
        return self._block.kind == "math" and (self._closed or self._closes_formula(newline))

    def _closes_fence(self, newline: int) -> bool:
        if not self._whole_line or self._line <= self._body:
            return False
        line = self._reader.slice(self._line, newline)
        fence, closer = line.strip(), self._block.closer
        indent = len(line) - len(line.lstrip())
        return len(fence) >= len(closer) and not fence.strip(closer[0]) and indent <= self._block.indent + _SLACK

    def _closes_formula(self, end: int) -> bool:
        return bool(self._block.closer) and self._block.closer in self._carry + self._part(end)

    def _part(self, end: int) -> str:
        return self._reader.slice(max(self._line, self._start, self._body), end)

    def _carry_at(self, end: int) -> str:
        keep = len(self._block.closer) - 1
        return (self._carry + self._part(end))[-keep:] if keep > 0 else ""

    def _lists(self, i: int, closer: str) -> bool:
        reader = self._reader
        if closer == "||":
            return holds_pipe(reader, i)
        return reader.at(reader.skip_blanks(i, i + INDENT_LIMIT)) == closer
