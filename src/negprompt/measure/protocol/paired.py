"""Rows of one table beside each other → differences on the same prompts and seeds, with tests.

Pictures of one prompt resemble each other, so McNemar's test, which counts pictures, claims too
much: prompts are flipped instead. p-values are corrected for the number of rows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from negprompt.measure.clusters import average, difference
from negprompt.measure.effects import holm
from negprompt.measure.protocol.figures import Columns, changed, read_right
from negprompt.measure.protocol.pictures import seen_in
from negprompt.measure.statistics import Interval

Array = NDArray[Any]
FLIPS: Final = 20_000
"""Random flips where there are too many to try all."""
ALL: Final = 14
"""Prompts up to which all flips are tried."""
PAIRED: Final = ("avoided", "subject", "colour", "place", "collateral", "saturated")
"""What is compared picture by picture, of METRICS."""
COUNTED: Final = frozenset(("avoided", "subject", "colour", "place"))
"""Those that are true or false of a picture."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One figure of an arm's pictures, picture by picture."""

    values: Array
    """``[n]``; NaN where a picture does not count."""
    cases: Array
    """Number of the case of each, ``[n]``."""


@dataclass(frozen=True, slots=True)
class Test:
    """A row less another one, on the same prompts and seeds."""

    difference: Interval
    """95 %, by itself, prompts counted."""
    p: float
    """Of no difference, corrected for the rows of the table (Holm)."""
    n: int
    """Pairs behind it."""


def outcomes(columns: Columns, numbers: Sequence[int], judge: str) -> dict[str, Outcome]:
    """Each figure of PAIRED, picture by picture; ``numbers`` are those of the cases."""
    found: dict[str, list[Array]] = {name: [] for name in PAIRED}
    for case, these, base in zip(columns.cases, columns.these, columns.base, strict=True):
        gone = ~seen_in(these, judge, case.targets)
        found["avoided"].append(gone if case.measurable else np.full(len(these), np.nan))
        for factor in ("subject", "colour", "place"):
            named = case.pins.get(factor)
            found[factor].append(
                np.full(len(these), np.nan) if named is None
                else read_right(these, judge, factor, named)
            )  # fmt: skip
        sides = np.mean(changed(case, these, base, judge), axis=0)
        clean = ~seen_in(base, judge, case.targets)
        found["collateral"].append(np.where(clean, sides, np.nan))
        found["saturated"].append(these.saturated)
    at = np.repeat(np.asarray(numbers), [len(these) for these in columns.these])
    return {name: Outcome(np.concatenate(v).astype(np.float64), at) for name, v in found.items()}


def beside(row: Mapping[str, Outcome], other: Mapping[str, Outcome]) -> dict[str, Test]:
    """A row less another, over the cases that both have; p is not corrected yet."""
    found = {
        name: _test(row[name], other[name], difference if name in COUNTED else average)
        for name in PAIRED
    }
    return {name: test for name, test in found.items() if test is not None}


def corrected(tests: Sequence[Mapping[str, Test]]) -> list[dict[str, Test]]:
    """The tests of all rows, p corrected for the rows that have the figure."""
    found: list[dict[str, Test]] = [dict(row) for row in tests]
    for name in PAIRED:
        rows = [row for row in found if name in row]
        for row, p in zip(rows, holm([row[name].p for row in rows]), strict=True):
            row[name] = replace(row[name], p=p)
    return found


def flipped(sums: Array) -> float:
    """Two-sided p of the prompts' summed differences, were each as likely of either sign.

    The share of sign patterns whose total is at least as far from 0: all of them up to 14 prompts,
    else 20,000 by chance and the one observed. One prompt says nothing of others: p = 1. Fisher
    1935, The Design of Experiments, §21.
    """
    moved = sums[sums != 0]
    if not moved.size:
        return 1.0
    if moved.size <= ALL:
        signs = np.array(list(product((-1.0, 1.0), repeat=moved.size)))
    else:
        drawn = np.random.default_rng(0).integers(0, 2, (FLIPS, moved.size)) * 2.0 - 1
        signs = np.concatenate((np.ones((1, moved.size)), drawn))
    far = np.abs(signs @ moved) >= abs(moved.sum()) * (1 - 1e-9)
    return float(far.mean())


def _test(
    one: Outcome, other: Outcome, interval: Callable[[Array, Array], Interval]
) -> Test | None:
    shared = np.intersect1d(one.cases, other.cases)
    a, b = (side.values[np.isin(side.cases, shared)] for side in (one, other))
    groups = one.cases[np.isin(one.cases, shared)]
    known = ~(np.isnan(a) | np.isnan(b))
    if not known.any():
        return None
    apart, groups = (a - b)[known], groups[known]
    names, place = np.unique(groups, return_inverse=True)
    sums = np.bincount(place, apart, len(names))
    return Test(interval(apart, groups), flipped(sums), int(known.sum()))
