"""Batches of pictures → what is kept of them: readings, small colour layouts, changes.

What is kept of a picture is a few hundred bytes, so memory does not grow with the pictures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from negprompt.measure.ablate.gallery import Batch
from negprompt.measure.ablate.question import Arm
from negprompt.measure.explain.leave_out import Negatives

LAYOUT: Final = 12
"""Pixels of a side of the small picture whose differences are an arm's variety."""
MAP: Final = 48
"""Pixels of a side of the map of where an arm differs."""


@dataclass(slots=True)
class Column:
    """What is kept of one arm, row by row; a row is a prompt and a seed."""

    readings: dict[str, list[float | None]] = field(default_factory=dict)
    seen: list[frozenset[str]] = field(default_factory=list)
    """All that the probe sees in each picture; empty where it cannot say that."""
    layouts: list[NDArray[np.uint8]] = field(default_factory=list)
    paths: list[Any] = field(default_factory=list)
    push: list[float | None] = field(default_factory=list)

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.paths)


@dataclass(slots=True)
class Moved:
    """How far one arm's pictures are from another's, on the same seeds."""

    amounts: list[float] = field(default_factory=list)
    """Mean absolute difference of each pair, in [0, 1]."""
    largest: float = 0.0
    """The largest difference of any value of any pair."""
    total: NDArray[np.float64] = field(default_factory=lambda: np.zeros((MAP, MAP)))
    """Where they differ, summed over the pairs."""

    def add(self, reference: Sequence[Image.Image], images: Sequence[Image.Image]) -> None:
        """Take pairs."""
        for one, other in zip(reference, images, strict=True):
            a, b = (np.asarray(i.convert("RGB"), np.float32) / 255 for i in (one, other))
            apart = np.abs(a - b)
            self.amounts.append(float(apart.mean()))
            self.largest = max(self.largest, float(apart.max()))
            small = Image.fromarray(apart.mean(-1)).resize((MAP, MAP), Image.Resampling.BOX)
            self.total += np.asarray(small, np.float64)

    @property
    def map(self) -> NDArray[np.float64]:
        """Mean absolute difference at each place ``[48, 48]``."""
        return np.asarray(self.total / max(1, len(self.amounts)))


@dataclass(slots=True)
class Tally:
    """All that is kept of a run."""

    columns: dict[Negatives, Column] = field(default_factory=dict)
    moved: dict[tuple[Negatives, Negatives], Moved] = field(default_factory=dict)
    prompts: list[int] = field(default_factory=list)
    """Number of the prompt of each row."""

    def column(self, arm: Arm) -> Column:
        """What is kept of an arm so far."""
        return self.columns.setdefault(arm.negatives, Column())

    def between(self, without: Arm, steered: Arm) -> Moved:
        """How far two arms lie apart so far."""
        return self.moved.setdefault((without.negatives, steered.negatives), Moved())

    def add(
        self,
        arm: Arm,
        batch: Batch,
        readings: Mapping[str, Sequence[float | None]],
        seen: Sequence[frozenset[str]],
    ) -> None:
        """Take a batch of an arm."""
        column = self.column(arm)
        for term, values in readings.items():
            column.readings.setdefault(term, []).extend(values)
        column.seen.extend(seen)
        column.paths.extend(batch.paths)
        column.push.extend(batch.push)
        column.layouts.extend(map(layout, batch.images))


def layout(image: Image.Image) -> NDArray[np.uint8]:
    """The colours of a picture at 12×12 places, flat ``[432]``."""
    small = image.convert("RGB").resize((LAYOUT, LAYOUT), Image.Resampling.BOX)
    return np.asarray(small, np.uint8).reshape(-1)
