"""Arms × methods → the table: every cell run once, every figure by both judges.

A suite says how many prompts and seeds an arm has. Arms are measured one after the other, and only
one is in memory.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from negprompt.encoding.choices import known
from negprompt.measure.fingerprint import fingerprint
from negprompt.measure.protocol.cases import ARMS, Case
from negprompt.measure.protocol.figures import Columns, Figure, differ, figures
from negprompt.measure.protocol.methods import Method, Push, matched, rows_of
from negprompt.measure.protocol.paired import Outcome, Test, beside, corrected, outcomes
from negprompt.measure.protocol.pictures import Pictures, Stand, cell, pushed
from negprompt.measure.protocol.target import AGAIN, FIRST, truth, world_mark
from negprompt.models.load import Model
from negprompt.world.judge import Judge

NAME: Final = "bench-v1"
WORLD: Final = "world"
"""The row of what is true, measured as if it were generated."""
PLAIN: Final = 1
"""Place among the methods of plain guidance with the negative, which others are tested against."""
CALIBRATED: Final = 3
"""Cases of an arm over which effective scales are taken."""


@dataclass(frozen=True, slots=True)
class Extent:
    """Prompts of an arm, and seeds of a prompt."""

    prompts: int
    seeds: int


@dataclass(frozen=True, slots=True)
class Part:
    """An arm, and what of it is measured."""

    arm: str
    about: str
    steps: int
    cases: tuple[Case, ...]
    seeds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """What is measured, at which settings."""

    name: str
    scale: float = 2.0
    steps: int = 25
    seed: int = 0
    arms: tuple[str, ...] = tuple(ARMS)
    seeds: int | None = None
    """Seeds of a prompt, where they are not the suite's own."""
    quick: bool = False
    """Four prompts an arm."""
    own: tuple[Case, ...] = ()
    """Prompts of the user's, in place of the arms."""

    def extent(self, arm: str) -> Extent:
        """How much of an arm is measured."""
        if self.name == "screening":
            prompts, seeds = 10, 4
        else:
            prompts, seeds = (64, 16) if arm in ARMS and ARMS[arm].large else (32, 8)
        prompts = len(self.own) or (4 if self.quick else prompts)
        return Extent(prompts, self.seeds or seeds)

    def parts(self) -> Iterator[Part]:
        """What is measured of each arm."""
        if self.own:
            number = self.extent("own").seeds
            yield Part("own", "prompts of your own", self.steps, self.own, number)
            return
        for name in self.arms:
            arm, extent = ARMS[name], self.extent(name)
            cases = arm.cases(extent.prompts, finals=self.name == "finals")
            yield Part(name, arm.about, arm.steps or self.steps, cases, extent.seeds)


@dataclass(frozen=True, slots=True)
class Line:
    """One row of an arm's table."""

    method: Method | None
    """None for the world's own."""
    by: Mapping[str, Mapping[str, Figure | None]]
    """By judge, by metric."""
    tests: Mapping[str, Mapping[str, Test]] = field(default_factory=dict)
    """By judge, by metric: beside plain guidance; none for that row itself and the world's."""

    @property
    def name(self) -> str:
        """What stands in the row's first cell."""
        return WORLD if self.method is None else self.method.name

    def disputed(self, metric: str, judge: str = "first", other: str = "second") -> bool:
        """Whether the judges differ beyond the interval."""
        return differ(self.by[judge][metric], self.by[other][metric])

    def opposed(self, metric: str, judge: str = "first", other: str = "second") -> bool:
        """Whether the other judge's difference lies outside the interval of this one's."""
        one, two = (self.tests.get(name, {}).get(metric) for name in (judge, other))
        if one is None or two is None:
            return False
        return not one.difference.lo <= two.difference.rate <= one.difference.hi


@dataclass(frozen=True, slots=True)
class Table:
    """What was found in one arm."""

    part: Part
    lines: tuple[Line, ...]

    @property
    def plain(self) -> str:
        """The row that the others are tested against; the world's stands before all."""
        return self.lines[1 + PLAIN].name

    @property
    def unmeasurable(self) -> tuple[str, ...]:
        """What the negatives of the arm name and no headline may hold."""
        left = (t for case in self.part.cases if not case.measurable for t in case.targets)
        return tuple(dict.fromkeys(left))


@dataclass(frozen=True, slots=True)
class Report:
    """What was found."""

    id: str
    suite: Suite
    model: str
    rules: tuple[str, ...]
    tables: tuple[Table, ...]


def identity(model: Model, judges: Mapping[str, Judge]) -> str:
    """``bench-v1-`` and a mark that is another for another world, other weights or other judges."""
    parts = dict(model.pipe.components)
    parts |= {f"judge {name}": judge.network for name, judge in judges.items()}
    plan = {k: str(v) for k, v in model.pipe.scheduler.config.items() if k[0] != "_"}
    return f"{NAME}-{fingerprint(parts, world_mark(), sorted(plan.items()))[:12]}"


def bench(
    stand: Stand, suite: Suite, name: str, on_table: Callable[[Table], None] = lambda _table: None
) -> Report:
    """Measure a suite by its ``identity``; ``on_table`` is told each arm as it is finished."""
    tables = []
    for part in suite.parts():
        tables.append(_table(stand, suite, part))
        on_table(tables[-1])
    return Report(name, suite, stand.model.name, tuple(stand.makers), tuple(tables))


def _table(stand: Stand, suite: Suite, part: Part) -> Table:
    """Measure one arm."""
    seeds, cases = range(suite.seed, suite.seed + part.seeds), part.cases
    methods = rows_of(suite.scale, stand.makers)
    methods += tuple(_matches(stand, methods, part, seeds))

    def true(first: int) -> list[Pictures]:
        every = enumerate(cases)
        return [truth(stand, c, number=part.seeds, first=first + 10_000 * k) for k, c in every]

    def column(method: Method, chosen: Sequence[Case]) -> list[Pictures]:
        return [cell(stand, case, method, seeds=seeds, steps=part.steps) for case in chosen]

    base, reference = column(methods[0], cases), true(FIRST)
    lines = [_line(stand, None, Columns(cases, true(AGAIN), base, reference))]
    seen: list[_Seen] = []
    for method in methods:
        at = [k for k, case in enumerate(cases) if not method.antonym or case.antonym]
        if not at:
            continue
        chosen = [cases[k] for k in at]
        these = base if method is methods[0] else column(method, chosen)
        columns = Columns(chosen, these, [base[k] for k in at], [reference[k] for k in at])
        lines.append(_line(stand, method, columns))
        seen.append({judge: outcomes(columns, at, judge) for judge in stand.judges})
    return Table(part, (lines[0], *_tested(lines[1:], seen)))


_Seen = Mapping[str, Mapping[str, Outcome]]
"""By judge, by metric: a row picture by picture."""


def _tested(lines: Sequence[Line], seen: Sequence[_Seen]) -> Iterator[Line]:
    """The rows with their differences from plain guidance, which is the second of them."""
    others = [k for k in range(len(lines)) if k != PLAIN]
    tests = {
        judge: dict(zip(others, corrected([beside(seen[k][judge], plain) for k in others]),
                        strict=True))
        for judge, plain in seen[PLAIN].items()
    }  # fmt: skip
    for k, line in enumerate(lines):
        found = {judge: rows[k] for judge, rows in tests.items() if k in rows}
        yield replace(line, tests=found)


def pictures(suite: Suite, rules: int) -> tuple[int, int]:
    """Pictures that a suite looks at, without what ``reject`` draws again, and their model passes.

    ``rules`` are those besides plain guidance; each brings a row that is matched to it. Rules are
    taken to cost two passes a step. ``reject`` begins with the pictures that are there.
    """
    total = passes = 0
    methods = len(rows_of(suite.scale, {})) + 2 * rules  # one row is matched, one is the antonym
    for part in suite.parts():
        said = sum(case.antonym is not None for case in part.cases)
        made = part.seeds * (methods * len(part.cases) + said)
        total, passes = (
            total + made,
            passes + 2 * part.steps * (made - part.seeds * len(part.cases)),
        )
    return total, passes


def _line(stand: Stand, method: Method | None, columns: Columns) -> Line:
    by = {judge: figures(columns, judge) for judge in stand.judges}
    if method is None:  # renders cost no passes, and are paired with nothing
        unpaired = ("cured", "induced", "collateral", "passes", "passes per success")
        by = {judge: found | dict.fromkeys(unpaired) for judge, found in by.items()}
    return Line(method, by)


def _matches(stand: Stand, methods: Sequence[Method], part: Part, seeds: range) -> list[Method]:
    """The rows that push as far as plain guidance at the suite's scale, and as each rule."""
    found = []
    for method in (methods[PLAIN], *(m for m in methods if m.rule != "cfg")):
        some = part.cases[:CALIBRATED]
        over = [pushed(stand, case, method, seeds=seeds, steps=part.steps) for case in some]
        sums = (sum(getattr(p, name) for p in over) for name in ("along", "negative", "length"))
        found.append(matched(method, Push(*sums)))
    return found


def arms_of(names: str) -> tuple[str, ...]:
    """The arms of a list with commas. Raises RequestError ``arm-unknown``."""
    found = tuple(name.strip() for name in names.split(","))
    for name in found:
        known(name, ARMS, "arm", code="arm-unknown")
    return found
