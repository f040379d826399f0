"""What the aligners of the experiments learn from: problems as the upstream answers them, and as they should be.

Aligner and Stream Aligner both learn from replies of the very upstream that they will correct. Here its slips are drawn
by the rule that it was taught, sentence by sentence behind a right prefix, or reply by reply; now and then it says
something else that is wrong, as a model does that samples.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, NamedTuple

from stream_aligner_lc.sums.lessons import other_step, slip, wrong_result
from stream_aligner_lc.sums.problems import LARGEST, Problem, Step, closing, draw

NOISE = 0.06
"""The share of steps that are wrong in any other way."""


class Tried(NamedTuple):
    """A sentence, and the number that the next one goes on from."""

    text: str
    value: int


def sentence_rows(*, seed: int) -> Iterator[dict[str, Any]]:
    """Yield the sentences of replies, each behind what should stand before: `question, prefix, last, correction, end`.

    All are written out, right ones too (`verdict`): whether a step is right shows in the writing.
    """
    rng = random.Random(f"replies {seed}")  # noqa: S311  # sums, no secrets
    while True:
        problem = draw(rng)
        said = [tried(rng, problem, step).text for step in problem.steps]
        for number, last in enumerate([*said, closing(problem.answer)]):
            yield {
                "question": problem.question,
                "prefix": " ".join(problem.solution[:number]),
                "last": last,
                "correction": problem.solution[number],
                "end": number == len(problem.steps),
                "verdict": "replaced",
            }


def reply_rows(*, seed: int) -> Iterator[dict[str, Any]]:
    """Yield whole replies in the same fields, in which every step goes on from what the one before said."""
    rng = random.Random(f"replies {seed}")  # noqa: S311  # sums, no secrets
    while True:
        problem = draw(rng)
        if (said := slipping(rng, problem)) is not None:
            yield {
                "question": problem.question,
                "prefix": "",
                "last": said,
                "correction": " ".join(problem.solution),
                "end": True,
                "verdict": "replaced",
            }


def slipping(rng: random.Random, problem: Problem) -> str | None:
    """Return a reply as the upstream would give it; None if its slips lead to a number that it does not know."""
    value, said = problem.start, list[str]()
    for planned in problem.steps:
        step = planned._replace(before=value)
        if not 0 <= step.after <= LARGEST:
            return None
        text, value = tried(rng, problem, step)
        said.append(text)
        if not 0 <= value <= LARGEST:
            return None
    return " ".join([*said, closing(value)])


def tried(rng: random.Random, problem: Problem, step: Step) -> Tried:
    """Say a step as the upstream would."""
    if rng.random() >= NOISE:
        return Tried(step.said(slip(step)), slip(step))
    other = other_step(rng, problem, step) if rng.random() < 0.5 else step
    value = other.after if other != step and 0 <= other.after <= LARGEST else wrong_result(rng, step)
    return Tried(other.said(value), value)
