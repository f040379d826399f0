"""What the experiments consist of: sizes, aligners, and the ways in which problems are answered. Data, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

SAMPLING_SEEDS = (1, 2, 3)
TRAINING_SEEDS = (0, 1, 2)
PAIRED = dict(zip(TRAINING_SEEDS, SAMPLING_SEEDS, strict=True))
"""The sampling seed that stands beside a training seed."""
ROUNDS = (1, 2)
"""Of bootstrapping."""
TEMPERATURE = 0.7
"""At which the upstream samples."""
SECONDS_PER_TOKEN = 0.005
"""How fast the upstream of the latencies is."""
SHORT_OF = {0: "bare", 1: "first-1", 2: "first-2", 4: "first-4", "all": "stream-0"}
"""The ways in which only the first sentences are aligned."""
COPY_SHARES = {0: "stream-0", 2: "copy-2", 10: "copy-10", 20: "copy-20", 50: "copy-50"}
"""The aligners by the percentage of their rows that the copy stage takes."""


TIMES = {"brief": 1 / 3, "long": 3.0}
"""How much training some aligners get, in that of all others."""
SIZES = {"small": 3, "middle": 4, "large": 6}
"""Layers of an aligner. The upstream has four, and they start from it: with one less, or two that do nothing yet."""


class Plan(NamedTuple):
    """How much of everything."""

    sentences: int
    """Rows of an aligner of sentences."""
    plain: int
    """Rows of an aligner in the paper's template: as many as take the time of those above."""
    replies: int
    """Rows of an aligner of whole answers: as many as take that time again."""
    problems: int
    """Held-out ones, for every sampling seed, answered and timed."""
    pairs: int
    """Problems of a round of bootstrapping."""


PLANS = {
    "full": Plan(24_000, 5_400, 6_500, problems=500, pairs=400),
    # Shows in some minutes that all of it works, and learns next to nothing.
    "short": Plan(1_000, 300, 240, problems=6, pairs=8),
}


class Arm(NamedTuple):
    """An aligner to be trained."""

    rows: str = "sentences"
    """A field of `Plan`; sentences and plain ones are the same sentences."""
    size: str = "middle"
    seed: int = 0
    copy_share: float = 0.0
    times: float = 1
    """How much longer it is trained than the others."""

    def count(self, plan: Plan) -> int:
        """Return how many rows it learns from."""
        return int(self.times * getattr(plan, self.rows))

    @property
    def options(self) -> str:
        """What `stream-aligner train` is told of its rows."""
        return {
            "sentences": "--template verdict --joins --batch 8",
            "plain": "--template stream-aligner --batch 32",
            "replies": "--template verdict --granularity response --batch 16",
        }[self.rows]


ARMS = {
    **{f"stream-{seed}": Arm(seed=seed) for seed in TRAINING_SEEDS},
    **{f"whole-{seed}": Arm("replies", seed=seed) for seed in TRAINING_SEEDS},
    **{name: Arm(copy_share=share / 100) for share, name in COPY_SHARES.items() if name != "stream-0"},
    "small": Arm(size="small"),
    "large": Arm(size="large"),
    "paper": Arm("plain"),
    **{f"{name}-stream": Arm(times=times) for name, times in TIMES.items()},
    **{f"{name}-whole": Arm("replies", times=times) for name, times in TIMES.items()},
}
"""Every aligner that is trained, by name."""


@dataclass(frozen=True)
class Way:
    """A way to answer: an upstream (None is the bundled one), perhaps an aligner, and how it is used."""

    aligner: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    tuned: int | None = None
    """The round of bootstrapping that the upstream comes from."""
    seeds: tuple[int, ...] = SAMPLING_SEEDS
    """Of the upstream's sampling: all, or one, with which the other training seeds are paired."""
    strange: bool = False
    """Whether the drafts are the solution of another problem: what does an aligner make of a problem by itself?"""


_WHOLE = {"granularity": "response"}
WAYS = {
    "bare": Way(),
    **{f"stream-{seed}": Way(f"stream-{seed}") for seed in TRAINING_SEEDS},
    **{f"whole-{seed}": Way(f"whole-{seed}", _WHOLE) for seed in TRAINING_SEEDS},
    **{f"shown-{seed}": Way(f"stream-{seed}", {"feedback": False}, seeds=(PAIRED[seed],)) for seed in TRAINING_SEEDS},
    **{f"first-{count}": Way("stream-0", {"align_first": count}) for count in (1, 2, 4)},
    **{name: Way(name) for name in (*COPY_SHARES.values(), "small", "large", "paper")},
    **{f"{name}-stream": Way(f"{name}-stream", seeds=(1,)) for name in TIMES},
    **{f"{name}-whole": Way(f"{name}-whole", _WHOLE, seeds=(1,)) for name in TIMES},
    "strange-whole": Way("whole-0", _WHOLE, seeds=(1,), strange=True),
    **{f"round-{number}": Way(tuned=number) for number in ROUNDS},
}
"""Every way in which the problems are answered, by name."""
