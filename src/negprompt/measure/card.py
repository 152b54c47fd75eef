"""A model and its judges → the figures of the model's card, each with interval, n and aim.

The pictures come from diffusers' own pipeline without any negative, so the card is about the model
alone. Every figure is given by each judge.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from negprompt.measure.arms import Bench, batches, seen
from negprompt.measure.held_out import Held, balanced, fingers, held_out, limited, through
from negprompt.measure.memory import Readings, joined
from negprompt.measure.statistics import Interval, wilson
from negprompt.models.load import quiet
from negprompt.world.captions import truth
from negprompt.world.factors import BINARY, CONCEPTS, PLACES, rate
from negprompt.world.judge import CLASSES, Reading
from negprompt.world.scenes import Scene, sample
from negprompt.world.train.data import HELD_OUT

FIRST = HELD_OUT + 1_000_000
"""Seeds of the scenes that prompts are made of; none was trained on, none is in a figure twice."""
SCALE, STEPS = 4.0, 25
AIMS: Mapping[str, float] = {"subject": 0.90, "colour": 0.85, "place": 0.90, "style": 0.85}
NAMED_AIM, WORLD_AIM, FINGERS_AIM = 0.80, 0.10, 0.95
RENDERS_AIM, AUTOENCODED_AIM = 0.98, 0.95
NAMED_RATE = 0.3
"""Defects with a lower naming rate are not asked for by name."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured."""

    prompts: int = 1000
    """Prompts that name subject, colour, place and style; every second one names a defect too."""
    silent: int = 480
    """Prompts at scale 1 that are silent about every defect."""
    biased: int = 64
    """Prompts at scale 1 for each concept that belongs to a subject or a place."""
    scenes: int = 1000
    """Held-out renders."""
    limited: int = 300
    """Held-out renders for each concept that cannot occur everywhere."""

    @property
    def pictures(self) -> int:
        """Pictures looked at in all; renders count twice."""
        renders = self.scenes + self.limited * len(limited())
        return self.prompts + self.silent + self.biased * len(_at_home()) + 2 * renders


QUICK = Extent(prompts=64, silent=64, biased=16, scenes=128, limited=32)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of the card."""

    section: str
    name: str
    n: int
    by: Mapping[str, Interval]
    """What it is by each judge."""
    aim: tuple[float, float] | None = None
    """Where it should lie."""
    world: float | None = None
    """The world's own rate."""

    def met(self, judge: str) -> bool | None:
        """Whether it lies there by this judge; None where nothing is aimed at."""
        return None if self.aim is None else self.aim[0] <= self.by[judge].rate <= self.aim[1]

    def to_json(self) -> dict[str, Any]:
        """The figure as JSON takes it."""
        judges = {name: i.to_json() | {"met": self.met(name)} for name, i in self.by.items()}
        named = {"section": self.section, "name": self.name, "n": self.n, "world": self.world}
        return named | {"aim": self.aim, "judges": judges}


def card(
    bench: Bench, extent: Extent, on_figure: Callable[[Figure], None] = lambda _figure: None
) -> tuple[Figure, ...]:
    """Measure the whole card; ``on_figure`` is told each figure as it is found."""
    found = []
    for part in (_generated, _silent, _biased, _judges):
        for figure in part(bench, extent):
            on_figure(figure)
            found.append(figure)
    return tuple(found)


def prompts(count: int) -> tuple[tuple[Scene, str | None, str], ...]:
    """Scene, defect that is named or None, and prompt, from fresh seeds."""
    named = [c for c in CONCEPTS.values() if c.kind == "defect" and c.naming_rate >= NAMED_RATE]
    found = []
    for k in range(count):
        defect = named[k // 2 % len(named)] if k % 2 else None
        fixed = _home(defect.only) if defect is not None and defect.only else {}
        scene = sample(FIRST + k, **fixed)
        said = sentence(scene)
        if defect is not None:
            said = f"{said}, {defect.words[0]}"
        found.append((scene, None if defect is None else defect.name, said))
    return tuple(found)


def sentence(scene: Scene) -> str:
    """``illustration of a red cat in a meadow``: all four factors, silent about everything else."""
    return truth(replace(scene, present=frozenset())).partition(",")[0]


def _generated(bench: Bench, extent: Extent) -> Iterator[Figure]:
    section = f"generated, scale {SCALE:g}, {STEPS} steps"
    asked = prompts(extent.prompts)
    readings = _drawn(bench, [said for _, _, said in asked], scale=SCALE)
    for factor, aim in AIMS.items():
        right = [getattr(scene, factor) for scene, _, _ in asked]
        by = {name: _share(_same(r.label(factor), right)) for name, r in readings.items()}
        yield Figure(section, f"{factor} right", len(asked), by, aim=(aim, 1.0))
    named = {k: name for k, (_, name, _) in enumerate(asked) if name is not None}
    for which in ("a named defect", *dict.fromkeys(named.values())):
        chosen = {k: n for k, n in named.items() if which in (n, "a named defect")}
        by = {name: _share(_appeared(r, chosen)) for name, r in readings.items()}
        aim_of = (NAMED_AIM, 1.0) if which == "a named defect" else None
        yield Figure(section, f"{which} appears", len(chosen), by, aim=aim_of)


def _silent(bench: Bench, extent: Extent) -> Iterator[Figure]:
    """Rates of what can be anywhere, at scale 1, for prompts that are silent about it."""
    scenes = [sample(FIRST + 100_000 + k) for k in range(extent.silent)]
    readings = _drawn(bench, [_where(scene) for scene in scenes], scale=1.0)
    for name in BINARY:
        if not CONCEPTS[name].only:
            yield _against_world(name, scenes, readings)


def _biased(bench: Bench, extent: Extent) -> Iterator[Figure]:
    """Rates of what belongs somewhere, there, at scale 1, for prompts that are silent about it."""
    for number, (name, home) in enumerate(_at_home().items()):
        first = FIRST + 200_000 + 10_000 * number
        scenes = [sample(first + k, **_home((home,))) for k in range(extent.biased)]
        readings = _drawn(bench, [_where(scene) for scene in scenes], scale=1.0)
        yield _against_world(name, scenes, readings, home=home)


def _judges(bench: Bench, extent: Extent) -> Iterator[Figure]:
    """The judges' balanced accuracies, and whether fingers survive the autoencoder."""
    held = held_out(extent.scenes, extent.limited)
    for where, aim, autoencoded in (
        ("renders", RENDERS_AIM, False),
        ("autoencoded renders", AUTOENCODED_AIM, True),
    ):
        readings = through(bench, held, autoencoded=autoencoded)
        section = f"judges on held-out legible {where}, balanced accuracy"
        for factor in (*CLASSES, *BINARY):
            by, n = _balanced(readings, held, factor)
            yield Figure(section, factor, n, by, aim=(aim, 1.0))
        if autoencoded:
            hands = {name: fingers(reading, held) for name, reading in readings.items()}
            n = next(iter(hands.values())).n
            by = {name: found.rate for name, found in hands.items()}
            yield Figure("autoencoder", "finger count survives", n, by, aim=(FINGERS_AIM, 1.0))


def _balanced(
    readings: Readings, held: Sequence[Scene], factor: str
) -> tuple[dict[str, Interval], int]:
    found: dict[str, Held] = {name: balanced(r, held, factor) for name, r in readings.items()}
    return {name: one.rate for name, one in found.items()}, next(iter(found.values())).n


def _drawn(bench: Bench, said: Sequence[str], *, scale: float) -> Readings:
    """Read one picture for each prompt; the noise of prompt k is that of seed k."""
    parts = []
    for first, count in batches(0, len(said)):
        asked = {
            "prompts": list(said[first : first + count]),
            "seeds": list(range(first, first + count)),
            "scale": scale,
            "steps": STEPS,
        }
        parts.append(bench.look(asked, partial(_pictures, bench.model.pipe, asked)))
    return joined(parts)


def _pictures(pipe: Any, asked: Mapping[str, Any]) -> Any:
    import torch

    with quiet():
        return pipe(
            prompt=asked["prompts"],
            guidance_scale=asked["scale"],
            num_inference_steps=asked["steps"],
            generator=[torch.Generator("cpu").manual_seed(seed) for seed in asked["seeds"]],
        ).images


def _against_world(
    name: str, scenes: Sequence[Scene], readings: Readings, home: str | None = None
) -> Figure:
    world = sum(rate(CONCEPTS[name], s.subject, s.place) for s in scenes) / len(scenes)
    by = {judge: _share(seen(reading, name).tolist()) for judge, reading in readings.items()}
    aim = (max(0.0, world - WORLD_AIM), min(1.0, world + WORLD_AIM))
    where = name if home is None else f"{name} with {home}"
    return Figure("generated, scale 1, silent prompts", where, len(scenes), by, aim, world=world)


def _where(scene: Scene) -> str:
    """``a red cat in a meadow``: silent about style and quality."""
    return sentence(scene).partition(" of ")[2]


def _at_home() -> dict[str, str]:
    """Concept → the subject or place that it belongs to most."""
    some = {c.name: c for c in CONCEPTS.values() if c.under or (c.only and c.kind == "defect")}
    return {n: max(c.under, key=lambda k: c.under[k], default=c.only[0]) for n, c in some.items()}


def _home(only: Sequence[str]) -> dict[str, str]:
    """What pins a scene to the first subject or place of several."""
    return {"place" if only[0] in PLACES else "subject": only[0]}


def _appeared(reading: Reading, named: Mapping[int, str]) -> list[bool]:
    return [bool(seen(reading, name)[k]) for k, name in named.items()]


def _same(said: Sequence[str], right: Sequence[str]) -> list[bool]:
    return [one == other for one, other in zip(said, right, strict=True)]


def _share(true: Sequence[bool]) -> Interval:
    return wilson(sum(true), len(true))
