"""The effects of all terms together → a verdict on each, at any look.

``helps`` and ``harms`` are claims that e-BH makes over all terms (``sequential.discoveries``): at
most one in twenty of them is expected to be false, whenever one looks and stops. ``nothing`` is
said of a term when the confidence sequences of its own effects lie within the margin.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, inf
from typing import TYPE_CHECKING, Final

from negprompt.measure.ablate.findings import Change, Counted, Verdict
from negprompt.measure.sequential import ALPHA, discoveries, half_width, pairs_needed

if TYPE_CHECKING:
    from negprompt.measure.statistics import Interval

SAME: Final = 2.5 / 255
"""A difference of pictures up to here is rounding."""
MOST: Final = 10_000
"""More seeds than anyone would take."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """A verdict, why, and how many more pairs would probably settle it."""

    verdict: Verdict
    reason: str
    more: int | None = None
    settled: bool = True
    """Whether more pictures would hardly change it."""


def rulings(terms: Sequence[tuple[Counted, Counted]], margin: float) -> tuple[Ruling, ...]:
    """A ruling for each term from its two comparisons, alone and within the list."""
    values = [value for both in terms for value in (_concept_e(both), _kept_e(both))]
    claimed = discoveries(values)
    level = len(values) / (ALPHA * min(len(values), sum(claimed) + 1))
    return tuple(
        _ruling(both, claimed[2 * k], claimed[2 * k + 1], margin, level)
        for k, both in enumerate(terms)
    )


def _ruling(
    both: tuple[Counted, Counted],
    concept_claimed: bool,  # noqa: FBT001 - two claims, in the order of discoveries
    kept_claimed: bool,  # noqa: FBT001
    margin: float,
    level: float,
) -> Ruling:
    concept = _strongest(_concepts(both))
    kept = _strongest(_kept(both))
    if kept_claimed and kept is not None and kept.fell:
        return Ruling("harms", f"{kept.thing}: {_rates(kept)}")
    if concept is None:
        return _unseen(both)
    if concept_claimed and not concept.fell:
        return Ruling("harms", f"brings what it names: {_rates(concept)}")
    if concept_claimed:
        right = concept.corrected
        if right is None or right.hi < 0:
            price = any(found.effect.rate <= -margin / 2 for found in _kept(both))
            return Ruling("helps", _rates(concept), settled=not price)
        return Ruling("cannot tell yet", f"{_rates(concept)} by the probe, but the labels leave it "
                      "open", concept.labels)  # fmt: skip
    if all(_within(found, margin) for found in _concepts(both)) and all(
        _possible(found, margin) and found.bounds.lo > -margin for found in _kept(both)
    ):
        return Ruling("nothing", _nothing(concept, margin))
    more = _more(_concepts(both), _kept(both), margin, level)
    return Ruling("cannot tell yet", _rates(concept), more)


def _unseen(both: tuple[Counted, Counted]) -> Ruling:
    """What can be said where no probe knows the thing."""
    largest = max(found.largest for found in both)
    if largest <= SAME:
        return Ruling("nothing", "the pictures are the same")
    moved = max(found.moved for found in both)
    return Ruling(
        "cannot tell yet", f"no probe knows it; pictures change by {100 * moved:.1f} % of the range"
    )


def _nothing(concept: Change, margin: float) -> str:
    rare = concept.pairs.without.rate <= margin
    hint = ", it was hardly there to begin with" if rare else ""
    return f"changes by less than {100 * margin:g} points{hint}: {_rates(concept)}"


def _within(found: Change, margin: float) -> bool:
    """Whether an effect is smaller than the margin, by the probe and by the labels."""
    if not _possible(found, margin) or abs(found.effect.rate) >= margin:
        return False
    ranges: list[Interval] = [found.bounds, *([found.corrected] if found.corrected else [])]
    return all(-margin < r.lo and r.hi < margin for r in ranges)


def _possible(found: Change, margin: float) -> bool:
    """Whether so few pairs could bound an effect by the margin at all."""
    return found.pairs.n * margin >= 3


def _concepts(both: tuple[Counted, Counted]) -> list[Change]:
    return [found.concept for found in _distinct(both) if found.concept is not None]


def _kept(both: tuple[Counted, Counted]) -> list[Change]:
    return [change for found in _distinct(both) for change in found.kept]


def _distinct(both: tuple[Counted, Counted]) -> Iterator[Counted]:
    """The comparisons; of a single term both are the same one."""
    yield both[0]
    if both[0].steered.negatives != both[1].steered.negatives:
        yield both[1]


def _concept_e(both: tuple[Counted, Counted]) -> float:
    return _mean_e(_concepts(both))


def _kept_e(both: tuple[Counted, Counted]) -> float:
    return _mean_e(_kept(both))


def _mean_e(changes: Sequence[Change]) -> float:
    """The mean of e-values is one, however they depend on each other."""
    return sum(found.e_value for found in changes) / len(changes) if changes else 1.0


def _strongest(changes: Sequence[Change]) -> Change | None:
    return max(changes, key=lambda found: found.e_value, default=None)


def _rates(found: Change) -> str:
    before, after = found.pairs.without.rate, found.pairs.steered.rate
    return f"{100 * before:.0f} % without, {100 * after:.0f} % with"


def _more(concepts: Sequence[Change], kept: Sequence[Change], margin: float, level: float) -> int:
    """Pairs until either claim would probably be made, were all as so far."""
    claims = [
        pairs_needed(f.pairs.lost, f.pairs.gained, f.pairs.n, level * len(group))
        for group in (concepts, kept)
        for f in group
        if f.fell or group is concepts
    ]
    nothing = max((_until_nothing(f, margin) for f in (*concepts, *kept)), default=inf)
    return ceil(min(MOST, nothing, *claims)) if claims else ceil(min(MOST, nothing))


def _until_nothing(found: Change, margin: float) -> float:
    room = margin - abs(found.effect.rate)
    n = found.pairs.n
    discordant = (found.pairs.lost + found.pairs.gained + 1) / (n + 1)
    if room <= 0:
        return inf
    needed = n * (half_width(discordant, n) / room) ** 2
    least = 4 / margin  # pairs without any change that it takes
    return max(1.0, max(needed, least) - n)
