"""What a preference would be between replies of equal length. Pure functions of arrays, no I/O."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stream_aligner_lc.evaluation.intervals import Array, Estimate, statistic_of

_NUM_STEPS = 25
_PRIOR = 0.01
"""The weight of a weak pull towards "no difference", which keeps the fit finite where one side always wins."""


def controlled_for_length(scores: Sequence[float], lengths: Sequence[float], others: Sequence[float]) -> Estimate:
    """Return (wins - losses) / all as it would be if both replies were of one length, with its interval.

    `scores` are in -1..1, one a prompt; `lengths` and `others` are those of the reply that is scored and of the one
    that it is compared with. A logistic regression of the preference on tanh of the standardised difference in length,
    as in Dubois et al., "Length-Controlled AlpacaEval" (arXiv 2404.04475), without that paper's term for how hard a
    prompt is, which takes many models; its prediction for a difference of zero is the result.
    """
    differences = np.asarray(lengths, dtype=np.float64) - np.asarray(others, dtype=np.float64)
    spread = float(differences.std()) or 1.0
    return statistic_of([scores, np.tanh(differences / spread).tolist()], _preference_at_zero, bounds=(-1.0, 1.0))


def _preference_at_zero(columns: Sequence[Array]) -> Array:
    """Fit by Newton's method, for many resamples at once."""
    wanted, slant = (columns[0] + 1) / 2, columns[1]
    level, slope = np.zeros(wanted.shape[:-1]), np.zeros(wanted.shape[:-1])
    for _ in range(_NUM_STEPS):
        odds = np.clip(level[..., None] + slope[..., None] * slant, -30, 30)
        guess = 1 / (1 + np.exp(-odds))
        weight, miss = guess * (1 - guess), wanted - guess
        first, second = miss.sum(-1) - _PRIOR * level, (miss * slant).sum(-1) - _PRIOR * slope
        a, b = weight.sum(-1) + _PRIOR, (weight * slant).sum(-1)
        d = (weight * slant * slant).sum(-1) + _PRIOR
        by = a * d - b * b
        # Short steps, because a full one may leap over a flat end of the curve.
        level = level + np.clip((d * first - b * second) / by, -2, 2)
        slope = slope + np.clip((a * second - b * first) / by, -2, 2)
    return 2 / (1 + np.exp(-level)) - 1
