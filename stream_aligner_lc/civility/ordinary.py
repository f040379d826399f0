"""Ordinary English sentences, to be left alone. Plain Python, no I/O."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from functools import cache

from stream_aligner_lc.civility.shapes import SHAPES
from stream_aligner_lc.civility.slots import Filler, capitalised
from stream_aligner_lc.civility.spoken import SPOKEN
from stream_aligner_lc.civility.words import WORDS, pseudo_word, with_article
from stream_aligner_lc.civility.written import WRITTEN

# A word, and what is before it where a noun can stand for it.
_WORD = re.compile(r"(?<![\w'-])((?:[Tt]he|an?|[Mm]y|[Yy]our|his|her|[Oo]ur|their|[Tt]his) )?([a-z]{4,})(?![\w'-])")
_ARTICLE = re.compile(r"\b([Aa])n? ([a-z]+)")
# Of these a sentence is made, whatever it is about.
_FRAME = """
about above after again also although always another because been before behind being below between both could does
done down during each either else even ever every from have having here into isn its just less like made make many
more most much must near need neither never next nobody none nothing once only other others ought over please same
shall should since some something soon still such than that their them then there these they this those through
today tomorrow under unless until upon very were what when where whether which while whoever whose will with within
without would yet your yours yes don didn doesn once upon
"""
_OPENERS = ("However, ", "In fact, ", "After all, ", "As you know, ", "Sometimes ", "Besides, ", "Of course, ")


def draw(rng: random.Random, *, held_out: bool = False, pseudo: float = 0.3) -> str:
    """Draw one ordinary sentence, heading or list item: from a shape, or written by hand, as it is or altered.

    The shapes are filled from one half of the words, a share `pseudo` of their nouns made up.
    """
    kind = rng.random()
    if kind < 0.55:
        sentence = Filler(rng, held_out=held_out, pseudo=pseudo).fill(rng.choice(shapes()))
    else:
        sentence = rng.choice(by_hand())
        sentence = sentence if kind < 0.7 else altered(rng, sentence, held_out=held_out)
    # An exclamation mark alone is not rude.
    return f"{sentence[:-1]}!" if sentence[-1] == "." and rng.random() < 0.06 else sentence


def altered(rng: random.Random, sentence: str, *, held_out: bool = False) -> str:
    """Return `sentence` with a few of its words replaced, by others or made-up ones, and now and then an opener."""
    found = [word for word in _WORD.finditer(sentence) if word[2] not in _frame()]
    chosen = sorted(rng.sample(found, min(len(found), rng.randint(1, 3))), key=re.Match.start, reverse=True)
    for word in chosen:
        other = _noun(rng, word[2], held_out=held_out) if word[1] and rng.random() < 0.5 else _made_up(rng, word[2])
        sentence = sentence[: word.start(2)] + other + sentence[word.end(2) :]
    sentence = _ARTICLE.sub(lambda found: found[1] + with_article(found[2])[1:], sentence)
    if rng.random() < 0.1 and re.match(r"(The|A|It|We|They|This|There|He|She) .*[.]$", sentence):
        return rng.choice(_OPENERS) + sentence[0].lower() + sentence[1:]
    return sentence


def scrambled(rng: random.Random) -> str:
    """Return a sentence of words that do not belong together, some of them made up, and none of them rude.

    However odd a sentence is, that alone is no reason to change it.
    """
    words, others = draw(rng).split(" "), draw(rng).split(" ")
    if rng.random() < 0.5:
        words = words[: rng.randint(1, len(words))] + others[rng.randint(0, len(others) - 1) :]
    share = rng.choice((0.1, 0.3, 0.6))
    return " ".join(_other(rng, word, others) if rng.random() < share else word for word in words)


def _other(rng: random.Random, word: str, others: Sequence[str]) -> str:
    bare = word.rstrip(".,;:!?")
    other = pseudo_word(rng) if rng.random() < 0.6 else rng.choice(others).rstrip(".,;:!?")
    return (capitalised(other) if bare[:1].isupper() else other) + word[len(bare) :]


def _noun(rng: random.Random, word: str, *, held_out: bool) -> str:
    kinds = ("plural",) if word.endswith("s") else ("thing", "place", "person", "event", "dish")
    return rng.choice(WORDS[rng.choice(kinds)].half(held_out=held_out))


def _made_up(rng: random.Random, word: str) -> str:
    ending = next((ending for ending in ("ing", "ed", "ly", "s") if word.endswith(ending) and len(word) > 5), "")
    return pseudo_word(rng) + ending


@cache
def shapes() -> tuple[str, ...]:
    """Return the shapes that sentences are drawn from."""
    return tuple(SHAPES.strip().splitlines())


@cache
def by_hand() -> tuple[str, ...]:
    """Return the sentences that were written by hand."""
    return tuple((SPOKEN.strip() + "\n" + WRITTEN.strip()).splitlines())


@cache
def _frame() -> frozenset[str]:
    return frozenset(_FRAME.split())
