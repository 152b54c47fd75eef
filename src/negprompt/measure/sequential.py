"""Pairs that come one after another → evidence that may be looked at after each of them.

An e-value is what a fair bet against the null has made of one unit. Under the null it exceeds 1/α
at any time with probability α at most (Ville 1939), so one may stop whenever one likes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, inf, lgamma, log, sqrt
from typing import Final

import numpy as np

from negprompt.measure.statistics import Interval

ALPHA: Final = 0.05
_LARGEST: Final = 700.0  # exp of more overflows


def fair(first: int, second: int) -> float:
    """The e-value against a fair coin after ``first`` heads and ``second`` tails.

    The coin's bias is drawn uniformly: ``2^m · first! · second! / (m + 1)!`` with ``m`` tosses;
    Robbins 1970, Ann. Math. Stat. 41. Pairs of which both or neither side has something are no
    tosses: without an effect, gone and new are equally likely whatever their number.
    """
    tosses = first + second
    logarithm = tosses * log(2) + lgamma(first + 1) + lgamma(second + 1) - lgamma(tosses + 2)
    return exp(min(_LARGEST, logarithm))


@dataclass(frozen=True, slots=True)
class Preference:
    """What a rater has said of pairs so far: ``1`` for one side, ``-1`` the other, ``0`` neither.

    The e-process of ``fair`` over the pairs of which the rater could tell.
    """

    said: tuple[int, ...] = ()

    @property
    def first(self) -> int:
        """Pairs in which the first side was preferred."""
        return self.said.count(1)

    @property
    def second(self) -> int:
        """Pairs in which the second side was preferred."""
        return self.said.count(-1)

    @property
    def p_value(self) -> float:
        """The anytime-valid p: one over the largest e-value so far."""
        largest, counts = 1.0, {1: 0, -1: 0, 0: 0}
        for one in self.said:
            counts[one] += 1
            largest = max(largest, fair(counts[1], counts[-1]))
        return 1 / largest

    @property
    def told(self) -> int:
        """``1`` or ``-1`` for the side that is preferred beyond doubt (p ≤ .05), else ``0``."""
        if self.p_value > ALPHA or self.first == self.second:
            return 0
        return 1 if self.first > self.second else -1


def discoveries(values: Sequence[float], alpha: float = ALPHA) -> tuple[bool, ...]:
    """Which of many nulls fall: the e-BH procedure.

    The k largest e-values where the k-th is at least ``n/(α k)``, for the largest such k. Of what
    is claimed, a share of α at most is expected to be false, whatever the e-values' dependence and
    whenever one stopped; Wang & Ramdas 2022, J. R. Stat. Soc. B 84:822.
    """
    order = sorted(range(len(values)), key=lambda i: -values[i])
    count = max(
        (k for k, i in enumerate(order, 1) if values[i] >= len(values) / (alpha * k)), default=0
    )
    chosen = set(order[:count])
    return tuple(i in chosen for i in range(len(values)))


def sequence(
    values: Sequence[float],
    planned: int,
    *,
    low: float = -1.0,
    high: float = 1.0,
    alpha: float = ALPHA,
) -> Interval:
    """A confidence sequence of the mean of values in [low, high]: valid at every length at once.

    Two bets against each candidate mean, one that it is too low and one that it is too high, their
    stakes chosen from the values before; the means that neither has refuted so far. Hedged betting
    with stakes for ``planned`` values; Waudby-Smith & Ramdas 2024, J. R. Stat. Soc. B 86:1, §4.
    ValueError for a value outside of [low, high].
    """
    x = (np.asarray(values, np.float64) - low) / (high - low)
    if x.size and (x.min() < 0 or x.max() > 1):
        raise ValueError(f"a value is outside of [{low:g}, {high:g}]")
    middle = 0.5 if not x.size else float(x.mean())
    if not x.size:
        return Interval(low + (high - low) * middle, low, high)
    grid = np.linspace(0, 1, 401)[1:-1]
    stakes = _stakes(x, planned, alpha)[:, None]
    most = 0.9  # of what one has: a bet may lose it
    moved = x[:, None] - grid
    up = np.log1p(np.minimum(stakes, most / grid) * moved).cumsum(0).max(0)
    down = np.log1p(-np.minimum(stakes, most / (1 - grid)) * moved).cumsum(0).max(0)
    stays = grid[np.maximum(up, down) < log(2 / alpha)]
    edge = grid[1] - grid[0]  # the grid's own width is given away
    lo = float(stays.min() - edge) if stays.size else middle
    hi = float(stays.max() + edge) if stays.size else middle
    lo, hi = max(0.0, min(lo, middle)), min(1.0, max(hi, middle))
    return Interval(*(low + (high - low) * v for v in (middle, lo, hi)))


def _stakes(x: np.ndarray, planned: int, alpha: float) -> np.ndarray:
    """``√(2 log(2/α) / (σ² N))``, σ² from the values before each."""
    before = np.arange(1, len(x) + 1)
    mean = (0.5 + x.cumsum()) / (before + 1)
    variance = (0.25 + ((x - mean) ** 2).cumsum()) / (before + 1)
    earlier = np.concatenate(([0.25], variance[:-1]))
    return np.asarray(np.sqrt(2 * log(2 / alpha) / (earlier * max(1, planned))))


def pairs_needed(lost: int, gained: int, n: int, threshold: float, most: int = 100_000) -> int:
    """How many more pairs would bring the e-value to a threshold, were they as those so far.

    ``most`` where not even that many would.
    """
    if not n or lost == gained:
        return most
    low, high = n, n
    while high < most and fair(*(round(c * high / n) for c in (lost, gained))) < threshold:
        low, high = high, high * 2
    if high >= most:
        return most
    while high - low > 1:
        half = (low + high) // 2
        enough = fair(*(round(c * half / n) for c in (lost, gained))) >= threshold
        low, high = (low, half) if enough else (half, high)
    return high - n


def half_width(discordant: float, n: int) -> float:
    """About how wide ``sequence`` is to each side for differences of pairs: √(2 log 40 · d/n)."""
    return sqrt(2 * log(40) * discordant / n) if n else inf
