"""Problems of the kind that the aligners in `tests/checkpoints` know, and those aligners."""

import random
from functools import cache
from pathlib import Path

from stream_aligner_lc import TransformersAligner
from stream_aligner_lc.sums.problems import PHRASINGS, Problem, Step

CHECKPOINTS = Path(__file__).parent.parent / "checkpoints"
CORRECTING = str(CHECKPOINTS / "stream-aligner")
LARGEST = 60


def judging(**options):
    """The aligner in the template `verdict`, with the options of `TransformersAligner`."""
    return TransformersAligner(str(CHECKPOINTS / "verdict"), template="verdict", **{"device": "cpu", **options})


def correcting(**options):
    """The aligner in the template of the paper, with the options of `TransformersAligner`."""
    return TransformersAligner(CORRECTING, template="stream-aligner", **{"device": "cpu", **options})


@cache
def judged_problems(count, seed):
    """So many problems; more of them begin with the same ones."""
    rng = random.Random(f"judged {seed}")
    return [_drawn(rng) for _ in range(count)]


def _drawn(rng):
    value, steps = rng.randint(2, LARGEST), []
    for _ in range(rng.randint(2, 5)):
        after = rng.choice([other for other in range(1, LARGEST + 1) if other != value])
        steps.append(Step(value, "+" if after > value else "-", abs(after - value)))
        value = after
    told = [f"Ana has {steps[0].before} coins."]
    told += [
        rng.choice(PHRASINGS[0].gains if step.sign == "+" else PHRASINGS[0].losses).format(name="Ana", n=step.amount)
        for step in steps
    ]
    return Problem(" ".join([*told, "How many coins does Ana have now?"]), tuple(steps))
