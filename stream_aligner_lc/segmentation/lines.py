"""What a line starts: a heading, a list item, a block of code, a formula, a table, a quote, a rule."""

import re
from collections.abc import Callable
from typing import NamedTuple

from stream_aligner_lc.segmentation.reader import Reader

INDENT_LIMIT = 150  # whitespace before a block's first character
_LINE_LIMIT = 300  # characters of one line that may be read to tell what it is
_HEADER_LIMIT = 1000
_MAX_NESTED_MARKERS = 4

_NEWLINE = re.compile("\n")
_PIPE_OR_NEWLINE = re.compile(r"[|\n]")
_BACKTICK_OR_NEWLINE = re.compile("[`\n]")
_NO_DELIMITER_ROW = re.compile(r"[^-|: \t\r]")
_ALL_BLANK = " \t\r"
_BULLETS = "-*+•◦▪●‣·"
_ROMAN = "ivxIVX"


class Block(NamedTuple):
    """A block that starts at a line; `closer` says what ends it, and is empty for one line."""

    kind: str
    body: int
    closer: str = ""
    indent: int = 0


def block_at(reader: Reader, i: int, indent: int) -> Block | None:
    """Return the block that starts at `i`, `indent` characters into its line; None for prose."""
    c = reader.at(i)
    if c in "-*_=+":
        return _rule(reader, i) or _item(reader, i, indent)
    return _STARTS.get(c, _item)(reader, i, indent)


def _ends_line(reader: Reader, i: int) -> bool:
    i = reader.skip(_ALL_BLANK, i, i + _LINE_LIMIT)
    return reader.at(i) in ("", "\n")


def _heading(reader: Reader, i: int, _indent: int) -> Block | None:
    end = reader.skip("#", i, i + 7)
    after = reader.at(end)
    return Block("heading", end) if end - i < 7 and (not after or after in " \t\r\n") else None


def _quote(_reader: Reader, i: int, _indent: int) -> Block:
    return Block("quote", i + 1, ">")


def _fence(reader: Reader, i: int, indent: int) -> Block | None:
    c = reader.at(i)
    body = reader.skip(c, i, i + _LINE_LIMIT)
    if body - i < 3:
        return None
    if c == "`":
        stop = body + _LINE_LIMIT
        end = reader.find(_BACKTICK_OR_NEWLINE, body, stop)
        if end < stop and reader.at(end) == "`":
            return None
    return Block("code", body, c * (body - i), indent)


def _table(reader: Reader, i: int, _indent: int) -> Block | None:
    stop = i + _HEADER_LIMIT
    end = reader.find(_NEWLINE, i, stop)
    if end >= stop:
        return None
    row = reader.slice(i, end).rstrip()
    if (len(row) > 1 and row.endswith("|")) or is_delimiter_row(reader, end + 1):
        return Block("table", i + 1, "|")
    return None


def is_delimiter_row(reader: Reader, i: int) -> bool:
    """Tell whether the line at `i` parts a table's header from its rows."""
    if not reader.at(i):
        return False
    stop = i + _LINE_LIMIT
    end = reader.find(_NO_DELIMITER_ROW, i, stop)
    row = reader.slice(i, end)
    return end < stop and reader.at(end) in ("", "\n") and "|" in row and "-" in row


def holds_pipe(reader: Reader, i: int) -> bool:
    """Tell whether the line at `i` has a `|`."""
    stop = i + _LINE_LIMIT
    end = reader.find(_PIPE_OR_NEWLINE, i, stop)
    return end < stop and reader.at(end) == "|"


def _formula(reader: Reader, i: int, _indent: int) -> Block | None:
    c, after = reader.at(i), reader.at(i + 1)
    if c == after == "$":
        closer = "$$"
    elif c == "\\" and after == "[":
        closer = "\\]"
    elif c == "\\" and after == "b":
        return _environment(reader, i)
    else:
        return None
    body = i + 2
    closed = _close_on_line(reader, body, closer)
    if closed is None:
        return Block("math", body, closer)
    end = reader.skip(_ALL_BLANK + ".,;:", closed, closed + _LINE_LIMIT)
    return Block("math", closed) if reader.at(end) in ("", "\n") else None


def _close_on_line(reader: Reader, i: int, closer: str) -> int | None:
    pattern = _FORMULA_ENDS[closer]
    stop = i + _LINE_LIMIT
    while (i := reader.find(pattern, i, stop)) < stop and reader.at(i) not in ("", "\n"):
        if reader.at(i + 1) == closer[1]:
            return i + 2
        i += 1
    return None


_FORMULA_ENDS = {"$$": re.compile("[$\n]"), "\\]": re.compile(r"[\\\n]")}


def _environment(reader: Reader, i: int) -> Block | None:
    name = i + len("\\begin{")
    for j, c in enumerate("\\begin{", i):
        if reader.at(j) != c:
            return None
    end = name
    while end < name + 30 and ((c := reader.at(end)).isalpha() or c == "*"):
        end += 1
    if reader.at(end) != "}" or end == name:
        return None
    return Block("math", end + 1, f"\\end{{{reader.slice(name, end)}}}")


def _rule(reader: Reader, i: int) -> Block | None:
    c = reader.at(i)
    stop = i + _LINE_LIMIT
    end = reader.skip(c + (" \t\r" if c in "-*_" else "\r"), i, stop)
    if end < stop and reader.at(end) not in ("", "\n"):
        return None
    return Block("rule", end) if reader.slice(i, end).count(c) >= 3 and c != "+" else None


def is_underline(reader: Reader, i: int) -> bool:
    """Tell whether the line that goes on at `i` makes the line before it a heading."""
    c = reader.at(i)
    if c not in ("=", "-"):
        return False
    end = reader.skip(c, i, i + _LINE_LIMIT)
    return end - i > 1 and _ends_line(reader, end)


def _item(reader: Reader, i: int, indent: int) -> Block | None:
    body = i
    for _ in range(_MAX_NESTED_MARKERS):
        end = _marker_end(reader, body)
        if end is None or not ((after := reader.at(end)) == "" or after.isspace()):
            break
        body = reader.skip(" \t", end, end + 5)
        # An item may open with a fence; its code is a block like any other.
        if reader.at(body) in ("`", "~") and (fence := _fence(reader, body, indent + body - i)):
            return fence
    return Block("item", body) if body > i else None


def _marker_end(reader: Reader, i: int) -> int | None:
    c = reader.at(i)
    if c and c in _BULLETS:
        return i + 1
    if c == "(":
        end = _label_end(reader, i + 1)
        return end + 1 if end is not None and reader.at(end) == ")" else None
    end = _label_end(reader, i)
    if end is None:
        return None
    after = reader.at(end)
    if after == "." and c.isdigit():
        return end + 2 if reader.at(end + 1) == ")" else end + 1
    return end + 1 if after == ")" else None


def _label_end(reader: Reader, i: int) -> int | None:
    """Return the end of a number, a letter or a small Roman numeral."""
    c = reader.at(i)
    if "0" <= c <= "9":
        return reader.skip("0123456789", i, i + 3)
    if not ("a" <= c.lower() <= "z"):
        return None
    if c not in _ROMAN:
        return i + 1
    return reader.skip(_ROMAN, i, i + 4)


_STARTS: dict[str, Callable[[Reader, int, int], Block | None]] = {
    "#": _heading,
    "`": _fence,
    "~": _fence,
    ">": _quote,
    "|": _table,
    "$": _formula,
    "\\": _formula,
}
