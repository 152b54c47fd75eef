"""What an ablation found, and the effects of one comparison from what was kept of its arms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from negprompt.errors import Notice
from negprompt.measure.ablate.gallery import Spent
from negprompt.measure.ablate.question import Arm, Question
from negprompt.measure.ablate.tally import Column, Tally
from negprompt.measure.corrected import LEAST, Labels, alike, paired
from negprompt.measure.effects import bootstrap, variety
from negprompt.measure.sequential import fair, sequence
from negprompt.measure.statistics import Interval, Pairs, change, mcnemar, pairs

SEEN_FROM: Final = 0.5
"""A thing counts as seen where the probe gives it a higher probability."""
Verdict = Literal["helps", "nothing", "harms", "cannot tell yet"]


@dataclass(frozen=True, slots=True)
class Change:
    """How often something was seen without and with, on the same seeds."""

    thing: str
    pairs: Pairs
    abstained: int
    """Pairs of which the probe could not say it."""
    steps: tuple[float, ...]
    """Difference with - without of each pair: -1, 0 or 1."""
    planned: int
    """Pairs that were planned."""
    corrected: Interval | None = None
    """The difference put right with labels."""
    labels: int = 0
    """Labelled pictures behind it."""

    @property
    def effect(self) -> Interval:
        """Difference with - without, 95 % by itself (Newcombe's)."""
        return change(self.pairs)

    @property
    def bounds(self) -> Interval:
        """Confidence sequence of the difference: holds at every look."""
        return sequence(self.steps, self.planned)

    @property
    def e_value(self) -> float:
        """Evidence of a change, valid at any time."""
        return fair(self.pairs.lost, self.pairs.gained)

    @property
    def p_value(self) -> float:
        """McNemar's exact p, by itself."""
        return mcnemar(self.pairs.lost, self.pairs.gained)

    @property
    def fell(self) -> bool:
        """Whether more pairs lost the thing than gained it."""
        return self.pairs.lost > self.pairs.gained


@dataclass(frozen=True, slots=True)
class Counted:
    """One arm beside another that lacks the term: what a verdict rests on."""

    without: Arm
    steered: Arm
    n: int
    """Pairs."""
    concept: Change | None
    """None where the probe abstains on the term or there is no probe."""
    kept: tuple[Change, ...]
    """The subject first, then the rest of what should stay."""
    moved: float
    """Mean absolute difference of the pictures, in [0, 1]."""
    largest: float
    """Largest difference of any value of any pair, in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One arm beside another that lacks the term: everything that is reported."""

    counted: Counted
    moved: Interval
    """Mean absolute difference of the pictures, in [0, 1]."""
    collateral: Interval | None
    """The same over the pairs that were free of the concept already; all of them where nobody can
    say. None where no pair was."""
    clean: int
    """Pairs behind ``collateral``."""
    traits: Interval | None
    """Other things that the probe sees that came or went in those pairs, a picture."""
    variety: Interval
    """Relative change of the pictures' mean distance from each other."""
    push: float | None
    """Length of the guidance push beside that of the arm without, 1 for the same."""
    map: NDArray[np.float64]
    """Where the pictures differ ``[48, 48]``."""


@dataclass(frozen=True, slots=True)
class TermFinding:
    """What one term does."""

    text: str
    weight: float
    alone: Comparison
    """The term by itself beside no negative."""
    within: Comparison
    """The full negative beside the one that lacks the term."""
    together: Comparison
    """The full negative beside no negative, by the term's concept."""
    verdict: Verdict
    reason: str
    more: int | None
    """Seeds a prompt that would probably settle it; None where it is settled or cannot be."""


@dataclass(frozen=True)
class Report:
    """What an ablation found."""

    question: Question
    probe: str
    terms: tuple[TermFinding, ...]
    seeds: int
    """Seeds a prompt that were looked at."""
    spent: Spent
    notices: tuple[Notice, ...]
    tally: Tally
    labels: Path | None = None
    """What put the figures right."""
    calibration: Path | None = None
    """What put the probe right before anything was counted."""
    all_seeds: bool = False
    """Whether it went on where the answer was clear."""


def counted(
    tally: Tally,
    arms: tuple[Arm, Arm],
    term: str,
    question: Question,
    *,
    labels: "Known",
    rows: int,
) -> Counted:
    """What a verdict on a term rests on, of the arm that lacks it and the one that has it.

    ``rows`` is how many rows are looked at.
    """
    sides = tuple(tally.column(arm) for arm in arms)
    n = min(rows, *map(len, sides))
    planned = question.seeds * len(question.prompts)
    groups = [question.keeps[:1], question.keeps[1:]]
    found = (presence_of(group, sides, n, planned) for group in groups if group)
    moved = tally.between(*arms)
    return Counted(
        *arms, n, change_of(term, sides, n, planned, labels),
        tuple(change for change in found if change is not None),
        float(np.mean(moved.amounts[:n])), moved.largest,
    )  # fmt: skip


def compared(tally: Tally, found: Counted, term: str, own: frozenset[str]) -> Comparison:
    """All that is reported of a comparison; ``own`` is what the probe calls the term's thing."""
    sides = tuple(tally.column(arm) for arm in (found.without, found.steered))
    moved = tally.between(found.without, found.steered)
    clean = _clean(sides[0], term, found.n)
    amounts = [moved.amounts[k] for k in clean]
    return Comparison(
        found, bootstrap(moved.amounts[: found.n]), bootstrap(amounts) if amounts else None,
        len(clean), _traits(sides, clean, own), _variety(sides, tally.prompts[: found.n]),
        _pushed(sides, found.n), moved.map,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Known:
    """What a person said of pictures: by picture and term, and with the probe's own readings."""

    by_picture: Mapping[tuple[str, str], bool]
    by_term: Mapping[str, Labels]
    file: Path | None = None
    """Where it is written."""


def change_of(
    term: str, sides: Sequence[Column], n: int, planned: int, labels: Known
) -> Change | None:
    """How often a term's thing is there in the second of two columns, beside the first.

    None where the probe can say it of no pair.
    """
    said = [side.readings.get(term, [None] * n)[:n] for side in sides]
    rows = [k for k in range(n) if said[0][k] is not None and said[1][k] is not None]
    if not rows:
        return None
    seen = [[float(values[k] or 0) > SEEN_FROM for k in rows] for values in said]
    steps = [float(b) - float(a) for a, b in zip(*seen, strict=True)]
    right, count = _corrected(term, sides, rows, steps, labels)
    return Change(term, pairs(*seen), n - len(rows), tuple(steps), planned, right, count)


def _corrected(
    term: str, sides: Sequence[Column], rows: Sequence[int], steps: Sequence[float], labels: Known
) -> tuple[Interval | None, int]:
    """The difference put right, and the number of labels behind it."""
    true: dict[int, float] = {}
    for place, row in enumerate(rows):
        eyes = [labels.by_picture.get((str(side.paths[row]), term)) for side in sides]
        if None not in eyes:
            true[place] = float(bool(eyes[1])) - float(bool(eyes[0]))
    if 2 * len(true) >= LEAST:
        rest = [steps[k] for k in range(len(steps)) if k not in true]
        return paired(rest, [steps[k] for k in true], list(true.values())), 2 * len(true)
    known = labels.by_term.get(term)
    if known is None or len(known.true) < LEAST or not 5 <= sum(known.true) <= len(known.true) - 5:
        return None, 0
    return alike(steps, known), len(known.true)


def presence_of(
    things: Sequence[str], sides: Sequence[Column], n: int, planned: int
) -> Change | None:
    """How often all of some things are there; None where the probe abstains on a picture."""
    columns = [[side.readings.get(t, [None] * n)[:n] for t in things] for side in sides]
    known = [[c for c in both if None not in c] for both in columns]
    if not all(known) or len(known[0]) != len(known[1]):
        return None
    seen = [[all(float(c[k] or 0) > SEEN_FROM for c in side) for k in range(n)] for side in known]
    steps = [float(b) - float(a) for a, b in zip(*seen, strict=True)]
    return Change(", ".join(things), pairs(*seen), 0, tuple(steps), planned)


def _clean(column: Column, term: str, n: int) -> list[int]:
    """The rows that are free of a thing; all rows where nobody can say."""
    said = column.readings.get(term, [None] * n)[:n]
    if all(p is None for p in said):
        return list(range(n))
    return [k for k in range(n) if (p := said[k]) is not None and p <= SEEN_FROM]


def _traits(sides: Sequence[Column], rows: Sequence[int], own: frozenset[str]) -> Interval | None:
    if not rows or min(len(side.seen) for side in sides) <= max(rows):
        return None
    pairs = [(sides[0].seen[k] - own, sides[1].seen[k] - own) for k in rows]
    return bootstrap([float(len(a ^ b)) for a, b in pairs])


def _variety(sides: Sequence[Column], prompts: Sequence[int]) -> Interval:
    """Of the prompt with most rows by itself, or of several averaged.

    Distances between pictures of different prompts say nothing of variety, so each prompt's
    layouts are centred on their mean in each arm.
    """
    which = np.array(prompts)
    layouts = [np.array(side.layouts[: len(which)], np.float64) / 255 for side in sides]
    for prompt in set(prompts):
        for x in layouts:
            x[which == prompt] -= x[which == prompt].mean(0)
    return variety(*layouts)


def _pushed(sides: Sequence[Column], n: int) -> float | None:
    totals = []
    for side in sides:
        known = [push for push in side.push[:n] if push is not None]
        if not known:
            return None
        totals.append(float(np.mean(known)))
    return totals[1] / totals[0] if totals[0] else None
