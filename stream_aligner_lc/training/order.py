"""In which order rows are trained on, and when what happens: pure functions of numbers."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_POOL = 32
_LOOKS = 10


class Plan(NamedTuple):
    """The steps of one stage; all numbers count optimizer steps."""

    steps: int
    warm_up: int
    every: int
    """Steps between two evaluations, each with a checkpoint."""


def arranged(lengths: Sequence[int], *, batch: int, epochs: float, seed: int) -> list[int]:
    """Return the rows' numbers in the order of training, for all epochs: batches of rows that are about as long.

    Little is padded so, and a run that is resumed needs nothing but its place. Within an epoch every row comes once;
    the last epoch may be a part of one.
    """
    num_rows = round(len(lengths) * epochs)
    order: list[int] = []
    for epoch in range(math.ceil(epochs)):
        rng = random.Random(f"{seed} {epoch}")  # noqa: S311  # an order, no secret
        order += [number for rows in _batches(lengths, batch, rng) for number in rows]
    return order[: max(1, num_rows)]


def plan(num_rows: int, *, global_batch: int, warm_up: float, every: int | None) -> Plan:
    """Return the steps that `num_rows` rows take, `global_batch` of them a step."""
    steps = max(1, math.ceil(num_rows / global_batch))
    return Plan(steps, math.ceil(warm_up * steps), every or max(1, steps // _LOOKS))


def _batches(lengths: Sequence[int], batch: int, rng: random.Random) -> Iterator[list[int]]:
    numbers = list(range(len(lengths)))
    rng.shuffle(numbers)
    size = _POOL * batch
    for start in range(0, len(numbers), size):
        pool = sorted(numbers[start : start + size], key=lambda number: lengths[number])
        batches = [pool[at : at + batch] for at in range(0, len(pool), batch)]
        # A batch that is not full would shift the ones after it, so it comes last.
        full, rest = [rows for rows in batches if len(rows) == batch], [rows for rows in batches if len(rows) < batch]
        rng.shuffle(full)
        yield from [*full, *rest]
