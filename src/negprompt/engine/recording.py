"""What the seam saw → events of the trace; numbers stay where the model works until a batch ends.

Reading a number from a GPU waits for all that it has to do, so no step reads one.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from negprompt.errors import ModelError
from negprompt.trace import events

if TYPE_CHECKING:
    from torch import Tensor

    from negprompt.guidance.hook import Seen
    from negprompt.guidance.rules import Step


@dataclass(frozen=True, slots=True)
class _Measured:
    """One model call."""

    step: "Step"
    passes: int
    first: int
    """Number of its first image."""
    held: bool
    """Whether there was a negative to be held against."""
    numbers: "Tensor"
    """``‖g − p‖, ‖p − n‖, ⟨p, n⟩, ‖p‖·‖n‖`` by image, n the mean of the negatives: ``[4, b]``."""


@dataclass(slots=True)
class Recorder:
    """Takes model calls; gives events, progress, and calls of the user's own observer."""

    weights: tuple[float, ...]
    count: int
    size: int
    """Images of a batch, the last one aside."""
    on_step: Callable[[int, int], None] | None
    observe: "Callable[[Seen], None] | None"
    batch: int = 0
    _measured: list[_Measured] = field(default_factory=list)
    _told: list[events.Stepped] = field(default_factory=list)

    @property
    def batches(self) -> int:
        """Batches of the whole run."""
        return math.ceil(self.count / self.size)

    def __call__(self, seen: "Seen") -> None:
        """Take one model call. Raises as ``events`` does at the last step of a batch."""
        self._measured.append(_measured(seen, self.weights, self.batch * self.size))
        if self.on_step is not None:
            total = seen.step.total
            self.on_step(self.batch * total + seen.step.index + 1, self.batches * total)
        if self.observe is not None:
            self.observe(seen)
        if seen.step.index + 1 == seen.step.total:
            self.events()

    def events(self) -> Sequence[events.Stepped]:
        """What happened so far, image by image. Raises ModelError ``prediction-not-finite``."""
        if self._measured:
            import torch

            numbers = torch.stack([one.numbers for one in self._measured]).tolist()
            for one, columns in zip(self._measured, numbers, strict=True):
                self._told.extend(_told(one, columns))
            self._measured.clear()
        return self._told


def _measured(seen: "Seen", weights: Sequence[float], first: int) -> _Measured:
    import torch

    p = seen.branches.positive.flatten(1).float()
    moved = (seen.guided.flatten(1).float() - p).norm(dim=1)
    numbers = [moved] * 4
    if seen.branches.negatives:
        pairs = zip(weights, seen.branches.negatives, strict=True)
        n = sum((w * negative.flatten(1).float() for w, negative in pairs), 0 * p) / sum(weights)
        apart, dots = (p - n).norm(dim=1), (p * n).sum(dim=1)
        numbers = [moved, apart, dots, p.norm(dim=1) * n.norm(dim=1)]
    held = bool(seen.branches.negatives)
    return _Measured(seen.step, seen.passes, first, held, torch.stack(numbers))


def _told(one: _Measured, numbers: Sequence[Sequence[float]]) -> Iterator[events.Stepped]:
    """One event per image of a model call."""
    for place, (moved, apart, dot, length) in enumerate(zip(*numbers, strict=True)):
        if not math.isfinite(moved):
            raise ModelError(
                f"at step {one.step.index} the model predicts numbers that are not finite",
                code="prediction-not-finite",
                cure="use smaller weights or a lower scale, or load the model in float32",
            )
        yield events.Stepped(
            image=one.first + place,
            index=one.step.index,
            total=one.step.total,
            log_snr=one.step.log_snr,
            passes=one.passes,
            norm_positive_minus_negative=apart if one.held else None,
            cosine=dot / length if one.held and length else None,
            norm_guided_minus_positive=moved,
        )
