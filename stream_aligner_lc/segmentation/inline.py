"""What is open at a place inside a line: code spans, formulas, brackets and quotes.

Spans are leapt over as wholes. Brackets and quotes are kept on a stack, and whether one of them ever closes
is looked up only when a sentence might end inside it.
"""

import re
from functools import cache

from stream_aligner_lc.segmentation.characters import CLOSERS, OPENERS, PAIRS, TERMINATORS, TWO_FACED, is_han
from stream_aligner_lc.segmentation.reader import Reader

SPAN_LIMIT = 250  # characters a code span or formula may have; longer ones are read as plain text

# An open bracket or quote: what closes it, and where it opened.
Open = tuple[str, int]

_PAIRED = "".join(sorted(OPENERS | CLOSERS))
# In Greek and Armenian text the semicolon and the colon end sentences.
_BY_SCRIPT = "(?<=[Ͱ-Ͽἀ-῿]);|(?<=[Ա-֏]):"
MARKDOWN_EVENTS = re.compile(f"[\n`$\\\\{re.escape(_PAIRED + TERMINATORS)}]|{_BY_SCRIPT}")
PLAIN_EVENTS = re.compile(f"[\n{re.escape(_PAIRED + TERMINATORS)}]|{_BY_SCRIPT}")
_HELD_EVENTS = re.compile(f"[\n`$\\\\{re.escape(_PAIRED)}]")

_BACKTICK_OR_NEWLINE = re.compile("[`\n]")
# A price has a space before its dollar or a digit behind it.
_DOLLAR_BEHIND_FORMULA = re.compile(r"(?<![\s\\])\$(?!\d)|\n")
_DOLLARS = re.compile(r"\$\$|\n")
_PARENTHESIS = re.compile(r"(?<!\\)\\\)|\n")
_BRACKET = re.compile(r"(?<!\\)\\\]")
_ESCAPED = frozenset("\\`*_{}[]()#+-.!|$\"'~<>")
_AFTER_PAIRED = frozenset(" \t\n\r\u00a0\u202f.,;:!?…。，、！？；：")
_BEFORE_OPENER = frozenset("-–—/*_~:=,;|>¿¡…，。：；、！？")
_ELIDED = ("tis", "twas", "em", "cause", "til", "bout", "round", "n", "cos")
_FORMULA_STARTS = frozenset("\\([|-+<∑∫∂∀∃√")
_AFTER_NUMBER_IN_FORMULA = frozenset("\\^_+*=<>{($")
# A new line that starts like this is a new block, as far as a held quote is concerned.
_BLOCK_STARTS = frozenset("#>|-*+•`~$\\0123456789")


def span_end(reader: Reader, i: int) -> int:
    """Return the end of the span that opens at `i`, or of the opener if no span does."""
    c = reader.at(i)
    if c == "`":
        return _code_end(reader, i)
    if c == "$":
        return _dollar_end(reader, i)
    return _backslash_end(reader, i)


def _code_end(reader: Reader, i: int) -> int:
    stop = i + SPAN_LIMIT
    opened = reader.skip("`", i, stop)
    j = opened
    while (j := reader.find(_BACKTICK_OR_NEWLINE, j, stop)) < stop and reader.at(j) == "`":
        closed = reader.skip("`", j, stop + 1)
        if closed - j == opened - i:
            return closed
        j = closed
    return opened


def _dollar_end(reader: Reader, i: int) -> int:
    c = reader.at(i + 1)
    if c == "$":
        return _until(reader, i, _DOLLARS)
    if not _opens_formula(reader, i + 1):
        return i + 1
    stop = i + SPAN_LIMIT
    end = reader.find(_DOLLAR_BEHIND_FORMULA, i + 1, stop)
    closed = end < stop and reader.at(end) == "$" and not reader.at(end + 1).isdigit()
    return end + 1 if closed else i + 1


def _opens_formula(reader: Reader, i: int) -> bool:
    """Tell a formula from a price, a shell variable and a template by how it starts."""
    c = reader.at(i)
    if c.isdigit():
        while c and (c.isdigit() or c in ".,"):
            i += 1
            c = reader.at(i)
        return c in _AFTER_NUMBER_IN_FORMULA or (c.isalpha() and c.islower() and c not in "kmbtn")
    if c.isalpha():
        word = c
        while len(word) < 3 and (c := reader.at(i + len(word))) and (c.isalpha() or c == "_"):
            word += c
        return len(word) < 3 and not (len(word) == 2 and word.isupper())
    return c in _FORMULA_STARTS


def _backslash_end(reader: Reader, i: int) -> int:
    c = reader.at(i + 1)
    if c == "(":
        return _until(reader, i, _PARENTHESIS)
    if c == "[":
        return _until(reader, i, _BRACKET)
    return i + 2 if c and c in _ESCAPED else i + 1


def _until(reader: Reader, i: int, closer: re.Pattern[str]) -> int:
    stop = i + SPAN_LIMIT
    end = reader.find(closer, i + 2, stop)
    return end + 2 if end < stop and reader.at(end) not in ("", "\n") else i + 2


def turn(reader: Reader, i: int, opened: list[Open], start: int) -> int | None:
    """Let the bracket or quote at `i` open or close; return the depth of what it closed, if anything.

    Characters before `start`, where the sentence starts, are not looked at.
    """
    c = reader.at(i)
    before = reader.at(i - 1) if i > start else " "
    after = reader.at(i + 1) if c in TWO_FACED or c == "(" else ""
    if c in "'’\"" and before.isalnum() and after.isalnum() and not is_han(after):
        return None
    depth = depth_of(c, opened)
    if depth is not None and not (c in TWO_FACED and c in "\"'" and _can_open(c, before, after)):
        del opened[depth:]
        return depth
    if c in OPENERS and _opens(reader, i, before, after):
        if depth is not None:
            del opened[depth:]
        opened.append((PAIRS[c], i))
    return None


def depth_of(c: str, opened: list[Open]) -> int | None:
    """Return the depth of the innermost entry that `c` closes."""
    if c not in CLOSERS:
        return None
    for depth in range(len(opened) - 1, -1, -1):
        if c in opened[depth][0]:
            return depth
    return None


def _opens(reader: Reader, i: int, before: str, after: str) -> bool:
    c = reader.at(i)
    if c == "(":
        return not (before and before in ":;" and (not after or after.isspace()))
    if c not in TWO_FACED:
        return True
    if c in "“‘„‚":
        return bool(after) and after not in _AFTER_PAIRED
    if c == "«":
        return bool(after) and (not after.isspace() or after in "\u00a0\u202f ")
    if not _can_open(c, before, after):
        return False
    return c not in "'’" or _quotes_word(reader, i + 1)


def _can_open(c: str, before: str, after: str) -> bool:
    if not after or after in _AFTER_PAIRED or after in CLOSERS:
        return False
    if c in "'’" and not after.isalpha():
        return False
    return before.isspace() or before in OPENERS or before in _BEFORE_OPENER or is_han(before)


def _quotes_word(reader: Reader, i: int) -> bool:
    word = ""
    while len(word) < 6 and (c := reader.at(i + len(word))) and c.isalpha():
        word += c
    return word.lower() not in _ELIDED


def is_enclosed(reader: Reader, opened: list[Open], i: int, hold: int, start: int) -> bool:
    """Tell whether a bracket or quote that is open at `i` closes within `hold` characters of its opening."""
    rest = [entry for entry in opened if entry[1] + hold > i]
    depth = len(rest)
    if not depth or not _might_close(reader, rest, i, rest[-1][1] + hold):
        return False
    while depth:
        stop = rest[depth - 1][1] + hold
        i = reader.find(_HELD_EVENTS, i, stop)
        if i >= stop or not (c := reader.at(i)):
            return False
        if c == "\n":
            if _ends_hold(reader, i, start):
                return False
            i += 1
        elif c in "`$\\":
            i = span_end(reader, i)
        else:
            closed = turn(reader, i, rest, start)
            if closed is not None and closed < depth:
                return True
            depth = min(depth, len(rest) - (1 if rest and rest[-1][1] == i else 0))
            i += 1
    return False


def _might_close(reader: Reader, opened: list[Open], i: int, stop: int) -> bool:
    """Tell whether there is any closer at all, which spares a closer look at many openers."""
    closers = "".join(sorted({closer for closer, _ in opened}))
    found = reader.find(_any_of(closers), i, stop)
    return found < stop and reader.at(found) != ""


@cache
def _any_of(closers: str) -> re.Pattern[str]:
    return re.compile(f"[\n{re.escape(closers)}]")


def _ends_hold(reader: Reader, i: int, start: int) -> bool:
    line = reader.slice(max(start, i - 80), i).rstrip()
    if not line or line[-1] in TERMINATORS or line[-1] in CLOSERS:
        return True
    after = reader.at(reader.skip_blanks(i + 1, i + 80))
    return not after or after.isspace() or after in _BLOCK_STARTS
