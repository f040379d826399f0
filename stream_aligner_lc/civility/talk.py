"""Small talk in which an ill-mannered upstream answers, so that there is something to correct. Plain Python, no I/O."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from stream_aligner_lc.civility.replies import REPLIES
from stream_aligner_lc.civility.rude import Rude, say
from stream_aligner_lc.civility.slots import Filler, Invent, slots_of
from stream_aligner_lc.civility.templates import templates
from stream_aligner_lc.civility.words import pseudo_word

_PART = " / "


@dataclass(frozen=True, slots=True)
class Talk:
    """A question, and the sentences of the reply: ordinary ones as they are, rude ones with their civil half."""

    question: str
    sentences: tuple[str | Rude, ...]

    @property
    def said(self) -> tuple[str, ...]:
        """The sentences as the upstream says them."""
        return tuple(sentence.text if isinstance(sentence, Rude) else sentence for sentence in self.sentences)

    @property
    def rude_reply(self) -> str:
        """The reply as the upstream gives it."""
        return " ".join(self.said)

    @property
    def civil_reply(self) -> str:
        """The reply as it should be."""
        return " ".join(sentence.civil if isinstance(sentence, Rude) else sentence for sentence in self.sentences)


class Kind(NamedTuple):
    """Ways to ask for something, and answers to that, each a pattern or a reference to a rude template per sentence."""

    questions: tuple[str, ...]
    answers: tuple[tuple[str, ...], ...]


def draw(rng: random.Random, *, held_out: bool = False, pseudo: float = 0.3, invent: Invent = pseudo_word) -> Talk:
    """Draw a question and an answer to it, which share their words; at least one sentence of the answer is rude.

    The words are of one half, a share `pseudo` of the nouns made up by `invent`.
    """
    kind = rng.choice(kinds())
    filler = Filler(rng, held_out=held_out, pseudo=pseudo, invent=invent)
    question = filler.fill(rng.choice(kind.questions))
    answer = rng.choice(kind.answers)
    return Talk(question, tuple(_said(rng, filler, part) for part in answer))


@cache
def kinds() -> tuple[Kind, ...]:
    """Return every kind of question with its answers."""
    blocks = [block.splitlines() for block in REPLIES.strip().split("\n\n")]
    return tuple(
        Kind(tuple(questions.split(_PART)), tuple(tuple(answer.split(_PART)) for answer in answers))
        for questions, *answers in blocks
    )


def _said(rng: random.Random, filler: Filler, part: str) -> str | Rude:
    if not part.startswith("*"):
        return filler.fill(part)
    template, _, told = part[1:].partition(":")
    if not told:
        return say(rng, template, filler)
    (slot,) = slots_of(templates()[template].civil)
    return say(rng, template, filler.having(slot, told))
