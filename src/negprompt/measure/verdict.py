"""A comparison → sentences: what the negative did, counted, and what else changed."""

from collections.abc import Iterator

from negprompt.measure.compare import Comparison, Effect
from negprompt.measure.statistics import Interval, Pairs, mcnemar


def sentences(found: Comparison) -> tuple[str, ...]:
    """One line for each thing that the negative names, and one for the rest."""
    return (*(sentence(effect) for effect in found.effects()), _rest(found))


def sentence(effect: Effect) -> str:
    """What happened to one thing."""
    if effect.pairs is None:
        return f"{effect.term}: nothing that the judge knows"
    return counted(effect.term, effect.pairs)


def counted(name: str, found: Pairs) -> str:
    """How often something was there without and with, and on how many seeds it went or came."""
    return (
        f"{name}: in {_percent(found.without)} of the pictures without, "
        f"in {_percent(found.steered)} with; {found.n} seeds, "
        f"gone in {found.lost}, new in {found.gained} "
        f"(McNemar p {_small(mcnemar(found.lost, found.gained))})"
    )


def table(found: Comparison) -> Iterator[str]:
    """For each seed what the judge saw without and with."""
    for place, seed in enumerate(found.seeds):
        yield f"seed {seed}"
        yield f"  without  {found.without.words(place)}"
        yield f"  with     {found.steered.words(place)}"


def _percent(rate: Interval) -> str:
    """``62 % [43, 79]``: a rate with its 95 % interval."""
    return f"{rate.rate:.0%}".replace("%", f" % [{100 * rate.lo:.0f}, {100 * rate.hi:.0f}]")


def _rest(found: Comparison) -> str:
    n, maps = len(found.seeds), found.differences()
    changed = ", ".join(f"{factor} in {count}" for factor, count in found.changed().items())
    mean = sum(float(one.mean()) for one in maps) / n
    return f"what else changed, of {n} pairs: {changed}; {100 * mean:.1f} % of the pixels' range"


def _small(p: float) -> str:
    return f"= {p:.2g}" if p >= 0.0001 else "< 0.0001"
