"""Prompt, negative, seeds → what the judges saw, batch by batch.

The two arms of a comparison run in batches of the same shape on the same seeds, so that nothing
but the negative sets them apart.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from negprompt.engine import BATCH, Request, run
from negprompt.measure.memory import Memory, Readings, joined
from negprompt.models.load import Model
from negprompt.world.judge import Judge, Reading

SEEN_FROM = 0.5
"""A concept counts as seen where the judge gives it a higher probability."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How every picture of a measurement is made."""

    n: int
    """Pictures an arm."""
    scale: float = 2.0
    """At 4 these weights hardly draw a defect unasked, and there is nothing to take away."""
    steps: int = 25
    seed: int = 0
    """Seed of the first picture of every arm."""

    def __post_init__(self) -> None:
        """Check every value as a request does."""
        self.request("", None, self.seed, self.n)

    def request(self, prompt: str, negative: str | None, seed: int, count: int) -> Request:
        """The request for some pictures of an arm."""
        texts = None if negative is None else (negative,)
        return Request(
            prompt=prompt, negative=texts, cfg=self.scale, steps=self.steps, seed=seed, count=count
        )


@dataclass(frozen=True, slots=True)
class Bench:
    """A model on the bench, the judges that look at its pictures, and what they have seen."""

    model: Model
    judges: Mapping[str, Judge]
    memory: Memory
    anew: bool = False
    """Look again at what is already in the memory."""
    on_images: Callable[[int], None] = lambda _count: None
    """Called with the number of pictures after each batch."""

    def arm(self, prompt: str, negative: str | None, setting: Setting) -> Readings:
        """What each judge saw in the ``setting.n`` pictures of one arm, in the order of seeds."""
        parts = []
        for first, count in batches(setting.seed, setting.n):
            request = setting.request(prompt, negative, first, count)
            parts.append(self.look(_asked(request), partial(_pictures, request, self.model)))
        return joined(parts)

    def look(self, asked: Mapping[str, Any], draw: Callable[[], Any]) -> Readings:
        """What the judges say of the pictures that ``draw`` makes to answer ``asked``."""

        def make() -> Readings:
            pictures = draw()
            return {name: judge.read(pictures) for name, judge in self.judges.items()}

        readings = self.memory.recall(asked, make, anew=self.anew)
        self.on_images(next(len(reading.present) for reading in readings.values()))
        return readings


def seen(reading: Reading, *concepts: str) -> NDArray[np.bool_]:
    """Whether a judge saw any of the concepts, for each picture ``[n]``."""
    each = np.stack([reading.presence(concept) > SEEN_FROM for concept in concepts])
    return np.asarray(each.any(axis=0), np.bool_)


def batches(seed: int, n: int) -> Iterator[tuple[int, int]]:
    """First seed and length of each batch."""
    for first in range(seed, seed + n, BATCH):
        yield first, min(BATCH, seed + n - first)


def _pictures(request: Request, model: Model) -> Any:
    return run(request, model=model).images


def _asked(request: Request) -> dict[str, Any]:
    """What an arm's batch depends on besides the weights."""
    asked = request.given
    asked.pop("model", None)  # the memory's folder knows the weights
    return asked
