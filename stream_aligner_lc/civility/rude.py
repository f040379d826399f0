"""Rude sentences, each with the civil one that says the same. Plain Python, no I/O.

The civil half is ordinary English: it is to be left alone.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from stream_aligner_lc.civility.slots import Filler, Invent, put_in, reader
from stream_aligner_lc.civility.templates import templates
from stream_aligner_lc.civility.words import pseudo_word

_OFTEN = {"fact": 7, "please": 4, "question": 4}
"""How many times as often as the others these are drawn, which stand for all that can be told and asked."""


@dataclass(frozen=True, slots=True)
class Rude:
    """A rude sentence, the civil one that says the same, and the name of the template that both are from."""

    text: str
    civil: str
    template: str


def draw(rng: random.Random, *, held_out: bool = False, pseudo: float = 0.3, invent: Invent = pseudo_word) -> Rude:
    """Draw one rude sentence from one half of the words, a share `pseudo` of its nouns made up by `invent`."""
    return say(rng, rng.choice(_weighted()), Filler(rng, held_out=held_out, pseudo=pseudo, invent=invent))


def say(rng: random.Random, template: str, filler: Filler) -> Rude:
    """Say what `template` says in one of its rude ways, with the values that `filler` holds or draws."""
    pattern = templates()[template]
    text = filler.fill(rng.choice(pattern.ways))
    return Rude(text, filler.fill(pattern.civil), template)


def rude_sentences(num_sentences: int, seed: int, *, held_out: bool = True) -> list[Rude]:
    """Draw so many different rude sentences, without made-up words; the same seed draws the same ones."""
    rng = random.Random(f"rude {seed}")  # noqa: S311  # sentences, no secrets
    drawn: dict[str, Rude] = {}
    while len(drawn) < num_sentences:
        sentence = draw(rng, held_out=held_out, pseudo=0.0)
        drawn.setdefault(sentence.text, sentence)
    return list(drawn.values())


def civil_version(text: str) -> str | None:
    """Return the civil half of a rude sentence that a template makes, with any words; None for any other text.

    >>> civil_version("Where the hell is the damn kettle, you fool?!"), civil_version("Where is the kettle?")
    ('Where is the kettle?', None)
    """
    # Where several ways fit, the one that explains most of the words.
    readings = sorted(_readings(text), key=lambda reading: sum(map(len, reading[1].values())))
    return put_in(*readings[0]) if readings else None


def _readings(text: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    uncapitalised = text[:1].lower() + text[1:]
    for template in templates().values():
        for way in template.ways:
            # A sentence that begins with a name keeps its capital.
            found = reader(way).fullmatch(text) or reader(way).fullmatch(uncapitalised)
            if found:
                yield template.civil, found.groupdict()


@cache
def _weighted() -> tuple[str, ...]:
    return tuple(name for name in templates() for _ in range(_OFTEN.get(name, 1)))
