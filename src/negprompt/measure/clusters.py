"""Values in groups (the seeds of a prompt) → estimates with 95 % intervals.

Pictures of one prompt resemble each other, so prompts are what an interval counts.
"""

from collections.abc import Callable, Sequence
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from negprompt.measure.corrected import student
from negprompt.measure.statistics import Interval, Z

Array = NDArray[Any]


def average(values: Sequence[float] | Array, groups: Sequence[int] | Array) -> Interval:
    """The mean with its cluster-robust interval.

    ``m ± t √(G/(G-1) Σ_g (Σ_i (x_gi - m))²)/n``, t with G - 1 degrees; Liang & Zeger 1986,
    Biometrika 73:13. With one group, the groups are taken to be the values themselves. ValueError
    for no values.
    """
    x = np.asarray(values, np.float64)
    if not x.size:
        raise ValueError("there is no mean of no values")
    middle = float(x.mean())
    deviation, freedom = _deviation(x, np.asarray(groups))
    half = student(freedom) * deviation if freedom else float("inf")
    return Interval(middle, middle - half, middle + half)


def difference(values: Sequence[float] | Array, groups: Sequence[int] | Array) -> Interval:
    """The mean of paired differences with - without in [-1, 1], with an interval as ``average``'s.

    One pair that came and one that went are added to the interval, each a group of its own (Agresti
    & Min 2005, Biometrics 61:515), so that no changes in a few pairs are not taken for certainty.
    ValueError for no values.
    """
    x, at = np.asarray(values, np.float64), np.asarray(groups)
    if not x.size:
        raise ValueError("there is no mean of no values")
    added = (int(at.max()) + 1, int(at.max()) + 2)
    wide = average(np.append(x, (1.0, -1.0)), np.append(at, added))
    middle = float(x.mean())
    return Interval(middle, max(-1.0, min(middle, wide.lo)), min(1.0, max(middle, wide.hi)))


def rate(values: Sequence[bool] | Array, groups: Sequence[int] | Array) -> Interval:
    """A rate with Wilson's interval at its effective number of values.

    ``n* = n / deff · (z/t)²`` with the design effect ``deff`` = cluster-robust over binomial
    variance, at least 1; Korn & Graubard 1998, Surv. Methodol. 24:193, with Wilson's interval.
    ValueError for no values.
    """
    x = np.asarray(values, np.float64)
    if not x.size:
        raise ValueError("there is no rate of no values")
    p, n = float(x.mean()), x.size
    deviation, freedom = _deviation(x, np.asarray(groups))
    alone = p * (1 - p) / n
    effect = max(1.0, deviation**2 / alone) if alone else 1.0
    quantile = student(freedom) if freedom else Z
    return _wilson(p, n / effect * min(1.0, (Z / quantile) ** 2))


def jackknife(statistic: Callable[[Array], float], groups: Sequence[int] | Array) -> Interval:
    """A statistic of all rows, its interval from leaving out one group at a time.

    ``θ ± t √((G-1)/G Σ_g (θ_g - θ̄)²)``; Tukey 1958. ``statistic`` is given a mask of the rows. The
    interval has no bounds with fewer than three groups.
    """
    at = np.asarray(groups)
    whole = statistic(np.ones(len(at), np.bool_))
    names = np.unique(at)
    if len(names) < 3:
        return Interval(whole, float("-inf"), float("inf"))
    parts = np.array([statistic(at != name) for name in names])
    number = len(names)
    half = student(number - 1) * sqrt(
        (number - 1) / number * float(((parts - parts.mean()) ** 2).sum())
    )
    return Interval(whole, whole - half, whole + half)


def frechet(x: Array, y: Array) -> float:
    """``|μ_x - μ_y|² + tr(Σ_x + Σ_y - 2 (Σ_x Σ_y)^½)`` of rows ``[n, d]``; Fréchet 1957.

    ValueError for fewer than two rows.
    """
    if min(len(x), len(y)) < 2:
        raise ValueError("a distribution needs two rows")
    means = x.mean(0) - y.mean(0)
    a, b = (np.atleast_2d(np.cov(z, rowvar=False)) for z in (x, y))
    root = _root(a)
    both = np.linalg.eigvalsh(root @ b @ root).clip(min=0)
    return float(means @ means + np.trace(a) + np.trace(b) - 2 * np.sqrt(both).sum())


def directions(x: Array, number: int) -> Array:
    """The first principal directions of rows ``[n, d]``, ``[d, number]`` at most."""
    _, _, found = np.linalg.svd(x - x.mean(0), full_matrices=False)
    return np.asarray(found[:number].T)


def _deviation(x: Array, groups: Array) -> tuple[float, int]:
    """Cluster-robust standard error of the mean, and its degrees of freedom."""
    names, place = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        names, place = np.arange(x.size), np.arange(x.size)
    number = len(names)
    if number < 2:
        return 0.0, 0
    sums = np.bincount(place, x - x.mean(), number)
    return sqrt(number / (number - 1) * float(sums @ sums)) / x.size, number - 1


def _wilson(p: float, n: float) -> Interval:
    """Wilson's interval for a number that need not be whole; see ``statistics.wilson``."""
    share = Z * Z / n
    middle = (p + share / 2) / (1 + share)
    half = Z * sqrt(p * (1 - p) / n + share / (4 * n)) / (1 + share)
    return Interval(p, 0.0 if p == 0 else middle - half, 1.0 if p == 1 else middle + half)


def _root(a: Array) -> Array:
    """The square root of a symmetric matrix."""
    values, vectors = np.linalg.eigh(a)
    return np.asarray((vectors * np.sqrt(values.clip(min=0))) @ vectors.T)
