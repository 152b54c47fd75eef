"""What a probe says of many pictures and what a person says of a few → the effect, put right.

Two ways, by what the labels are of. Labels of both pictures of a pair, pairs chosen by chance, ask
nothing of the probe (``paired``). Labels of other pictures ask that the probe errs as often with
the negative as without, given what is truly there (``alike``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, sqrt
from typing import Final

import numpy as np

from negprompt.measure.statistics import Interval, Z

LEAST: Final = 30
"""Labelled pictures below which nothing is corrected."""


@dataclass(frozen=True, slots=True)
class Labels:
    """What a person and a probe said of the same pictures, for one term."""

    said: tuple[float, ...]
    """The probe's readings."""
    true: tuple[bool, ...]
    """What the person saw."""

    @property
    def agreement(self) -> float:
        """How often they agree."""
        return float(np.mean([(p > 0.5) == t for p, t in zip(self.said, self.true, strict=True)]))


def paired(
    said: Sequence[float], labelled_said: Sequence[float], labelled_true: Sequence[float]
) -> Interval:
    """The mean difference with - without by prediction-powered inference.

    ``λ·mean(f) + mean(y - λ f̃)``: ``f`` what the probe says of the N pairs without labels, ``f̃``
    and ``y`` what probe and person say of the n labelled ones, each a difference with - without in
    [-1, 1]. λ has the least variance, ``cov(y, f̃) / ((1 + n/N) var f)``, within [0, 1];
    Angelopoulos, Duchi & Zrnic 2023, arXiv:2311.01453. Variances add a pair that came and one that
    went to the labelled ones (as Agresti & Min 2005, Biometrics 61:515, for pairs), so that no
    labelled changes are not taken for certainty; Student's t with n - 1.

    ValueError for fewer than 15 labelled pairs.
    """
    f, g, y = (np.asarray(v, np.float64) for v in (said, labelled_said, labelled_true))
    n = len(y)
    if 2 * n < LEAST or len(g) != n:
        raise ValueError(f"{n} labelled pairs are too few, {LEAST // 2} are enough")
    wide_y, wide_g = np.append(y, (1.0, -1.0)), np.append(g, (1.0, -1.0))
    every = np.concatenate((f, wide_g))
    share = n / len(f) if len(f) else inf
    spread = float(every.var(ddof=1)) * (1 + share)
    gain = float(np.cov(wide_y, wide_g)[0, 1]) / spread if spread and len(f) else 0.0
    gain = min(1.0, max(0.0, gain))
    left = float((wide_y - gain * wide_g).var(ddof=1)) / n
    right = gain * gain * float(f.var(ddof=1)) / len(f) if len(f) > 1 else 0.0
    middle = float((y - gain * g).mean()) + (gain * float(f.mean()) if len(f) else 0.0)
    return _within(middle, student(n - 1) * sqrt(left + right))


def alike(said: Sequence[float], labels: Labels) -> Interval:
    """The mean difference with - without, for a probe that errs alike in both.

    ``δ = mean(f) / J`` with ``J = E[f | there] - E[f | not there]`` from the labels (Rogan & Gladen
    1978, Am. J. Epidemiol. 107:71); the interval holds the δ with ``(mean f - δ J)² ≤ t² var``
    (Fieller 1954, J. R. Stat. Soc. B 16:175). It is [-1, 1] where the labels cannot tell the probe
    from one that knows nothing.

    ``said`` are differences of one and the same kind of reading as ``labels.said``. ValueError for
    fewer than 30 labels, or fewer than five there or not there.
    """
    f = np.asarray(said, np.float64)
    p, t = np.asarray(labels.said, np.float64), np.asarray(labels.true, bool)
    if len(p) < LEAST or min(t.sum(), (~t).sum()) < 5:
        raise ValueError(f"{len(p)} labels, {t.sum()} of something there, are too few")
    there, bare = p[t], p[~t]
    gap = float(there.mean() - bare.mean())
    spread = sum((float(s.var(ddof=1)) + 1 / (10 * len(s))) / len(s) for s in (there, bare))
    mean, noise = float(f.mean()), (float(f.var(ddof=1)) + 1 / len(f)) / len(f)
    q = student(min(len(there), len(bare)) * 2 - 2) ** 2
    # (mean - δ gap)² = q (noise + δ² spread), solved for δ
    a, b, c = gap * gap - q * spread, mean * gap, mean * mean - q * noise
    if gap <= 0 or a <= 0:
        middle = max(-1.0, min(1.0, mean / gap)) if gap else 0.0
        return Interval(middle, -1.0, 1.0)
    root = sqrt(max(0.0, b * b - a * c))
    lo, hi = ((b + side * root) / a for side in (-1, 1))
    middle = max(-1.0, min(1.0, mean / gap))
    return Interval(middle, max(-1.0, min(lo, middle)), min(1.0, max(hi, middle)))


def student(freedom: int) -> float:
    """97.5 % quantile of Student's t; within .01 from 6 degrees on.

    Three terms of the expansion around the normal quantile; Abramowitz & Stegun 26.7.5.
    """
    z, v = Z, float(freedom)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / v + second / v**2 + third / v**3


def _within(middle: float, half: float) -> Interval:
    middle = max(-1.0, min(1.0, middle))
    return Interval(middle, max(-1.0, middle - half), min(1.0, middle + half))
