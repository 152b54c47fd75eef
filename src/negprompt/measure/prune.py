"""A negative → the shortest one that keeps its effect, by testing groups of terms, not each.

Half of the terms, taken by lot for each seed, and the other half are looked at side by side (random
balance: Satterthwaite 1959, Technometrics 1:111; with the complement of each, a foldover: Box and
Wilson 1951). Every such pair says something of every term, so two arms put all of them in order.
Other seeds then search that order for the fewest terms that keep the effect, first as many as there
are things to remove, then twice as many, and so on, then by bisection (Bentley and Yao 1976). Third
seeds, which chose nothing, measure what was found.

The effect is what the full negative removes, each thing once, however many terms are words for it.
What should stay, by default what the prompts ask for, is no effect: taking it away is harm.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil, log2, sqrt
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
from negprompt.measure.ablate.run import NOBODY, kept_things
from negprompt.measure.ablate.tally import Column
from negprompt.measure.arms import batches
from negprompt.measure.effects import bootstrap
from negprompt.measure.probes import Probe
from negprompt.measure.statistics import Interval, Pairs, mcnemar, pairs

LOSS: Final = 0.03
"""Points of avoidance that may be lost."""
ACTS: Final = 0.10
"""A term acts where the full negative lowers its thing with McNemar's p up to here."""
BACK: Final = 0.5
"""A single thing is back where so much of what the full negative removed of it is there again."""
SURE: Final = 0.02
"""McNemar's p up to which a single thing has come back, or one that should stay has fallen."""
CLEAR: Final = 2.5
"""Standard errors beyond the allowed loss at which a test is given up early."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One shorter negative that was looked at."""

    kept: tuple[str, ...]
    """Its terms, those that do most first."""
    loss: float
    """Avoidance lost beside the full negative: mean over the things that it removes."""
    seeds: int
    """Seeds a prompt that were looked at."""
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
    """Makes, reads and counts the arms of a question."""

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

    def arm(self, numbers: Sequence[int], name: str) -> Arm:
        """Some terms of the negative, or no negative."""
        return self.question.only_with(set(numbers), name) if numbers else self.question.none


@dataclass(frozen=True, slots=True)
class _Effect:
    """What a shorter negative has to keep."""

    removed: dict[str, float]
    """What the full negative removes, and in how much of all pictures it does."""
    keeps: tuple[str, ...]
    """What should stay."""
    loss: float
    """Avoidance that may be lost."""

    @property
    def things(self) -> tuple[str, ...]:
        """What is looked at: what is removed first."""
        return (*self.removed, *self.keeps)


def most(question: Question) -> int:
    """Pictures that pruning takes at most: seven arms, and as many tests as ``fewest`` may need."""
    tests = 2 * ceil(log2(len(question.terms) + 1))
    return (7 + tests) * question.seeds * len(question.prompts)


def prune(
    question: Question,
    gallery: Gallery,
    probe: Probe | None,
    *,
    loss: float = LOSS,
    labels: Known = NOBODY,
    on_trial: Callable[[Trial], None] = lambda _trial: None,
) -> Pruned:
    """Find the terms that can go. ``question.seeds`` are the seeds a prompt of every test.

    What ``question.keeps`` names, or without it what the prompts ask for, must not fall beside the
    full negative.  ``labels`` put right what is said in the end, and decide nothing.  Raises
    RequestError ``probe-needed`` without a probe, and what the engine raises.
    """
    if probe is None:
        raise RequestError(
            "without a probe nobody can say whether the effect is kept",
            code="probe-needed",
            cure="name one with --probe",
        )
    bench = _Bench(question, gallery, Reader(probe, gallery.folder), on_trial)
    effect = _effect(bench, question.keeps or kept_things(question, probe), loss)
    order = _order(bench, effect) if effect.things else []
    kept = _shortest(bench, order, effect) if effect.things else ()
    return _confirmed(bench, kept, effect, labels)


def _effect(bench: _Bench, keeps: tuple[str, ...], loss: float) -> _Effect:
    """What the full negative removes, on the first seeds."""
    question, first = bench.question, bench.question.base.seed
    texts = list(dict.fromkeys([*keeps, *(term.text for term in question.terms)]))
    ends = [bench.column(arm, texts, first) for arm in (question.none, question.full)]
    named: dict[object, str] = {}  # of several words for one thing, the first
    for text in texts:
        named.setdefault(tuple(tuple(end.readings[text]) for end in ends), text)
    things = [text for text in named.values() if text not in keeps]
    seen = zip(*(_seen(end, things).T for end in ends), strict=True)
    counts = zip(things, (_pairs(*both) for both in seen), strict=True)
    removed = {
        thing: (one.lost - one.gained) / one.n
        for thing, one in counts
        if one is not None and one.lost > one.gained and mcnemar(one.lost, one.gained) <= ACTS
    }
    return _Effect(removed, keeps, loss)


def _order(bench: _Bench, effect: _Effect) -> list[int]:
    """Numbers of the terms, those that do most first, by random halves on the first seeds.

    Of y(half) - y(other half) of a thing, the part that goes with a term's side, over its standard
    error, is how clearly the term acts.  A term counts by the thing on which it is clearest, less
    by how clearly it takes away what should stay.
    """
    question, columns, sides = bench.question, (Column(), Column()), []
    terms = np.arange(len(question.terms))
    for seed in range(question.base.seed, question.base.seed + question.seeds):
        first = np.isin(terms, np.random.default_rng(seed).permutation(terms)[: len(terms) // 2])
        for column, half in zip(columns, (first, ~first), strict=True):
            arm = bench.arm(np.flatnonzero(half).tolist(), "half")
            bench.take(column, arm, (seed, 1), effect.things)
        sides += [np.where(first, 1.0, -1.0)] * len(question.prompts)
    apart = np.nan_to_num(np.subtract(*(_seen(column, effect.things) for column in columns)))
    acts = np.array(sides).T @ apart / np.sqrt((apart**2).sum(0) + 1)  # [terms, things]
    removed = len(effect.removed)
    good = np.concatenate([-acts[:, :removed], acts[:, removed:]], 1).max(1)
    bad = (-acts[:, removed:]).max(1, initial=0)
    return [int(number) for number in np.argsort(bad - good, kind="stable")]


def _shortest(bench: _Bench, order: Sequence[int], effect: _Effect) -> tuple[int, ...]:
    """The fewest terms, from the first of an order on, that keep the effect on second seeds."""
    first = bench.question.base.seed + bench.question.seeds
    column = bench.column(bench.question.full, effect.things, first)
    full = _seen(column, effect.things)
    size = fewest(
        len(order), len(effect.removed),
        lambda size: _keeps(bench, order[:size], effect, full),
        least=1 if effect.removed else 0,  # without any term nothing is removed
    )  # fmt: skip
    return tuple(sorted(order[:size]))


def fewest(every: int, start: int, enough: Callable[[int], bool], *, least: int = 0) -> int:
    """How many of ``every`` things in a row are enough, from ``least`` on.

    Doubling from ``start``, then bisection (Bentley and Yao 1976, Inf. Process. Lett. 5:82). Asks
    ``enough`` at most 2 ⌈log₂(every + 1)⌉ times, and never of all, which are taken to be enough.
    """
    short, fits = least - 1, every
    size = min(max(start, least), every - 1)
    while fits - short > 1:
        if enough(size):
            fits = size
        else:
            short = size
        double = max(1, 2 * size)
        size = double if double < fits == every else (short + fits) // 2
    return fits


def _keeps(bench: _Bench, kept: Sequence[int], effect: _Effect, full: NDArray[np.float64]) -> bool:
    """Whether some terms keep the effect; given up early where it is clear that they do not."""
    question, column = bench.question, Column()
    arm = bench.arm(kept, "some")
    found, lost, error = full[:0], 0.0, 0.0
    for seeds in batches(question.base.seed + question.seeds, question.seeds):
        bench.take(column, arm, seeds, effect.things)
        found = _seen(column, effect.things)
        lost, error = _lost(found, full[: len(found)], len(effect.removed))
        if lost - CLEAR * error > effect.loss:
            break
    accepted = lost <= effect.loss and not _worse(found, full[: len(found)], effect)
    names = tuple(question.text(number) for number in kept)
    trial = Trial(names, lost, len(found) // len(question.prompts), accepted)
    bench.trials.append(trial)
    bench.on_trial(trial)
    return accepted


def _confirmed(bench: _Bench, kept: tuple[int, ...], effect: _Effect, labels: Known) -> Pruned:
    """The full and the shorter negative on third seeds, which chose nothing."""
    question, names, things = bench.question, tuple(effect.removed), effect.things
    arms = (question.full, bench.arm(kept, "pruned"))
    fresh = question.base.seed + 2 * question.seeds
    sides = [bench.column(arm, things, fresh) for arm in arms] if things else []
    n = len(sides[0]) if sides else 0
    full, found = (_seen(side, names) for side in sides) if names else (np.zeros((0, 0)),) * 2
    known = ~np.isnan(found - full)
    lost = _rises(found, full).tolist()
    removed = (change_of(name, sides, n, n, labels) for name in names)
    stays = (presence_of((thing,), sides, n, n) for thing in effect.keeps)
    return Pruned(
        question, kept, names, tuple(bench.trials), bench.pictures,
        (1 - float(full[known].mean()), 1 - float(found[known].mean())) if lost else (1.0, 1.0),
        bootstrap(lost) if lost else None,
        tuple(one for one in removed if one), tuple(one for one in stays if one),
    )  # fmt: skip


def _rises(found: NDArray[np.float64], full: NDArray[np.float64]) -> NDArray[np.float64]:
    """Avoidance lost in each row ``[rows, things]`` of which something is known: mean over it."""
    apart = found - full
    return np.asarray(np.nanmean(apart[~np.isnan(apart).all(1)], axis=1))


def _lost(
    found: NDArray[np.float64], full: NDArray[np.float64], removed: int
) -> tuple[float, float]:
    """Avoidance lost, mean over the things that are removed, and its standard error."""
    rises = _rises(found[:, :removed], full[:, :removed])
    if not len(rises):
        return 0.0, 0.0
    return float(rises.mean()), float(rises.std()) / sqrt(len(rises)) + 0.5 / len(rises)


def _worse(found: NDArray[np.float64], full: NDArray[np.float64], effect: _Effect) -> bool:
    """Whether some single thing is back, or one that should stay has fallen."""
    for k, (thing, *both) in enumerate(zip(effect.things, full.T, found.T, strict=True)):
        pair = _pairs(*both)
        if pair is None or mcnemar(pair.lost, pair.gained) > SURE:
            continue
        if k >= len(effect.removed) and pair.lost > pair.gained:
            return True
        if pair.gained - pair.lost > BACK * effect.removed.get(thing, np.inf) * pair.n:
            return True
    return False


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
