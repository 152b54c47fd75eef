"""A negative → the shortest one that keeps its effect, by testing groups of terms, not each.

Most terms of a long list do nothing, so a group that can go is found in one test; only around the
terms that act does a group have to be split (Hwang 1972, J. Am. Stat. Assoc. 67:605, generalised
binary splitting). The terms that acted least go into the first groups. A group may go when, with
the rest, what the full negative removed stays removed; that is counted on the same seeds as the
full negative, and confirmed on others.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from negprompt.errors import RequestError
from negprompt.measure.ablate.findings import SEEN_FROM
from negprompt.measure.ablate.gallery import Gallery, Reader
from negprompt.measure.ablate.question import Arm, Question
from negprompt.measure.arms import batches
from negprompt.measure.effects import bootstrap
from negprompt.measure.probes import Probe
from negprompt.measure.statistics import Interval, Pairs, mcnemar, pairs

LOSS: Final = 0.03
"""Points of avoidance that may be lost."""
ACTS: Final = 0.10
"""A term acts where the full negative lowers its thing with McNemar's p up to here."""
RISES: Final = 0.02
"""No single thing may come back with McNemar's p up to here."""
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

    def rows(self, arm: Arm, first: int, count: int, things: Sequence[str]) -> NDArray[np.float64]:
        """Whether each thing is seen in each prompt's pictures ``[rows, things]``; NaN: not known.

        Rows go prompt by prompt within a batch of seeds.
        """
        parts = []
        for prompt in self.question.prompts:
            batch = self.gallery.batch(arm.request(self.question.base, prompt, first, count))
            said = self.reader.answers(batch, things)
            columns = [[np.nan if p is None else p > SEEN_FROM for p in said[t]] for t in things]
            parts.append(np.array(columns, np.float64).T)
            self.pictures += count
        return np.concatenate(parts)

    def all_rows(self, arm: Arm, things: Sequence[str], first: int) -> NDArray[np.float64]:
        """All rows of an arm from a seed on."""
        shapes = batches(first, self.question.seeds)
        return np.concatenate([self.rows(arm, seed, count, things) for seed, count in shapes])


def prune(
    question: Question,
    gallery: Gallery,
    probe: Probe | None,
    *,
    loss: float = LOSS,
    on_trial: Callable[[Trial], None] = lambda _trial: None,
) -> Pruned:
    """Find the terms that can go. ``question.seeds`` are the seeds a prompt of every test.

    Raises RequestError ``probe-needed`` without a probe, and what the engine raises.
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
    none, full = (bench.all_rows(arm, things, first) for arm in (question.none, question.full))
    counts = [_pairs(none[:, k], full[:, k]) for k in range(len(things))]
    acting = [k for k, one in enumerate(counts) if one is not None and _acts(one)]
    drops = {things[k]: _drop(one) for k, one in enumerate(counts)}
    kept = _search(bench, [things[k] for k in acting], full[:, acting], drops, loss)
    names = tuple(things[k] for k in acting)
    fresh = first + question.seeds
    short = question.only_with(set(kept), "pruned")
    ends = [bench.all_rows(arm, names, fresh) for arm in (question.full, short)] if names else []
    lost = (ends[1] - ends[0]).mean(1) if ends else None
    return Pruned(
        question, kept, names, tuple(bench.trials), bench.pictures,
        (1 - float(ends[0].mean()), 1 - float(ends[1].mean())) if ends else (1.0, 1.0),
        None if lost is None else bootstrap(lost[~np.isnan(lost)].tolist()),
    )  # fmt: skip


def _search(
    bench: _Bench,
    acting: Sequence[str],
    full: NDArray[np.float64],
    drops: dict[str, float],
    loss: float,
) -> tuple[int, ...]:
    """Numbers of the terms that stay."""
    texts = [term.text for term in bench.question.terms]
    if not acting:
        return ()
    waiting = sorted(range(len(texts)), key=lambda number: drops[texts[number]])
    kept = set(range(len(texts)))
    size = sum(texts[number] not in acting for number in waiting) or max(1, len(waiting) // 2)
    while waiting:
        group = waiting[:size]
        if len(group) == len(kept):  # never everything at once: something acts
            group = group[: max(1, len(group) // 2)]
        if _try(bench, kept - set(group), group, (acting, full, loss)):
            kept -= set(group)
            waiting = waiting[len(group) :]
            size = min(2 * len(group), max(1, len(waiting)))
        elif len(group) == 1:
            waiting = waiting[1:]
            size = 1
        else:
            size = len(group) // 2
    return tuple(sorted(kept))


def _try(
    bench: _Bench,
    kept: set[int],
    group: Sequence[int],
    against: tuple[Sequence[str], NDArray[np.float64], float],
) -> bool:
    """Whether the effect stays without a group; given up early where it clearly does not."""
    acting, full, allowed = against
    question, found = bench.question, np.zeros((0, len(acting)))
    arm = question.only_with(kept, "some") if kept else question.none
    lost, sure = 0.0, False
    for first, count in batches(question.base.seed, question.seeds):
        found = np.concatenate((found, bench.rows(arm, first, count, acting)))
        rises = np.nanmean(found - full[: len(found)], axis=1)
        rises = rises[~np.isnan(rises)]
        if not len(rises):
            continue
        lost = float(rises.mean())
        error = float(rises.std()) / sqrt(len(rises)) + 0.5 / len(rises)
        sure = lost - CLEAR * error > allowed
        if sure:
            break
    each = [_pairs(full[: len(found), k], found[:, k]) for k in range(len(acting))]
    back = any(p is not None and p.gained > p.lost and mcnemar(p.lost, p.gained) <= RISES
               for p in each)  # fmt: skip
    accepted = not sure and lost <= allowed and not back
    names = tuple(question.text(number) for number in group)
    trial = Trial(names, lost, len(found) // len(question.prompts), accepted)
    bench.trials.append(trial)
    bench.on_trial(trial)
    return accepted


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
