"""Pictures of several ways → points with intervals, and the contrast of two ways.

Intervals count prompts.  Contrasts are taken on the same prompts and seeds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Final

import numpy as np

from negprompt.measure.clusters import average, difference, directions, frechet, jackknife, rate
from negprompt.measure.effects import spread
from negprompt.measure.phenomena.ways import BASE, Way
from negprompt.measure.protocol.cases import Case
from negprompt.measure.protocol.figures import DIMENSIONS, Array, Figure, read_right
from negprompt.measure.protocol.pictures import Pictures, seen_in


@dataclass(frozen=True, slots=True)
class Album:
    """The pictures of all ways, case by case, and what is true."""

    cases: Sequence[Case]
    of: Mapping[Way, Sequence[Pictures]]
    true: Sequence[Pictures]

    def seen(self, way: Way, judge: str, other: Way | None = None) -> list[Array]:
        """Whether a judge sees what a way is about, in its pictures or in another way's."""
        pairs = zip(self.cases, self.of[other or way], strict=True)
        return [seen_in(pictures, judge, way.sought(case)) for case, pictures in pairs]

    def only(self, target: str) -> "Album":
        """The cases of one concept."""
        at = [k for k, case in enumerate(self.cases) if case.targets == (target,)]
        return Album(
            [self.cases[k] for k in at],
            {way: [pictures[k] for k in at] for way, pictures in self.of.items()},
            [self.true[k] for k in at],
        )


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that is counted."""

    name: str
    about: str
    point: Callable[[Album, Way, str], Figure | None]
    """Album, way, judge → the way's own figure."""
    contrast: Callable[[Album, Way, Way, str], Figure | None]
    """The first way's figure less the second's."""
    unit: str = "share"
    each: Callable[[Album, Way, Way, str], Figure | None] | None = None
    """The contrast with an interval that counts pictures, where there are numbers of each."""


Values = Callable[[Album, Way, str], list[Array]]


def _counted(name: str, about: str, values: Values, *, signed: bool = False) -> Measure:
    """A measure that is one number for each picture."""

    def point(album: Album, way: Way, judge: str) -> Figure | None:
        found = values(album, way, judge)
        interval = difference if signed else rate
        return Figure(interval(np.concatenate(found), _groups(found)), sum(map(len, found)))

    def apart(album: Album, one: Way, other: Way, judge: str) -> list[Array]:
        sides = [values(album, way, judge) for way in (one, other)]
        return [a.astype(float) - b for a, b in zip(*sides, strict=True)]

    def contrast(album: Album, one: Way, other: Way, judge: str) -> Figure | None:
        found = apart(album, one, other, judge)
        return Figure(difference(np.concatenate(found), _groups(found)), sum(map(len, found)))

    def each(album: Album, one: Way, other: Way, judge: str) -> Figure | None:
        found = np.concatenate(apart(album, one, other, judge))
        return Figure(difference(found, range(len(found))), len(found))

    return Measure(name, about, point, contrast, each=each)


def _avoided(album: Album, way: Way, judge: str) -> list[Array]:
    return [~seen for seen in album.seen(way, judge)]


def _present(album: Album, way: Way, judge: str) -> list[Array]:
    return album.seen(way, judge)


def _removed(album: Album, way: Way, judge: str) -> list[Array]:
    pairs = zip(album.seen(way, judge, BASE[way]), album.seen(way, judge), strict=True)
    return [before.astype(float) - after for before, after in pairs]


def _kept(album: Album, way: Way, judge: str) -> list[Array]:
    return [
        np.all([read_right(pictures, judge, f, name) for f, name in case.pins.items()], axis=0)
        for case, pictures in zip(album.cases, album.of[way], strict=True)
    ]


def _distances(album: Album, way: Way, judge: str) -> tuple[Callable[[Array], float], Array] | None:
    """The distance to what is true with the cases of some rows left out, and the rows' cases."""
    sides = (album.of[way], album.true)
    x, y = (np.concatenate([pictures.features[judge] for pictures in side]) for side in sides)
    if min(len(x), len(y)) < 2 * DIMENSIONS:
        return None
    axes = directions(y, DIMENSIONS)
    at = [_groups([pictures.passes for pictures in side]) for side in sides]

    def distance(rows: Array) -> float:
        kept = np.isin(at[1], np.unique(at[0][rows]))
        return max(1e-9, frechet((x @ axes)[rows], (y @ axes)[kept]))

    return distance, at[0]


def _distance(album: Album, way: Way, judge: str) -> Figure | None:
    found = _distances(album, way, judge)
    return None if found is None else Figure(jackknife(*found), len(found[1]))


def _further(album: Album, one: Way, other: Way, judge: str) -> Figure | None:
    """Logarithm of the ratio of two distances."""
    both = [_distances(album, way, judge) for way in (one, other)]
    if both[0] is None or both[1] is None:
        return None
    (first, rows), (second, _) = both[0], both[1]
    return Figure(jackknife(lambda kept: log(first(kept) / second(kept)), rows), len(rows))


def _variety(album: Album, way: Way, judge: str) -> Figure | None:
    each = [spread(pictures.colours) for pictures in album.of[way]]
    return Figure(average(each, range(len(each))), sum(map(len, album.of[way])))


def _more_varied(album: Album, one: Way, other: Way, judge: str) -> Figure | None:
    """Mean over prompts of the logarithm of the ratio of two varieties."""
    pairs = zip(album.of[one], album.of[other], strict=True)
    each = [log(spread(a.colours) / spread(b.colours)) for a, b in pairs if len(a) > 1]
    return Figure(average(each, range(len(each))), len(each)) if each else None


def _groups(values: Sequence[Array]) -> Array:
    return np.repeat(np.arange(len(values)), [len(value) for value in values])


AVOIDED: Final = _counted("avoided", "share of the pictures without what is named", _avoided)
PRESENT: Final = _counted("present", "share of the pictures with what is named", _present)
REMOVED: Final = _counted(
    "removed", "share with what is named, without the negative less with it", _removed, signed=True
)
KEPT: Final = _counted("kept", "share with the prompt's subject, colour and place", _kept)
DISTANCE: Final = Measure(
    "distance", "Fréchet distance of the judge's features to p(scene | prompt, not n)",
    _distance, _further, "log ratio",
)  # fmt: skip
VARIETY: Final = Measure(
    "variety", "mean distance between the pictures of a prompt, as 12 × 12 colours",
    _variety, _more_varied, "log ratio",
)  # fmt: skip
