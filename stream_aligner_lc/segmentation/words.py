"""What kind of word stands before a dot."""

import re
from collections.abc import Callable
from enum import Enum, auto
from functools import cache

from stream_aligner_lc.segmentation.characters import is_alphabetic
from stream_aligner_lc.segmentation.tables import CAPITAL_NOUNS, ORDINALS, OWN, SHARED, Abbreviation, Table

WORD_LIMIT = 40  # characters of a word that are looked at
# What parts a word from the text before it; a straight quote does not inside a word, as in Hebrew abbreviations.
_BEFORE_WORD = re.compile(r"(?s:.*)(?:[\s(\[{“”„‘«»‹›*_~/—–…（「『¿¡|>=]|\"(?!\w)|(?<!\w)\")")
_TITLES = frozenset({"DR", "MR", "MRS", "PROF"})
_ROMAN = re.compile(r"[IVXLC]{2,7}$")


class Word(Enum):
    """What a dot after the word can be, beside the end of a sentence."""

    PLAIN = auto()  # nothing
    INSIDE = auto()
    NUMBER = auto()
    BEFORE_STARTER = auto()
    FREE = auto()
    INITIAL = auto()  # of a name
    LETTER = auto()  # a small one: a variable, or part of an abbreviation written with spaces
    ORDINAL = auto()  # a number or a Roman numeral
    CAPITALS = auto()  # two of them, as in "EE. UU."


@cache
def _table(base: str) -> Table:
    # Every segmenter reads it, and there are several for each reply.
    own = OWN.get({"nb": "da", "nn": "da", "no": "da"}.get(base, base), {}) | OWN.get(base, {})
    return {**SHARED, **own}


class Lexicon:
    """The abbreviations of a language, and the callers' oracle for those no table holds."""

    def __init__(self, lang: str | None, oracle: Callable[[str], bool] | None = None) -> None:
        base = lang.replace("_", "-").split("-")[0].lower() if lang else ""
        self._table = _table(base)
        self._oracle = oracle
        self.has_ordinals = base in ORDINALS
        self.has_capital_nouns = base in CAPITAL_NOUNS

    def classify(self, word: str) -> Word:
        """Return what kind of word `word`, which stands before a dot, is."""
        table = self._table
        known = table.get(word) or table.get(word.lower()) or table.get(_without_article(word))
        return self._known(word, known) if known is not None else self._unknown(word)

    def _known(self, word: str, kind: Abbreviation) -> Word:
        # A capital alone is an initial before it is anything a table says.
        if len(word) == 1 and word.isupper():
            return Word.INITIAL
        # "CA" and "BP" are no "ca." and "bp."; in "DR. NO" all is in capitals.
        if kind is Abbreviation.INSIDE and word.isupper() and word not in _TITLES and word not in self._table:
            return Word.CAPITALS if len(word) == 2 else Word.PLAIN
        return Word[kind.name]

    def _unknown(self, word: str) -> Word:
        if word.isdigit() or (self.has_ordinals and _ROMAN.match(word)):
            return Word.ORDINAL
        if len(word) == 1 or "." in word:
            return _letter(word) if len(word) == 1 else _dotted(word)
        if len(word) == 2 and word.isupper() and word.isascii():
            return Word.CAPITALS
        if word.endswith("str"):  # a street, before its number
            return Word.NUMBER
        asked = self._oracle is not None and word != "" and self._oracle(word)
        return Word.BEFORE_STARTER if asked else Word.PLAIN


def word_before(text: str) -> str:
    """Return the word at the end of `text`, without what opens before it."""
    text = text[-WORD_LIMIT:]
    hit = _BEFORE_WORD.match(text)
    return text[hit.end() if hit else 0 :].lstrip("'’-")


def _without_article(word: str) -> str:
    """Return `word` without what stands before its apostrophe, as in "l'art"."""
    return re.split("['’]", word)[-1].lower()


def _letter(word: str) -> Word:
    if not is_alphabetic(word):
        return Word.PLAIN
    if word.islower():
        return Word.LETTER
    return Word.INITIAL


def _dotted(word: str) -> Word:
    parts = [part for part in word.replace("-", ".").split(".") if part]
    if len(parts) < 2 or word[0] == "." or not all(part.isalpha() for part in parts):
        return Word.PLAIN
    if all(len(part) == 1 for part in parts):
        return Word.BEFORE_STARTER
    # "Ph.D" and "B.Sc", but not "ASP.NET".
    degree = all(len(part) <= 3 and part[0].isupper() for part in parts) and min(map(len, parts)) == 1
    return Word.BEFORE_STARTER if degree else Word.PLAIN
