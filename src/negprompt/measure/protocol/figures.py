"""Pictures of an arm by one method → figures with intervals, by each judge.

What is right or wrong of a picture is set beside the picture without a negative on the same seed;
intervals count prompts, not pictures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from negprompt.measure.clusters import average, directions, frechet, jackknife, rate
from negprompt.measure.effects import spread
from negprompt.measure.protocol.cases import Case
from negprompt.measure.protocol.pictures import Pictures, seen_in
from negprompt.measure.statistics import Interval
from negprompt.world.factors import BINARY, CONCEPTS
from negprompt.world.judge import CLASSES

Array = NDArray[Any]
DIMENSIONS: Final = 16
"""Principal directions of the true pictures' features over which distances are taken."""
METRICS: Final[Mapping[str, str]] = {
    "avoided": "share of the pictures without what the negative names",
    "cured": "of those that have it without a negative, the share that lost it",
    "induced": "of those that do not, the share that gained it",
    "subject": "share with the prompt's subject",
    "colour": "share with the prompt's colour",
    "place": "share with the prompt's place",
    "collateral": "of the pairs that were clean already, the share of other factors that changed",
    "fidelity": "Fréchet distance of the judge's features to p(scene | prompt, not n)",
    "saturated": "share of the pixels with a channel at its end",
    "variety": "mean distance between the pictures of a prompt, as 12 × 12 colours",
    "passes": "model passes a picture",
    "passes per success": "passes for one picture that avoids, with subject, colour, place right",
}
BY_JUDGE: Final = (*tuple(METRICS)[:8], "passes per success")
"""Figures that rest on a judge's word."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure by one judge."""

    interval: Interval
    n: int
    """Pictures, or pairs, behind it."""


@dataclass(frozen=True, slots=True)
class Columns:
    """An arm's pictures, case by case: by a method, without a negative, and what is true."""

    cases: Sequence[Case]
    these: Sequence[Pictures]
    base: Sequence[Pictures]
    true: Sequence[Pictures]


def figures(columns: Columns, judge: str) -> dict[str, Figure | None]:
    """Every figure of METRICS; None where nothing is behind it."""
    found = _presence(columns, judge) | _recall(columns, judge)
    found["collateral"] = _collateral(columns, judge)
    found["fidelity"] = _fidelity(columns, judge)
    saturated = [pictures.saturated for pictures in columns.these]
    found["saturated"] = _mean(saturated)
    found["variety"] = _mean([np.array([spread(p.colours)]) for p in columns.these])
    found["passes"] = _mean([pictures.passes for pictures in columns.these])
    found["passes per success"] = _per_success(columns, judge)
    return {name: found[name] for name in METRICS}


def differ(one: Figure | None, other: Figure | None) -> bool:
    """Whether the second judge's figure lies outside the first one's interval."""
    if one is None or other is None:
        return False
    return not one.interval.lo <= other.interval.rate <= one.interval.hi


def _presence(columns: Columns, judge: str) -> dict[str, Figure | None]:
    """Avoidance, cures and inductions, over the cases that may stand in a headline."""
    pairs = zip(columns.cases, columns.these, columns.base, strict=True)
    seen = [
        (seen_in(these, judge, case.targets), seen_in(base, judge, case.targets))
        for case, these, base in pairs if case.measurable
    ]  # fmt: skip
    return {
        "avoided": _rate([~with_it for with_it, _ in seen]),
        "cured": _rate([~with_it[without] for with_it, without in seen]),
        "induced": _rate([with_it[~without] for with_it, without in seen]),
    }


def _recall(columns: Columns, judge: str) -> dict[str, Figure | None]:
    """How often the picture has what the prompt names."""
    return {
        factor: _rate([
            read_right(these, judge, factor, case.pins[factor])
            for case, these in zip(columns.cases, columns.these, strict=True)
            if factor in case.pins
        ])
        for factor in ("subject", "colour", "place")
    }  # fmt: skip


def _collateral(columns: Columns, judge: str) -> Figure | None:
    """Share of the factors aside from the target that changed, among pairs that were clean."""
    shares = []
    for case, these, base in zip(columns.cases, columns.these, columns.base, strict=True):
        clean = ~seen_in(base, judge, case.targets)
        sides = [side[clean] for side in changed(case, these, base, judge)]
        shares.append(np.mean(sides, 0) if clean.any() else np.zeros(0))
    return _mean(shares)


def changed(case: Case, these: Pictures, base: Pictures, judge: str) -> list[Array]:
    """For each factor that the negative does not name, in which pairs it changed."""
    own = {
        m for t in case.targets for m in ((CONCEPTS[t].members or (t,)) if t in CONCEPTS else (t,))
    }
    one, other = these.readings[judge], base.readings[judge]
    labels = [
        np.array([a != b for a, b in zip(one.label(f), other.label(f), strict=True)])
        for f, names in CLASSES.items() if not own & set(names)
    ]  # fmt: skip
    there = [
        seen_in(these, judge, (n,)) != seen_in(base, judge, (n,)) for n in BINARY if n not in own
    ]
    return labels + there


def _fidelity(columns: Columns, judge: str) -> Figure | None:
    """Fréchet distance to the true pictures, over their own principal directions."""
    x, y = (
        np.concatenate([p.features[judge] for p in side]) for side in (columns.these, columns.true)
    )
    if min(len(x), len(y)) < 2 * DIMENSIONS:
        return None
    axes = directions(y, DIMENSIONS)
    a, b = x @ axes, y @ axes
    at = [_groups([p.passes for p in side]) for side in (columns.these, columns.true)]

    def without(rows: Array) -> float:
        """The distance with the cases of some rows left out on both sides."""
        kept = np.isin(at[1], np.unique(at[0][rows]))
        return frechet(a[rows], b[kept])

    return Figure(_positive(jackknife(without, at[0])), len(x))


def _per_success(columns: Columns, judge: str) -> Figure | None:
    """Passes over the rate of success, its interval from that rate's."""
    good, passes = [], []
    for case, these in zip(columns.cases, columns.these, strict=True):
        if case.targets and not case.measurable:
            continue
        right = ~seen_in(these, judge, case.targets)
        for factor, name in case.pins.items():
            right &= read_right(these, judge, factor, name)
        good.append(right)
        passes.append(these.passes)
    success = _rate(good)
    if success is None:
        return None
    cost, share = float(np.concatenate(passes).mean()), success.interval
    ends = (cost / p if p > 0 else float("inf") for p in (share.rate, share.hi, share.lo))
    return Figure(Interval(*ends), success.n)


def read_right(pictures: Pictures, judge: str, factor: str, name: str) -> Array:
    """In which pictures a judge reads a factor as what it should be."""
    return np.array([label == name for label in pictures.readings[judge].label(factor)])


def _rate(values: Sequence[Array]) -> Figure | None:
    n = sum(map(len, values))
    return Figure(rate(np.concatenate(values), _groups(values)), n) if n else None


def _mean(values: Sequence[Array]) -> Figure | None:
    n = sum(map(len, values))
    return Figure(_positive(average(np.concatenate(values), _groups(values))), n) if n else None


def _groups(values: Sequence[Array]) -> Array:
    """For each value of each case the case's number."""
    return np.repeat(np.arange(len(values)), [len(value) for value in values])


def _positive(interval: Interval) -> Interval:
    """What cannot be below 0 has no interval below it."""
    return Interval(interval.rate, max(0.0, interval.lo), interval.hi)
