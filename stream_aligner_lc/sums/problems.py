"""Multi-step sums in words: the task on which the bundled pair is trained and shown. Plain Python, no I/O.

A problem tells of things that are added, taken away or doubled, in one of several phrasings; its solution says one step
per sentence and then the answer. One problem in eight is held out: which ones is a matter of their numbers alone, so
that no phrasing of a held-out problem is ever trained on.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple
from zlib import crc32

LARGEST = 99
"""No amount and no right value on the way is larger, and none is smaller than 1."""
NUM_STEPS = (2, 6)
"""The fewest and the most steps of a problem."""

_HELD_OUT = 8
_NAMES = ("Ana", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gus", "Hana", "Ivo", "Jana", "Kim", "Leo", "Mia", "Noah")
_THINGS = ("apples", "books", "cards", "coins", "eggs", "keys", "marbles", "pears", "shells", "stamps", "stones")
_NUMBER = re.compile(r"-?\d+")
_SENTENCE_END = re.compile(r"(?<=[.?]) ")


class Step(NamedTuple):
    """What happens to a value: `sign` is "+", "-" or, for doubling, "*"."""

    before: int
    sign: str
    amount: int

    @property
    def after(self) -> int:
        """The value that comes out."""
        if self.sign == "*":
            return self.before * self.amount
        return self.before + self.amount if self.sign == "+" else self.before - self.amount

    def said(self, after: int | None = None) -> str:
        """Say the step, with its own result or with another one.

        >>> Step(14, "+", 27).said(), Step(41, "-", 8).said(32), Step(9, "*", 2).said()
        ('14 + 27 = 41.', '41 - 8 = 32.', '9 * 2 = 18.')
        """
        return f"{self.before} {self.sign} {self.amount} = {self.after if after is None else after}."


class Phrasing(NamedTuple):
    """How a problem is told; `doubles` has no place for a number."""

    start: str
    gains: tuple[str, ...]
    losses: tuple[str, ...]
    doubles: tuple[str, ...]
    question: str


PHRASINGS = (
    Phrasing(
        "{name} has {n} {thing}.",
        ("{name} buys {n}.", "{name} finds {n}.", "{name} gets {n}.", "{name} wins {n}."),
        ("{name} drops {n}.", "{name} gives away {n}.", "{name} loses {n}.", "{name} sells {n}."),
        ("{name} doubles them.",),
        "How many {thing} does {name} have now?",
    ),
    Phrasing(
        "There are {n} {thing} in a box.",
        ("{n} are added.", "{n} more are put in.", "{name} puts in {n}."),
        ("{n} are taken out.", "{n} are lost.", "{name} takes out {n}."),
        ("Their number doubles.",),
        "How many {thing} are in the box?",
    ),
    Phrasing(
        "Start with {n}.",
        ("Add {n}.", "Plus {n}."),
        ("Take away {n}.", "Minus {n}."),
        ("Double it.", "Times two."),
        "What is the result?",
    ),
    Phrasing(
        "I think of the number {n}.",
        ("I add {n} to it.", "I make it larger by {n}."),
        ("I subtract {n} from it.", "I make it smaller by {n}."),
        ("I multiply it by two.", "I double it."),
        "Which number do I have?",
    ),
    Phrasing(
        "In the morning a shop has {n} {thing}.",
        ("Then {n} come in.", "Then {name} brings {n}."),
        ("Then {n} are sold.", "Then {name} buys {n}."),
        ("Then the stock is doubled.",),
        "How many {thing} are left?",
    ),
)
"""Every way to tell a problem."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A question, and the steps that answer it."""

    question: str
    steps: tuple[Step, ...]

    @property
    def start(self) -> int:
        """The value before the first step."""
        return self.steps[0].before

    @property
    def answer(self) -> int:
        """The value after the last step."""
        return self.steps[-1].after

    @property
    def solution(self) -> tuple[str, ...]:
        """The sentences of a right answer."""
        return (*(step.said() for step in self.steps), closing(self.answer))

    def is_right(self, reply: str) -> bool:
        """Say whether a reply gives the answer."""
        return answer_of(reply) == self.answer


def closing(answer: int) -> str:
    """Say the answer."""
    return f"The answer is {answer}."


def answer_of(text: str) -> int | None:
    """Return the answer that a reply gives, None if it gives none: the number of its last sentence.

    >>> answer_of("14 + 27 = 41. The answer is 41."), answer_of("14 + 27 = 41."), answer_of("")
    (41, None, None)
    """
    _, found, rest = text.rpartition("The answer is")
    number = _NUMBER.search(rest) if found else None
    return int(number[0]) if number else None


def problems(num_problems: int, *, seed: int) -> list[Problem]:
    """Draw so many held-out problems; the same seed draws the same ones."""
    rng = random.Random(f"problems {seed}")  # noqa: S311  # sums, no secrets
    return [draw(rng, held_out=True) for _ in range(num_problems)]


def draw(rng: random.Random, *, held_out: bool = False, num_steps: int | None = None) -> Problem:
    """Draw one problem, to train on or held out."""
    while True:
        steps = tuple(_steps(rng, num_steps or rng.randint(*NUM_STEPS)))
        if is_held_out(steps) == held_out:
            return Problem(tell(rng, steps), steps)


def is_held_out(steps: tuple[Step, ...]) -> bool:
    """Say whether the problem with these steps is kept from training."""
    key = " ".join(f"{step.before}{step.sign}{step.amount}" for step in steps)
    return crc32(key.encode()) % _HELD_OUT == 0


def tell(rng: random.Random, steps: tuple[Step, ...]) -> str:
    """Put a problem into words."""
    phrasing, words = rng.choice(PHRASINGS), {"name": rng.choice(_NAMES), "thing": rng.choice(_THINGS)}
    kinds = {"+": phrasing.gains, "-": phrasing.losses, "*": phrasing.doubles}
    told = [phrasing.start.format(n=steps[0].before, **words)]
    told += [rng.choice(kinds[step.sign]).format(n=step.amount, **words) for step in steps]
    return " ".join([*told, phrasing.question.format(**words)])


def _steps(rng: random.Random, num_steps: int) -> Iterator[Step]:
    value = rng.randint(2, LARGEST)
    for _ in range(num_steps):
        if 2 * value <= LARGEST and rng.random() < 0.25:
            step = Step(value, "*", 2)
        else:
            after = rng.choice([other for other in range(1, LARGEST + 1) if other != value])
            step = Step(value, "+" if after > value else "-", abs(after - value))
        yield step
        value = step.after


def problem_of(question: str) -> Problem | None:
    """Read a problem off its words; None if it is told in no phrasing of ours."""
    return next((problem for phrasing in PHRASINGS if (problem := _read(phrasing, question))), None)


def _read(phrasing: Phrasing, question: str) -> Problem | None:
    start, *told = _SENTENCE_END.split(question)
    first = _pattern(phrasing.start).fullmatch(start)
    if first is None or not told or not _pattern(phrasing.question).fullmatch(told[-1]):
        return None
    steps: list[Step] = []
    value = int(first["n"])
    for sentence in told[:-1]:
        step = _step_of(phrasing, sentence, value)
        if step is None:
            return None
        steps.append(step)
        value = step.after
    return Problem(question, tuple(steps)) if steps else None


def _step_of(phrasing: Phrasing, sentence: str, value: int) -> Step | None:
    for sign, patterns in (("+", phrasing.gains), ("-", phrasing.losses), ("*", phrasing.doubles)):
        for pattern in patterns:
            if found := _pattern(pattern).fullmatch(sentence):
                return Step(value, sign, 2 if sign == "*" else int(found["n"]))
    return None


@cache
def _pattern(told: str) -> re.Pattern[str]:
    pattern = re.escape(told).replace(r"\{n\}", r"(?P<n>\d+)")
    return re.compile(re.sub(r"\\{\w+\\}", r"\\w+", pattern))
