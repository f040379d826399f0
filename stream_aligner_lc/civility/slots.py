"""Fill the slots of a sentence's pattern, and read them back out of a sentence. Plain Python, no I/O.

A pattern is a sentence with slots in braces. Some stand for what is said and keep their value through the pattern and
its counterpart: a `{thing}`, `{a thing}` with its article, a `{person2}` beside a `{person}`. The others, such as
`{jab}`, are rude words, drawn anew each time and said by nothing in the counterpart; `{jab?}` may be nothing at all.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache

from stream_aligner_lc.civility.grammar import QUESTIONS, STATEMENTS
from stream_aligner_lc.civility.words import BARBS, WORDS, Words, pseudo_word, with_article

_SLOT = re.compile(r"\{(a )?([a-z_]+)(\d?)(\??)\}")
_COPIED = frozenset({"thing", "plural", "person", "name", "place", "topic", "dish", "work", "event"})
_COLOURED = frozenset({"thing", "plural"})

_AROUND = {"hell": ("", ""), "oi": ("", ", "), "jab": (", ", ""), "call": (", ", "")}
_ENDS = {"end": (".", ".", ".", "!", "!", "!", "!!"), "ask": ("?", "?", "?", "?!", "?!", "??")}
_SHAPES = {
    "number": r"\d+",
    "price": r"\$\d+(?:\.\d\d)?",
    "side": "left|right",
    "time": r"[\w: ]+?",
    "name": "[A-Z][a-z]+",
}
_SHAPE = r"[A-Za-z' -]+?"


Invent = Callable[[random.Random], str]
"""Makes up a word in small letters."""


class Filler:
    """Fills patterns from one half of the words, a share `pseudo` of its nouns made up by `invent`.

    What is drawn for a slot that stands for what is said holds for all that is filled later.
    """

    def __init__(
        self,
        rng: random.Random,
        *,
        held_out: bool = False,
        pseudo: float = 0.3,
        invent: Invent = pseudo_word,
        values: Mapping[str, str] | None = None,
    ) -> None:
        self._values = dict(values or {})
        self._rng = rng
        self._held_out = held_out
        self._pseudo = pseudo
        self._invent = invent

    def fill(self, pattern: str) -> str:
        """Return `pattern` with every slot filled and a capital at its start."""
        return capitalised(self.filled(pattern))

    def having(self, slot: str, pattern: str) -> Filler:
        """Return a filler with the same values, and `pattern`, filled, in `slot`."""
        return self._with({**self._values, slot: self.filled(pattern)})

    def _with(self, values: Mapping[str, str]) -> Filler:
        return Filler(self._rng, held_out=self._held_out, pseudo=self._pseudo, invent=self._invent, values=values)

    def filled(self, pattern: str) -> str:
        """Return `pattern` with every slot filled."""
        return _SLOT.sub(self._slot, pattern)

    def _slot(self, found: re.Match[str]) -> str:
        article, kind, number, optional = found.groups()
        if optional and self._rng.random() < 0.5:
            return ""
        if kind in _RUDE_SLOTS:
            value = self._rude(kind)
        else:
            value = self._values.get(kind + number) or self._values.setdefault(kind + number, self._draw(kind))
        return with_article(value) if article else value

    def _pick(self, words: Words) -> str:
        return self._rng.choice(words.half(held_out=self._held_out))

    def _draw(self, kind: str) -> str:
        rng = self._rng
        if kind in _DRAWN:
            return _DRAWN[kind](rng)
        if kind in ("statement", "question"):
            return self._with({}).filled(rng.choice(STATEMENTS if kind == "statement" else QUESTIONS))
        if kind == "time" and rng.random() < 0.25:
            return f"at {rng.randint(1, 12)}:{rng.choice(('00', '15', '30', '45', '05', '20'))}"
        if kind == "task" and rng.random() < 0.5:
            return f"{self._pick(WORDS['verb'])} {rng.choice(('the', 'my', 'your', 'this'))} {self._noun('thing')}"
        return self._noun(kind)

    def _noun(self, kind: str) -> str:
        rng = self._rng
        word = self._pick(WORDS[kind])
        if kind in _COPIED and rng.random() < self._pseudo:
            word = self._invent(rng)
            word = word.capitalize() if kind == "name" else f"{word}s" if kind == "plural" else word
        if kind in _COLOURED and rng.random() < 0.2:
            word = f"{self._pick(WORDS['adjective'])} {word}"
        return word

    def _rude(self, kind: str) -> str:
        rng = self._rng
        if kind in _ENDS:
            return rng.choice(_ENDS[kind])
        if kind == "damn":
            return f"{self._pick(WORDS['curse'])} "
        if kind == "scorn":
            return self._pick(WORDS["scorn"])
        if kind in ("fool", "you"):
            return f"you {self._fool()}" if kind == "you" else self._fool()
        before, after = _AROUND[kind]
        return f"{before}{self.filled(self._pick(BARBS[kind]))}{after}"

    def _fool(self) -> str:
        scorns = [self._pick(WORDS["scorn"]) for _ in range(self._rng.choice((0, 0, 0, 1, 1, 1, 2)))]
        # Who is scorned is insulted, whatever they are called.
        made_up = scorns and self._rng.random() < self._pseudo / 2
        return " ".join([*scorns, self._invent(self._rng) if made_up else self._pick(WORDS["insult"])])


_RUDE_SLOTS = frozenset({"damn", "scorn", "fool", "you", *_AROUND, *_ENDS})
_DRAWN: dict[str, Callable[[random.Random], str]] = {
    "number": lambda rng: str(rng.choice((rng.randint(2, 12), rng.randint(13, 99), 10 * rng.randint(10, 99)))),
    "price": lambda rng: f"${rng.randint(2, 99)}" + rng.choice(("", "", ".50", ".99", ".25")),
    "year": lambda rng: str(rng.randint(1750, 2030)),
    "side": lambda rng: rng.choice(("left", "right")),
}


def capitalised(text: str) -> str:
    """Return `text` with a capital at its start, the rest as it is."""
    return text[:1].upper() + text[1:]


def slots_of(pattern: str) -> Iterator[str]:
    """Yield the slots of `pattern` that stand for what is said."""
    for _, kind, number, _ in _SLOT.findall(pattern):
        if kind not in _RUDE_SLOTS:
            yield kind + number


def put_in(pattern: str, values: Mapping[str, str]) -> str:
    """Return `pattern`, which has no rude slot, with `values` in its slots."""

    def value(found: re.Match[str]) -> str:
        text = values[found[2] + found[3]]
        return with_article(text) if found[1] else text

    return capitalised(_SLOT.sub(value, pattern))


@cache
def reader(pattern: str) -> re.Pattern[str]:
    """Return what matches `pattern` filled with any words, with a group for each slot that stands for what is said."""
    return re.compile(_source(pattern[:1].lower() + pattern[1:]))


def _source(pattern: str) -> str:
    seen: set[str] = set()
    parts, end = [], 0
    for found in _SLOT.finditer(pattern):
        parts += [re.escape(pattern[end : found.start()]), _slot_source(found, seen)]
        end = found.end()
    return "".join([*parts, re.escape(pattern[end:])])


def _slot_source(found: re.Match[str], seen: set[str]) -> str:
    article, kind, number, optional = found.groups()
    if kind in _RUDE_SLOTS:
        source = _rude_source(kind)
    elif kind + number in seen:
        source = f"(?P={kind}{number})"
    else:
        seen.add(kind + number)
        source = f"(?P<{kind}{number}>{_shape(kind)})"
    source = f"an? {source}" if article else source
    return f"(?:{source})?" if optional else source


@cache
def _shape(kind: str) -> str:
    # What could begin with anything is told apart by the word that it begins with.
    if kind == "task":
        begins = {phrase.split()[0] for words in (WORDS["task"], WORDS["verb"]) for half in words for phrase in half}
    elif kind in ("statement", "question"):
        begins = {pattern.split()[0] for pattern in (STATEMENTS if kind == "statement" else QUESTIONS)} - {"{name}"}
    else:
        return _SHAPES.get(kind, _SHAPE)
    source = "|".join(sorted(begins) + sorted(begin.capitalize() for begin in begins if kind != "task"))
    return f"(?:{source}|[A-Z][a-z]+) [^,!?;]+?" if kind == "statement" else f"(?:{source}) [^,!?;]+?"


@cache
def _rude_source(kind: str) -> str:
    if kind in _ENDS:
        return r"[.!]+" if kind == "end" else r"[?!]+"
    if kind == "damn":
        return f"{_any_of(WORDS['curse'])} "
    if kind == "scorn":
        return _any_of(WORDS["scorn"])
    if kind in ("fool", "you"):
        scorn, insult = _any_of(WORDS["scorn"]), _any_of(WORDS["insult"])
        fool = f"(?:(?:{scorn} )*{insult}|(?:{scorn} )+[a-z]+)"
        return f"you {fool}" if kind == "you" else fool
    before, after = _AROUND[kind]
    patterns = sorted(
        {pattern for half in BARBS[kind] for pattern in half}, key=lambda pattern: (-len(pattern), pattern)
    )
    return f"{before}(?:{'|'.join(_source(pattern) for pattern in patterns)}){after}"


def _any_of(words: Words) -> str:
    return f"(?:{'|'.join(_longest_first(words))})"


def _longest_first(words: Words) -> list[str]:
    return sorted({word for half in words for word in half}, key=lambda word: (-len(word), word))
