"""Multi-step sums in words: the task on which the bundled pair is trained and shown. Plain Python, no I/O.

A problem tells of things found and lost; its solution says one step per sentence and then the answer.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise

LARGEST = 60
"""No amount and no right value on the way is larger."""
NUM_EVENTS = (2, 5)
"""The fewest and the most events of a problem."""

_NAMES = ("Ana", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gus", "Hana", "Ivo", "Jana", "Kim", "Leo", "Mia", "Noah")
_THINGS = ("apples", "books", "cards", "coins", "eggs", "keys", "marbles", "pears", "shells", "stamps", "stones")
_GAINS = ("buys", "finds", "gets", "picks up", "wins")
_LOSSES = ("drops", "gives away", "loses", "sells", "uses")
_NUMBER = re.compile(r"-?\d+")


@dataclass(frozen=True, slots=True)
class Problem:
    """Somebody starts with `start` things; every change is what comes (positive) or goes (negative)."""

    question: str
    start: int
    changes: tuple[int, ...]

    @property
    def answer(self) -> int:
        """How many there are in the end."""
        return self.start + sum(self.changes)

    @property
    def values(self) -> tuple[int, ...]:
        """How many there are at the start and after each change."""
        return tuple(accumulate(self.changes, initial=self.start))

    @property
    def solution(self) -> tuple[str, ...]:
        """The sentences of a right answer."""
        steps = [step(before, after - before, after) for before, after in pairwise(self.values)]
        return (*steps, closing(self.answer))


def step(before: int, change: int, after: int) -> str:
    """Say one step; `after` may be wrong.

    >>> step(14, 27, 41), step(41, -8, 33)
    ('14 + 27 = 41.', '41 - 8 = 33.')
    """
    return f"{before} {'+' if change >= 0 else '-'} {abs(change)} = {after}."


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
    """Draw so many problems; the same seed draws the same ones."""
    rng = random.Random(f"problems {seed}")  # noqa: S311  # sums, no secrets
    return [draw(rng) for _ in range(num_problems)]


def draw(rng: random.Random) -> Problem:
    """Draw one problem."""
    start = rng.randint(2, LARGEST)
    changes = tuple(_changes(rng, start, rng.randint(*NUM_EVENTS)))
    name, thing = rng.choice(_NAMES), rng.choice(_THINGS)
    told = [f"{name} has {start} {thing}."]
    told += [f"{name} {rng.choice(_GAINS if change > 0 else _LOSSES)} {abs(change)}." for change in changes]
    told.append(f"How many {thing} does {name} have now?")
    return Problem(" ".join(told), start, changes)


def _changes(rng: random.Random, value: int, num_changes: int) -> Iterator[int]:
    for _ in range(num_changes):
        after = rng.choice([other for other in range(1, LARGEST + 1) if other != value])
        yield after - value
        value = after
