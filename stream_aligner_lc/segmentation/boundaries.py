"""Whether a sentence ends at a terminator: a pure function of the text around it."""

import re
from typing import NamedTuple

from stream_aligner_lc.segmentation.characters import OPENERS, STRONG, is_emoji, is_emoji_tail, is_lower
from stream_aligner_lc.segmentation.reader import Reader
from stream_aligner_lc.segmentation.rules import SPACE_LIMIT
from stream_aligner_lc.segmentation.starters import COUNTED, LABELS, LETTERED, NAMELIKE, STARTERS, Words
from stream_aligner_lc.segmentation.tables import EXCLAIMING_NAMES
from stream_aligner_lc.segmentation.words import Lexicon, Word, word_before

WRAP_WIDTH = 50  # a line that is at least this long may have been wrapped inside a sentence

_EMOJI_LIMIT = 40
_OPENER_LIMIT = 6
_LOOKED_THROUGH = OPENERS | frozenset("*_~¿¡")
_SMILES = frozenset(")(DPp/|*3")
_DASHES = "-–—"
_NO_STARTS = frozenset(",;:)]}%=+<>/&|^»”’،؛、，；：")
# Behind these a line that was wrapped goes on.
_WRAPPED = (Word.INSIDE, Word.NUMBER, Word.INITIAL)
_LETTERS_OR_DIGITS = re.compile(r"[^\W_]")


class Candidate(NamedTuple):
    """A terminator that might end the sentence from `start`."""

    start: int
    word_end: int  # where the run of terminators begins
    run_end: int  # where it ends
    end: int  # the same with the quotes and brackets that close behind it
    line: int  # where its line begins


class _Next(NamedTuple):
    """What follows a candidate: `kind` is letter, lower, digit, other or none, `at` is its place."""

    kind: str
    at: int


def sentence_end(reader: Reader, candidate: Candidate, lexicon: Lexicon) -> int | None:
    """Return where the core of the sentence ends that the candidate ends, None if it ends none."""
    text = reader.slice(candidate.start, candidate.word_end)
    if not _LETTERS_OR_DIGITS.search(text):
        return None
    run = reader.slice(candidate.word_end, candidate.run_end)
    end = _over_emoji(reader, candidate.end)
    if run[-1] in STRONG:
        return end if _starts_after_strong(reader, end, run) else None
    return end if _starts_after_weak(reader, candidate, end, run, lexicon) else None


def _over_emoji(reader: Reader, end: int) -> int:
    stop = end + _EMOJI_LIMIT
    while end < stop:
        i = reader.skip(" \u00a0", end, end + 3)
        if not is_emoji(c := reader.at(i)):
            return _smiley_end(reader, i) or end if c and c in ":;" else end
        while i < stop and is_emoji_tail(reader.at(i)):
            i += 1
        end = i
    return end


def _smiley_end(reader: Reader, i: int) -> int | None:
    i += 2 if reader.at(i + 1) == "-" else 1
    after = reader.at(i + 1) if reader.at(i) in _SMILES else "x"
    return i + 1 if not after or after.isspace() else None


def _starts_after_strong(reader: Reader, end: int, run: str) -> bool:
    i = reader.skip_blanks(end, end + SPACE_LIMIT)
    c = reader.at(i)
    if run == "།" and c == "།":
        return False
    if run == "．" and c.isdigit():
        return False
    return not (is_lower(c) and i > end)


def _starts_after_weak(reader: Reader, candidate: Candidate, end: int, run: str, lexicon: Lexicon) -> bool:
    i = reader.skip_blanks(end, end + SPACE_LIMIT)
    c = reader.at(i)
    if not c or i - end >= SPACE_LIMIT:
        return True
    text = reader.slice(candidate.start, candidate.word_end)
    word = word_before(text)
    if c == "\n":
        if run != "." or candidate.word_end - candidate.line < WRAP_WIDTH:
            return True
        i = reader.skip_blanks(i + 1, i + 1 + SPACE_LIMIT)
        if reader.at(i) in ("", "\n") or lexicon.classify(word) not in _WRAPPED:
            return True
    following = _following(reader, i)
    if following.kind in ("none", "lower"):
        return False
    if run == ".":
        return _ends_with_dot(reader, lexicon, text, word, following)
    return run != "!" or word.lower() not in EXCLAIMING_NAMES or _starter(reader, following)


def _following(reader: Reader, i: int) -> _Next:
    first = i
    c = reader.at(i)
    if c and c in _DASHES:
        i = reader.skip(_DASHES + " \u00a0", i, i + _OPENER_LIMIT)
    i = _over_openers(reader, i)
    return _Next(_kind_at(reader, i, bare=i == first), i)


def _kind_at(reader: Reader, i: int, *, bare: bool) -> str:
    c = reader.at(i)
    if is_lower(c):
        # Names like iPhone and eBay start sentences as they are.
        return "letter" if bare and reader.at(i + 1).isupper() else "lower"
    if c.isdigit():
        return "digit"
    if c.isalpha():
        return "letter"
    is_tag = c == "<" and reader.at(i + 1).isalpha()
    return "none" if bare and c in _NO_STARTS and not is_tag else "other"


def _over_openers(reader: Reader, i: int) -> int:
    stop = i + _OPENER_LIMIT
    while i < stop and (c := reader.at(i)) and c in _LOOKED_THROUGH and c not in "¿¡”’":
        i += 1
    return i


def _ends_with_dot(reader: Reader, lexicon: Lexicon, text: str, word: str, following: _Next) -> bool:
    kind = lexicon.classify(word)
    if kind in (Word.PLAIN, Word.FREE):
        return True
    if kind is Word.INSIDE or _goes_on(reader, kind, word, following):
        return False
    if kind in (Word.NUMBER, Word.CAPITALS):
        return True
    # An enumerator or the initial of a name is no sentence of its own.
    return not _is_alone(text, word) and _ends_with_sign(reader, lexicon, text, word, following)


def _goes_on(reader: Reader, kind: Word, word: str, following: _Next) -> bool:
    """Tell whether a number, or the rest of an abbreviation written with spaces, follows."""
    if kind not in (Word.NUMBER, Word.LETTER, Word.CAPITALS):
        return False
    if kind is not Word.CAPITALS and following.kind == "digit":
        return True
    return _is_capitals_and_dot(reader, following) or (kind is Word.NUMBER and _is_numeral(reader, following, word))


def _ends_with_sign(reader: Reader, lexicon: Lexicon, text: str, word: str, following: _Next) -> bool:
    match lexicon.classify(word):
        case Word.BEFORE_STARTER:
            return _starter(reader, following)
        case Word.ORDINAL:
            return _ends_with_number(reader, text, word, following, lexicon)
        case Word.INITIAL:
            return _ends_with_initial(reader, text, word, following)
        case _:
            return True


def _is_alone(text: str, word: str) -> bool:
    return text.strip(" \t\r\n*_(") == word


def _ends_with_number(reader: Reader, text: str, word: str, following: _Next, lexicon: Lexicon) -> bool:
    before = word_before(text[: -len(word)].rstrip())
    # "Fig. 3" and "page 3" count nothing.
    if before.endswith(".") and lexicon.classify(before[:-1]) is Word.NUMBER:
        return True
    if word.isdigit() and len(word) > 2:
        return True
    if following.kind == "letter" and _word_of(reader, following.at, COUNTED):
        return False
    if not lexicon.has_ordinals:
        return True
    if not word.isdigit():
        return _starter(reader, following)  # a ruler's number, before the rest of the name
    # Where nouns have capitals, a capital is no sign of a new sentence.
    return following.kind != "digit" and (not lexicon.has_capital_nouns or _starter(reader, following))


def _ends_with_initial(reader: Reader, text: str, word: str, following: _Next) -> bool:
    before = word_before(text[: -len(word)].rstrip())
    if (word == "I" and before.islower()) or before.lower() in LABELS:
        return True
    return following.kind == "letter" and _starter(reader, following, after_initial=True)


def _starter(reader: Reader, following: _Next, *, after_initial: bool = False) -> bool:
    if following.kind != "letter":
        return following.kind == "other"
    if not reader.at(following.at).isupper():
        return False  # a script without capitals gives no sign
    word = _word_of(reader, following.at, STARTERS)
    if len(word) == 1 and reader.at(following.at + 1) == ".":
        return False  # one more initial
    return word != "" and not (after_initial and word in NAMELIKE)


def _word_of(reader: Reader, i: int, words: Words) -> str:
    """Return the word at `i` if it is one of `words`, else "", reading no further than it takes to tell."""
    word = ""
    while (c := reader.at(i + len(word))).isalpha():
        word += c
        if word.lower() not in words.beginnings:
            return ""
    return word.lower() if word.lower() in words.words else ""


def _is_numeral(reader: Reader, following: _Next, word: str) -> bool:
    """Tell whether a Roman numeral or one capital follows, as in "Fig. A" and "Bd. IV"."""
    i = following.at
    if following.kind != "letter" or not reader.at(i).isupper():
        return False
    if word.lower() in LETTERED and not reader.at(i + 1).isalnum():
        return True
    end = i
    while end < i + 5 and reader.at(end) in ("I", "V", "X", "L", "C"):
        end += 1
    # "I" before a space is a word, as in "No. I do not."
    after = reader.at(end)
    return end > i and not after.isalnum() and after not in ("'", "’") and not (end == i + 1 and after == " ")


def _is_capitals_and_dot(reader: Reader, following: _Next) -> bool:
    i = following.at
    end = i
    while end < i + 4 and reader.at(end).isalpha():
        if end > i and not reader.at(end).isupper():
            return False
        end += 1
    return i < end < i + 4 and reader.at(end) == "."
