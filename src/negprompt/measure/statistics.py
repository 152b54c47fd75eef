"""Counts → rates with 95 % intervals, and the tests for pairs.  Knows nothing of pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, sqrt
from typing import Final

Z: Final = 1.959963984540054
"""97.5 % quantile of the normal distribution."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its 95 % interval: ``lo`` ≤ ``rate`` ≤ ``hi``."""

    rate: float
    lo: float
    hi: float

    def to_json(self) -> dict[str, float]:
        """The interval as every ``--json`` prints it."""
        return {"rate": self.rate, "lo": self.lo, "hi": self.hi}


@dataclass(frozen=True, slots=True)
class Pairs:
    """The same seeds under two conditions, by whether something was there in each."""

    both: int
    lost: int
    """There without, gone with."""
    gained: int
    """Not there without, there with."""
    neither: int

    @property
    def n(self) -> int:
        """Number of pairs."""
        return self.both + self.lost + self.gained + self.neither

    @property
    def without(self) -> Interval:
        """Rate in the first condition."""
        return wilson(self.both + self.lost, self.n)

    @property
    def steered(self) -> Interval:
        """Rate in the second condition."""
        return wilson(self.both + self.gained, self.n)


def pairs(without: Sequence[bool], steered: Sequence[bool]) -> Pairs:
    """Count the pairs of two equally long sequences; ValueError if they are not."""
    seen = list(zip(without, steered, strict=True))
    return Pairs(*(seen.count(pair) for pair in _CASES))


_CASES: Final = ((True, True), (True, False), (False, True), (False, False))


def wilson(successes: int, n: int) -> Interval:
    """Score interval of a binomial rate.

    ``(p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n)``; Wilson 1927, J. Am. Stat. Assoc. 22.
    ValueError unless 0 ≤ ``successes`` ≤ ``n`` and ``n`` ≥ 1.
    """
    if not 0 <= successes <= n or n < 1:
        raise ValueError(f"{successes} of {n} is no rate")
    p, share = successes / n, Z * Z / n
    middle = (p + share / 2) / (1 + share)
    half = Z * sqrt(p * (1 - p) / n + share / (4 * n)) / (1 + share)
    lo = middle - half if successes else 0.0
    return Interval(p, lo, middle + half if successes < n else 1.0)


def mcnemar(lost: int, gained: int) -> float:
    """Exact two-sided p of as uneven a split of the changed pairs, were both ways equally likely.

    ``2 Σ_{k ≤ min} C(m, k) / 2^m`` with ``m`` changed pairs, at most 1; McNemar 1947,
    Psychometrika 12.
    """
    changed = lost + gained
    tail = sum(comb(changed, k) for k in range(min(lost, gained) + 1))
    return min(1.0, float(2 * tail / 2**changed))


def change(counted: Pairs) -> Interval:
    """Difference with - without of two paired rates; ``rate`` is in [-1, 1].

    Score intervals of both rates, joined with the correlation of the pairs, its numerator
    continuity-corrected where it is positive; Newcombe 1998, Stat. Med. 17:2635, method 10.
    """
    a, b, c, d = counted.both, counted.gained, counted.lost, counted.neither
    first, second = counted.steered, counted.without
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    cross = float(a * d - b * c)
    cross = max(cross - counted.n / 2, 0.0) if cross > 0 else cross
    phi = cross / sqrt(margins) if margins else 0.0
    delta = first.rate - second.rate
    below = _combined(first.rate - first.lo, second.hi - second.rate, phi)
    above = _combined(first.hi - first.rate, second.rate - second.lo, phi)
    return Interval(delta, delta - below, delta + above)


def _combined(one: float, other: float, correlation: float) -> float:
    return sqrt(max(0.0, one * one + other * other - 2 * correlation * one * other))


def mean(rates: Sequence[Interval]) -> Interval:
    """Mean of independent rates, their interval from each one's own limits.

    ``m - √Σ(p - lo)²/k`` to ``m + √Σ(hi - p)²/k``; Zou & Donner 2008, Stat. Med. 27:1693.
    ValueError for no rates.
    """
    if not rates:
        raise ValueError("there is no mean of no rates")
    k = len(rates)
    middle = sum(r.rate for r in rates) / k
    below = sqrt(sum((r.rate - r.lo) ** 2 for r in rates)) / k
    above = sqrt(sum((r.hi - r.rate) ** 2 for r in rates)) / k
    return Interval(middle, middle - below, middle + above)
