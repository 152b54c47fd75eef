"""Sayings → findings: every way run once, every number by both judges."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from negprompt.encoding.choices import known
from negprompt.measure.phenomena.measures import PRESENT, Album
from negprompt.measure.phenomena.sayings import SAYINGS, Saying, Verdict
from negprompt.measure.phenomena.ways import BASE, CASES, NONE, Way, cases
from negprompt.measure.protocol.cases import Case
from negprompt.measure.protocol.figures import Figure
from negprompt.measure.protocol.pictures import Pictures, Stand, drawn
from negprompt.measure.protocol.target import FIRST, truth
from negprompt.world.factors import CONCEPTS, rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How much is measured."""

    prompts: int = CASES
    seeds: int = 8
    steps: int = 25
    seed: int = 0
    sayings: tuple[str, ...] = tuple(SAYINGS)

    @property
    def ways(self) -> tuple[Way, ...]:
        """All ways that the sayings need, each once."""
        chosen = [SAYINGS[name] for name in self.sayings]
        needed = [way for one in chosen for way in (*one.ways, *one.ends)]
        bases = [BASE[way] for way in needed if way in BASE]
        there = [NONE for one in chosen if one.removes]
        return tuple(dict.fromkeys([*needed, *bases, *there]))

    @property
    def cost(self) -> tuple[int, int]:
        """Pictures, and model passes at most, rendered ones left out."""
        each = len(cases(self.prompts)) * self.seeds
        passes = sum(each * self.steps * (1 if way.scale == 1 else 2) for way in self.ways)
        return each * len(self.ways), passes


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one saying."""

    saying: Saying
    points: Mapping[str, Mapping[str, Figure | None]]
    """By judge, by way."""
    contrast: Mapping[str, Figure | None]
    """By judge."""
    concepts: Mapping[str, Mapping[str, Figure | None]]
    """The contrast by judge and concept; intervals count pictures there."""
    there: Mapping[str, Figure | None]
    """By judge: how often the thing is there without a negative, where it is to be removed."""

    def verdict(self, judge: str = "first") -> Verdict:
        """By the saying's own rule."""
        found, there = self.contrast[judge], self.there.get(judge)
        rate = 1.0 if there is None else there.interval.rate
        return self.saying.verdict(None if found is None else found.interval, rate)


@dataclass(frozen=True, slots=True)
class Report:
    """What was found."""

    id: str
    model: str
    extent: Extent
    cases: tuple[Case, ...]
    findings: tuple[Finding, ...]

    @property
    def odds(self) -> dict[str, float]:
        """Naming rate × mean prevalence under the prompts, by concept."""
        found = {}
        for name in dict.fromkeys(case.targets[0] for case in self.cases):
            mine = [case.pins for case in self.cases if case.targets == (name,)]
            concept = CONCEPTS[name]
            mean = sum(rate(concept, p["subject"], p["place"]) for p in mine) / len(mine)
            found[name] = concept.naming_rate * mean
        return dict(sorted(found.items(), key=lambda one: one[1]))


def findings(
    stand: Stand,
    extent: Extent,
    name: str,
    on_finding: Callable[[Finding], None] = lambda _finding: None,
) -> Report:
    """Hold sayings against pictures; ``on_finding`` is told each as it is finished."""
    chosen = cases(extent.prompts)
    true = [
        truth(stand, case, number=extent.seeds, first=FIRST + 10_000 * k)
        for k, case in enumerate(chosen)
    ]
    made: dict[Way, list[Pictures]] = {}
    found = []
    for one in (SAYINGS[name] for name in extent.sayings):
        for way in Extent(sayings=(one.name,)).ways:
            if way not in made:
                made[way] = [_pictures(stand, way, case, extent) for case in chosen]
        found.append(_finding(one, Album(chosen, made, true), tuple(stand.judges)))
        on_finding(found[-1])
    return Report(name, stand.model.name, extent, chosen, tuple(found))


def sayings_of(names: str) -> tuple[str, ...]:
    """The sayings of a list with commas. Raises RequestError ``saying-unknown``."""
    found = tuple(name.strip() for name in names.split(","))
    for name in found:
        known(name, SAYINGS, "finding", code="saying-unknown")
    return found


def _pictures(stand: Stand, way: Way, case: Case, extent: Extent) -> Pictures:
    asked = way.request(case, steps=extent.steps, seed=extent.seed, count=extent.seeds)
    return drawn(stand, asked, "cfg")


def _finding(saying: Saying, album: Album, judges: tuple[str, ...]) -> Finding:
    measure, ends = saying.measure, saying.ends
    names = dict.fromkeys(case.targets[0] for case in album.cases)
    each = measure.each
    concepts = {} if each is None else {
        j: {name: each(album.only(name), *ends, j) for name in names} for j in judges
    }  # fmt: skip
    return Finding(
        saying,
        {j: {way.name: measure.point(album, way, j) for way in saying.ways} for j in judges},
        {j: measure.contrast(album, *ends, j) for j in judges},
        concepts,
        {j: PRESENT.point(album, NONE, j) for j in judges} if saying.removes else {},
    )
