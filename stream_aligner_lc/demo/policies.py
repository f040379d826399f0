"""What the demonstration can be about: sums that should be right, and small talk that should be civil."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from langchain_core.language_models import BaseChatModel

from stream_aligner_lc.civility import talk
from stream_aligner_lc.civility.rude import civil_version
from stream_aligner_lc.civility.words import SCOLDING
from stream_aligner_lc.demo.figures import Problem
from stream_aligner_lc.demo.talker import Talker
from stream_aligner_lc.segmentation import segment
from stream_aligner_lc.sums import pair
from stream_aligner_lc.sums.problems import problems


class Policy(NamedTuple):
    """What is asked, who answers, and how it is put on a screen."""

    title: str
    story: str
    unit: str
    right: str
    """What a right reply is, as the heading of its share."""
    draw: Callable[[int, int], Sequence[Problem]]
    """Draws so many problems with a seed."""
    upstream: Callable[[Sequence[Problem]], BaseChatModel]
    """Makes what answers these problems."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question of small talk, and the answer of somebody without manners; a right reply is civil."""

    question: str
    sentences: tuple[str, ...] = ()

    def is_right(self, reply: str) -> bool:
        """Say whether the reply is civil.

        That is, no sentence of it is rude, by the rules that rude sentences are made with, and it has no rude word
        that a civil answer would not have: half of an insult is one.
        """
        is_rude = any(civil_version(piece.text.strip()) is not None for piece in segment(reply))
        meant = " ".join(civil_version(sentence) or sentence for sentence in self.sentences)
        return bool(reply.strip()) and not is_rude and _rude_words(reply) <= _rude_words(meant)


def questions(count: int, seed: int) -> list[Question]:
    """Draw questions about things that the aligner has never heard of, each another one."""
    rng = random.Random(f"questions {seed}")  # noqa: S311  # small talk, no secrets
    found: dict[str, Question] = {}
    while len(found) < count:
        drawn = talk.draw(rng, held_out=True, pseudo=0.0)
        found.setdefault(drawn.question, Question(drawn.question, drawn.said))
    return list(found.values())


def _rude_words(text: str) -> frozenset[str]:
    return SCOLDING.intersection(re.findall(r"\w+", text.casefold()))


def _talker(asked: Sequence[Problem]) -> BaseChatModel:
    known = {each.question: each.sentences for each in asked if isinstance(each, Question)}
    return Talker(known)


POLICIES = {
    "sums": Policy(
        title="The bundled pair on sums.",
        story=(
            "The upstream forgets a carry now and then and goes on from the mistake.\n"
            "The aligner corrects a sentence before it is shown, and the upstream goes on from the correction."
        ),
        unit="problems that neither model has seen",
        right="answers right",
        draw=lambda count, seed: problems(count, seed=seed),
        upstream=lambda _: pair.upstream().load(),
    ),
    "civil": Policy(
        title="The bundled aligner in small talk.",
        story=(
            "The upstream (which speaks by templates here) has no manners.\n"
            "The aligner says the same thing civilly, before the rude sentence is shown."
        ),
        unit="questions of small talk",
        right="replies civil",
        draw=questions,
        upstream=_talker,
    ),
}
