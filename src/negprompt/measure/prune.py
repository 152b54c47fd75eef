"""A negative → the shortest one that keeps its effect, by testing groups of terms, not each.

Most terms of a long list do nothing, so a group that can go is found in one test; only around the
terms that act does a group have to be split (Hwang 1972, J. Am. Stat. Assoc. 67:605, generalised
binary splitting). The terms that acted least go into the first groups. A group may go when, with
the rest, nothing shows that what the full negative removed comes back, or that what should stay
falls; that is counted on the same seeds as the full negative.

So many looks at the same seeds find luck as well. What was found is therefore a path, each negative
shorter than the one before, and other seeds choose on it the last one that keeps the effect, as
trees are pruned (Breiman et al. 1984). Third seeds measure that.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from negprompt.errors import RequestError
from negprompt.measure.ablate.findings import (
    SEEN_FROM,
    Change,
    Known,
    change_of,
    presence_of,
)
from negprompt.measure.ablate.gallery import Gallery, Reader
from negprompt.measure.ablate.question import Arm, Question
from negprompt.measure.ablate.run import NOBODY
from negprompt.measure.ablate.tally import Column
from negprompt.measure.arms import batches
from negprompt.measure.effects import bootstrap
from negprompt.measure.probes import Probe
from negprompt.measure.statistics import Interval, Pairs, mcnemar, pairs

LOSS: Final = 0.03
"""Points of avoidance that may be lost."""
ACTS: Final = 0.10
"""A term acts where the full negative lowers its thing with McNemar's p up to here."""
RISES: Final = 0.02
"""No single thing may come back, or fall that should stay, with McNemar's p up to here."""
CLEAR: Final = 2.5
"""Standard errors beyond the allowed loss at which a test is given up early."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One group of terms that was left out."""

    left_out: tuple[str, ...]
    loss: float
    """Avoidance lost beside the full negative: mean over the things that it removes."""
    seeds: int
    """Rows that were looked at."""
    accepted: bool


@dataclass(frozen=True, slots=True)
class Pruned:
    """A shorter negative, and what is known of it."""

    question: Question
    kept: tuple[int, ...]
    """Numbers of the terms that stay."""
    acting: tuple[str, ...]
    """What the full negative removes."""
    trials: tuple[Trial, ...]
    pictures: int
    """Pictures that it took, the confirmation among them."""
    avoidance: tuple[float, float]
    """Of the full negative and of the shorter one, on seeds that chose nothing."""
    loss: Interval | None
    """Avoidance lost, full - shorter, on these seeds; None where nothing acts."""
    removed: tuple[Change, ...] = ()
    """How often each thing that the full negative removes is there with the shorter one, beside the
    full one, on these seeds."""
    stays: tuple[Change, ...] = ()
    """The same for each thing that should stay."""

    @property
    def negatives(self) -> tuple[tuple[str, float], ...]:
        """Texts and weights of the shorter negative."""
        return self.question.only_with(set(self.kept), "pruned").negatives

    @property
    def text(self) -> str:
        """The shorter negative, composed ones joined with AND."""
        return " AND ".join(text for text, _ in self.negatives)

    @property
    def leave_one_out(self) -> int:
        """Pictures that leaving out each term would have taken."""
        question = self.question
        return (len(question.terms) + 2) * question.seeds * len(question.prompts)


@dataclass(slots=True)
class _Bench:
    """Makes, reads and remembers the arms of a question."""

    question: Question
    gallery: Gallery
    reader: Reader
    on_trial: Callable[[Trial], None]
    pictures: int = 0
    trials: list[Trial] = field(default_factory=list)

    def take(self, column: Column, arm: Arm, seeds: tuple[int, int], things: Sequence[str]) -> None:
        """Add what the probe says of each thing in a batch of seeds, prompt by prompt."""
        first, count = seeds
        for prompt in self.question.prompts:
            batch = self.gallery.batch(arm.request(self.question.base, prompt, first, count))
            for thing, said in self.reader.answers(batch, things).items():
                column.readings.setdefault(thing, []).extend(said)
            column.paths.extend(batch.paths)
            self.pictures += count

    def column(self, arm: Arm, things: Sequence[str], first: int) -> Column:
        """What the probe says of all pictures of an arm from a seed on."""
        column = Column()
        for seeds in batches(first, self.question.seeds):
            self.take(column, arm, seeds, things)
        return column


@dataclass(frozen=True, slots=True)
class _Effect:
    """What a shorter negative has to keep."""

    acting: tuple[str, ...]
    """What the full negative removes."""
    keeps: tuple[str, ...]
    """What should stay."""
    full: NDArray[np.float64]
    """Whether each of both is seen with the full negative ``[rows, acting + keeps]``."""
    loss: float
    """Avoidance that may be lost."""

    @property
    def things(self) -> tuple[str, ...]:
        """The columns of ``full``."""
        return (*self.acting, *self.keeps)


def prune(
    question: Question,
    gallery: Gallery,
    probe: Probe | None,
    *,
    loss: float = LOSS,
    keeps: tuple[str, ...] = (),
    labels: Known = NOBODY,
    on_trial: Callable[[Trial], None] = lambda _trial: None,
) -> Pruned:
    """Find the terms that can go. ``question.seeds`` are the seeds a prompt of every test.

    What ``keeps`` names must not fall beside the full negative.  ``labels`` put right what is said
    in the end, and decide nothing.  Raises RequestError ``probe-needed`` without a probe, and what
    the engine raises.
    """
    if probe is None:
        raise RequestError(
            "without a probe nobody can say whether the effect is kept",
            code="probe-needed",
            cure="name one with --probe",
        )
    bench = _Bench(question, gallery, Reader(probe, gallery.folder), on_trial)
    first = question.base.seed
    things = list(dict.fromkeys(term.text for term in question.terms))
    none = _seen(bench.column(question.none, things, first), things)
    full = bench.column(question.full, [*things, *keeps], first)
    counts = [_pairs(*both) for both in zip(none.T, _seen(full, things).T, strict=True)]
    drops = {thing: _drop(one) for thing, one in zip(things, counts, strict=True)}
    acting = [k for k, one in enumerate(counts) if one is not None and _acts(one)]
    names = tuple(things[k] for k in acting)
    effect = _Effect(names, keeps, _seen(full, [*names, *keeps]), loss)
    kept = _chosen(bench, _search(bench, effect, drops), effect)
    return _confirmed(bench, kept, effect, labels)


def _confirmed(bench: _Bench, kept: tuple[int, ...], effect: _Effect, labels: Known) -> Pruned:
    """The full and the shorter negative on third seeds, which chose nothing."""
    question, names, things = bench.question, effect.acting, effect.things
    short = question.only_with(set(kept), "pruned") if kept else question.none
    fresh = question.base.seed + 2 * question.seeds
    sides = [bench.column(arm, things, fresh) for arm in (question.full, short)] if things else []
    n = len(sides[0]) if sides else 0
    ends = [_seen(side, names) for side in sides] if names else []
    lost = (ends[1] - ends[0]).mean(1) if ends else None
    removed = (change_of(name, sides, n, n, labels) for name in names)
    stays = (presence_of((thing,), sides, n, n) for thing in effect.keeps)
    return Pruned(
        question, kept, names, tuple(bench.trials), bench.pictures,
        (1 - float(ends[0].mean()), 1 - float(ends[1].mean())) if ends else (1.0, 1.0),
        None if lost is None else bootstrap(lost[~np.isnan(lost)].tolist()),
        tuple(one for one in removed if one), tuple(one for one in stays if one),
    )  # fmt: skip


def _search(bench: _Bench, effect: _Effect, drops: dict[str, float]) -> list[set[int]]:
    """Numbers of the terms that stay, from all of them on, each a part of the one before."""
    texts = [term.text for term in bench.question.terms]
    kept = set(range(len(texts)))
    if not effect.things:
        return [set()]
    path = [kept]
    waiting = sorted(kept, key=lambda number: drops[texts[number]])
    size = sum(text not in effect.acting for text in texts) or max(1, len(waiting) // 2)
    while waiting:
        group = waiting[:size]
        if effect.acting and len(group) == len(kept):  # never all at once: something acts
            group = group[: max(1, len(group) // 2)]
        if _try(bench, kept - set(group), group, effect):
            kept = kept - set(group)
            path.append(kept)
            waiting = waiting[len(group) :]
            size = min(2 * len(group), max(1, len(waiting)))
        elif len(group) == 1:
            waiting = waiting[1:]
            size = 1
        else:
            size = len(group) // 2
    return path


def _try(bench: _Bench, kept: set[int], group: Sequence[int], effect: _Effect) -> bool:
    """Whether nothing shows that the effect goes with a group; given up early where it does."""
    question, column = bench.question, Column()
    arm = question.only_with(kept, "some") if kept else question.none
    found, lost, error = effect.full[:0], 0.0, 0.0
    for seeds in batches(question.base.seed, question.seeds):
        bench.take(column, arm, seeds, effect.things)
        found = _seen(column, effect.things)
        lost, error = _lost(found, effect.full[: len(found)], len(effect.acting))
        if lost - CLEAR * error > effect.loss:
            break
    accepted = lost - error <= effect.loss and not _worse(found, effect)
    names = tuple(question.text(number) for number in group)
    trial = Trial(names, lost, len(found) // len(question.prompts), accepted)
    bench.trials.append(trial)
    bench.on_trial(trial)
    return accepted


def _lost(
    found: NDArray[np.float64], full: NDArray[np.float64], acting: int
) -> tuple[float, float]:
    """Avoidance lost, mean over the things that act, and its standard error."""
    rises = np.nanmean((found - full)[:, :acting], axis=1) if acting else np.zeros(0)
    rises = rises[~np.isnan(rises)]
    if not len(rises):
        return 0.0, 0.0
    return float(rises.mean()), float(rises.std()) / sqrt(len(rises)) + 0.5 / len(rises)


def _worse(found: NDArray[np.float64], effect: _Effect) -> bool:
    """Whether some single thing is back, or one that should stay has fallen."""
    each = [_pairs(*both) for both in zip(effect.full[: len(found)].T, found.T, strict=True)]
    return any(
        pair is not None
        and (pair.gained > pair.lost if k < len(effect.acting) else pair.lost > pair.gained)
        and mcnemar(pair.lost, pair.gained) <= RISES
        for k, pair in enumerate(each)
    )


def _chosen(bench: _Bench, path: Sequence[set[int]], effect: _Effect) -> tuple[int, ...]:
    """The shortest of a path that keeps the effect on the second seeds, by bisection.

    The first of a path is the full negative, which loses nothing.
    """
    question = bench.question
    first = question.base.seed + question.seeds
    kept, over, at = 0, len(path), len(path) - 1
    if not at:
        return tuple(sorted(path[0]))
    full = _seen(bench.column(question.full, effect.things, first), effect.things)
    while over - kept > 1:
        arm = question.only_with(path[at], "path") if path[at] else question.none
        found = _seen(bench.column(arm, effect.things, first), effect.things)
        lost, _ = _lost(found, full, len(effect.acting))
        fits = lost <= effect.loss and not _worse(found, replace(effect, full=full))
        kept, over = (at, over) if fits else (kept, at)
        at = (kept + over) // 2
    return tuple(sorted(path[kept]))


def _seen(column: Column, things: Sequence[str]) -> NDArray[np.float64]:
    """Whether each thing is seen in each picture ``[rows, things]``; NaN: not known."""
    said = [column.readings[thing] for thing in things]
    seen = [[np.nan if p is None else p > SEEN_FROM for p in one] for one in said]
    return np.array(seen, np.float64).reshape(len(things), len(column)).T


def _pairs(without: NDArray[np.float64], steered: NDArray[np.float64]) -> Pairs | None:
    known = ~(np.isnan(without) | np.isnan(steered))
    if not known.any():
        return None
    return pairs((without[known] > 0).tolist(), (steered[known] > 0).tolist())


def _acts(counted: Pairs) -> bool:
    return counted.lost > counted.gained and mcnemar(counted.lost, counted.gained) <= ACTS


def _drop(counted: Pairs | None) -> float:
    """How much the full negative lowers a thing; what nobody can see counts as nothing."""
    return 0.0 if counted is None else counted.without.rate - counted.steered.rate
