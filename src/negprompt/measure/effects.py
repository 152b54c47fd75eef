"""Numbers of paired pictures → effects with 95 % intervals.  Knows nothing of pictures."""

from collections.abc import Sequence
from math import inf, sqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from negprompt.measure.statistics import Interval, Z

DRAWS: Final = 2000
"""Resamples of a bootstrap."""


def bootstrap(values: Sequence[float], seed: int = 0) -> Interval:
    """The mean of paired values with its percentile bootstrap interval.

    Efron 1979, Ann. Stat. 7:1. ValueError for no values.
    """
    x = np.asarray(values, np.float64)
    if not x.size:
        raise ValueError("there is no mean of no values")
    rng = np.random.default_rng(seed)
    means = x[rng.integers(0, x.size, (DRAWS, x.size))].mean(1)
    lo, hi = np.quantile(means, (0.025, 0.975))
    middle = float(x.mean())
    return Interval(middle, min(middle, float(lo)), max(middle, float(hi)))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """p-values corrected for their number; Holm 1979, Scand. J. Stat. 6:65."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    corrected, largest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, p_values[i] * (len(p_values) - rank)))
        corrected[i] = largest
    return tuple(corrected)


def variety(without: NDArray[Any], steered: NDArray[Any]) -> Interval:
    """Relative change of the mean distance between an arm's pictures.

    ``V = mean_{i<j} ‖x_i - x_j‖ / √d``; ``V_with/V_without - 1``. Row i of both, ``[n, d]``, has
    the same seed. The interval is that of a difference of U-statistics over the same seeds, from
    the seeds' own means (Hoeffding 1948, Ann. Math. Stat. 19:293), on the logarithmic scale.
    Unbounded for fewer than three rows.
    """
    n = len(without)
    if n < 3:
        return Interval(0.0, -1.0, inf)
    means = [_distances(np.asarray(x, np.float64)).sum(1) / (n - 1) for x in (without, steered)]
    overall = [float(m.mean()) for m in means]
    if min(overall) == 0:
        return Interval(0.0 if max(overall) == 0 else overall[1] - 1, -1.0, inf)
    influence = 2 * (means[1] / overall[1] - means[0] / overall[0])
    half = Z * float(influence.std(ddof=1)) / sqrt(n)
    ratio = overall[1] / overall[0]
    lo, hi = (float(ratio * np.exp(side * half) - 1) for side in (-1, 1))
    return Interval(ratio - 1, lo, hi)


def spread(x: NDArray[Any]) -> float:
    """Mean distance between rows ``[n, d]``, ``mean_{i<j} ‖x_i - x_j‖ / √d``; 0 for one row."""
    n = len(x)
    return float(_distances(np.asarray(x, np.float64)).sum() / (n * (n - 1))) if n > 1 else 0.0


def _distances(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Root mean square difference of each two rows ``[n, n]``."""
    squares = (x * x).sum(1)
    apart = np.maximum(0, squares[:, None] + squares[None] - 2 * x @ x.T)
    np.fill_diagonal(apart, 0)
    return np.asarray(np.sqrt(apart / x.shape[1]))
