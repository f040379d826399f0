"""Figures with their 95 % intervals, drawn anew from the figures themselves. Pure functions of arrays, no I/O.

Rule: what is drawn anew are prompts, because all that is said of one prompt stands or falls together.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

NUM_RESAMPLES = 4000
_TAIL = 0.025

Array = NDArray[np.float64]


class Estimate(NamedTuple):
    """A figure, and the bounds that hold the true one 95 times in a hundred."""

    value: float
    low: float
    high: float
    size: int
    """Of how many prompts (or sentences) it is."""

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name, rounded to what is meant by them."""
        return {name: round(value, 6) for name, value in self._asdict().items()}

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def share_of(hits: int, total: int) -> Estimate:
    """Return hits / total with Wilson's interval, which holds for shares near 0 and 1 and for few cases, too.

    E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927. Of nothing the share is
    unknown: 0 between 0 and 1.
    """
    if not total:
        return Estimate(0.0, 0.0, 1.0, 0)
    z, share = 1.959963984540054, hits / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    reach = z / (1 + z * z / total) * ((share * (1 - share) + z * z / (4 * total)) / total) ** 0.5
    return Estimate(share, min(share, max(0.0, middle - reach)), max(share, min(1.0, middle + reach)), total)


def mean_of(values: Sequence[float], *, bounds: tuple[float, float] | None = None, seed: int = 0) -> Estimate:
    """Return the mean of one value a prompt; `bounds` are the least and the greatest value that there can be."""
    return statistic_of([values], lambda drawn: drawn[0].mean(axis=-1), bounds=bounds, seed=seed)


def difference_of(values: Sequence[float], others: Sequence[float], *, seed: int = 0) -> Estimate:
    """Return the mean of `values` less that of `others`, which are of the same prompts, in the same order."""
    return mean_of([value - other for value, other in zip(values, others, strict=True)], seed=seed)


def ratio_of(
    above: Sequence[float], below: Sequence[float], *, bounds: tuple[float, float] | None = None, seed: int = 0
) -> Estimate:
    """Return the sum of `above` by the sum of `below`, both one value a prompt; `bounds` are those of `mean_of`."""
    if not sum(below):
        return Estimate(0.0, *(bounds or (0.0, 0.0)), len(below))

    def ratio(drawn: Sequence[Array]) -> Array:
        sums = drawn[1].sum(axis=-1)
        return np.asarray(drawn[0].sum(axis=-1) / np.where(sums == 0, np.nan, sums))

    return statistic_of([above, below], ratio, bounds=bounds, seed=seed)


def median_of(values: Sequence[float], *, seed: int = 0) -> Estimate:
    """Return the median of one value a prompt."""
    return statistic_of([values], lambda drawn: np.median(drawn[0], axis=-1), seed=seed, method="percentile")


def statistic_of(
    columns: Sequence[Sequence[float]],
    statistic: Callable[[Sequence[Array]], Array],
    *,
    bounds: tuple[float, float] | None = None,
    seed: int = 0,
    method: Literal["BCa", "percentile"] = "BCa",
) -> Estimate:
    """Return a statistic of `columns`, each with one value a prompt, and its bootstrap interval.

    Bias-corrected and accelerated (Efron, "Better Bootstrap Confidence Intervals", 1987), because plain percentiles
    hold too few true values where nearly all prompts come out alike. Where all do, drawing them anew says nothing; with
    `bounds` the interval then allows for as many other values as so many prompts would fail to show one time in forty.
    """
    data = [np.asarray(column, dtype=np.float64) for column in columns]
    count = len(data[0])
    if not count:
        return Estimate(0.0, *(bounds or (0.0, 0.0)), 0)
    value = float(statistic(data))
    if all(np.ptp(column) == 0 for column in data):
        unseen = 1 - _TAIL ** (1 / count)
        low, high = (value + unseen * (bound - value) for bound in bounds or (value, value))
        return Estimate(value, low, high, count)
    low, high = _bootstrapped(data, statistic, method, seed)
    return Estimate(value, low, high, count)


def _bootstrapped(
    data: Sequence[Array], statistic: Callable[[Sequence[Array]], Array], method: str, seed: int
) -> tuple[float, float]:
    from scipy.stats import DegenerateDataWarning, bootstrap  # noqa: PLC0415  # an extra

    with warnings.catch_warnings():
        # Where hardly a resample differs the correction is undefined; then there are no bounds, which is seen to below.
        warnings.filterwarnings("ignore", category=DegenerateDataWarning)
        warnings.filterwarnings("ignore", "invalid value encountered", RuntimeWarning)
        drawn = bootstrap(
            data,
            lambda *columns, axis: statistic(columns),  # noqa: ARG005  # always the last one
            paired=True,
            vectorized=True,
            n_resamples=NUM_RESAMPLES,
            # As many at a time as keep within some megabytes.
            batch=max(1, 2_000_000 // len(data[0])),
            method=method,
            rng=np.random.default_rng(seed),
        )
    low, high = map(float, drawn.confidence_interval)
    if np.isnan(low) or np.isnan(high):
        low, high = np.nanquantile(drawn.bootstrap_distribution, [_TAIL, 1 - _TAIL])
    return float(low), float(high)
