"""A teacher that knows the answers: by rule, what a sentence should be under the two policies of the bundled pair."""

from __future__ import annotations

import re

from stream_aligner_lc.civility.rude import civil_version
from stream_aligner_lc.corrections import Correction, Draft
from stream_aligner_lc.sums.problems import Problem, Step, closing, problem_of

_TURN = "\n\nUser: "
_RESULT = re.compile(r"= (\d+)\.")
_STEP = re.compile(r"\d+ [-+*] \d+ =|The answer is")


def teach(draft: Draft) -> Correction:
    """Return what the sentence should be: for a step the right one, for rudeness its civil half, else itself."""
    problem = problem_of(draft.question.rpartition(_TURN)[2].removeprefix("User: "))
    if is_step(draft.text) and problem is not None and (right := right_sentence(problem, draft.prefix)) is not None:
        return Correction(right, end=right.startswith("The answer"))
    return Correction(civil_version(draft.text) or draft.text)


def is_step(sentence: str) -> bool:
    """Say whether a sentence is of the kind that solutions are made of, right or wrong."""
    return _STEP.match(sentence) is not None


def right_sentence(problem: Problem, prefix: str) -> str | None:
    """Return what should be said after `prefix`, which may hold wrong steps; None after the answer."""
    results = [int(result) for result in _RESULT.findall(prefix)]
    if len(results) > len(problem.steps) or "The answer" in prefix:
        return None
    value = results[-1] if results else problem.start
    if len(results) == len(problem.steps):
        return closing(value)
    _, sign, amount = problem.steps[len(results)]
    return Step(value, sign, amount).said()
