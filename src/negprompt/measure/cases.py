"""Four cases on the same seeds: a negative that helped, did nothing, harmed, or did not apply."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image

from negprompt.engine import Request
from negprompt.measure.compare import Comparison, compare
from negprompt.measure.sheet import Strip, draw
from negprompt.measure.verdict import counted
from negprompt.models.load import Model
from negprompt.world.judge import Judge

PAIRS = 32
SHOWN = 8
"""Pairs on the picture: the first ones, not the best ones."""


@dataclass(frozen=True, slots=True)
class Case:
    """A prompt, a negative, and the one thing to watch, which ``watched`` names."""

    kind: str
    prompt: str
    negative: str
    watched: str


CASES: Final = (
    Case("helped", "a green person in a forest", "hat", "hat"),
    Case("did nothing", "a red house in a forest", "border", "border"),
    Case("harmed", "a red house on a beach", "warm colors, red", "red"),
    Case("irrelevant", "a blue fish in a studio", "extra fingers", "fish"),
)


def cases(
    model: Model, judge: Judge, on_step: Callable[[int, int], None]
) -> tuple[Comparison, ...]:
    """Run every case at PAIRS seeds; ``on_step(done, total)`` counts the steps of all."""
    found = []
    for place, case in enumerate(CASES):
        asked = Request(
            prompt=case.prompt, negative=(case.negative,), model=model.name, count=PAIRS
        )

        def steps(done: int, total: int, place: int = place) -> None:
            on_step(place * total + done, len(CASES) * total)

        found.append(compare(asked, model=model, judge=judge, on_step=steps))
    return tuple(found)


def sentences(found: Sequence[Comparison]) -> tuple[str, ...]:
    """What happened in each case to what is watched."""
    return tuple(
        f"{case.kind}: {case.prompt}; negative: {case.negative}. "
        + counted(case.watched, one.presence(case.watched))
        for case, one in zip(CASES, found, strict=True)
    )


def picture(found: Sequence[Comparison]) -> Image.Image:
    """The first SHOWN pairs of every case, and the sentences below."""
    strips = []
    for case, one in zip(CASES, found, strict=True):
        for side, arm in ((case.kind, one.without), (f"− {case.negative}", one.steered)):
            strips.append(Strip(side, arm.images[:SHOWN]))
    return draw(strips, ["the same seeds without and with a negative"], sentences(found))
