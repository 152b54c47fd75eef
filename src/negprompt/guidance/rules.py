"""Predictions → one prediction. Each rule is a function that fits on a screen.

A rule adds and subtracts predictions of one model at one noisy sample; it knows no pipeline, no
scheduler and no prompt, and it needs only the arithmetic of its tensors, so nothing is imported
here that would load torch. A rule that is built from differences of predictions gives the same
image whether the model predicts noise, velocity or flow.

A rule holds no state: what it must remember from step to step it returns, and the run hands it
back. Tensors in that state lead with the image axis.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from negprompt.errors import RequestError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Step:
    """Where a model call stands in its run: all that a rule may know besides the predictions."""

    index: int
    """Step, from 0."""
    total: int
    """Number of steps in the run."""
    log_snr: float
    """Log signal-to-noise ratio of the sample, finite: clipped to ±20."""
    stage: int = 1
    """1, or 2 in the second model call of a step of a second-order solver."""


@dataclass(frozen=True, slots=True)
class Needs:
    """The branches that a rule wants evaluated at a step; the positive always is."""

    negatives: tuple[int, ...] = ()
    """Positions of the negatives in the bank."""
    null: bool = False
    """Whether the prediction without any condition is wanted."""


@dataclass(frozen=True, slots=True)
class Branches:
    """Predictions of one model at one noisy sample, each ``[b, ...]`` with one row per image."""

    positive: "Tensor"
    negatives: tuple["Tensor", ...] = ()
    """In the order in which the rule asked for them."""
    null: "Tensor | None" = None


Combined = tuple["Tensor", Any]  # the guided prediction, and what the rule remembers


@dataclass(frozen=True, slots=True)
class Rule:
    """A guidance rule, ready for one run: its name and settings are recorded with the image."""

    name: str
    needs: Callable[[Step, Any], Needs]
    combine: Callable[[Branches, Step, Any], Combined]
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, branches: Branches, step: Step, state: Any = None) -> Combined:
        """The guided prediction ``[b, ...]`` and the state for the next call."""
        return self.combine(branches, step, state)


def cfg(scale: float, *, weights: Sequence[float] = (1.0,)) -> Rule:
    """Classifier-free guidance, composed: ``p + (s − 1)·Σ wᵢ(p − nᵢ) / Σ wᵢ``.

    With one negative this is ``n + s(p − n)``, whatever its weight, and is computed in that form.
    Ho & Salimans 2022, arXiv:2207.12598; several conditions: Liu et al. 2022, arXiv:2206.01714.
    1 + K passes a step; one pass at scale 1, where the negatives cancel.

    Raises RequestError for a scale that is not finite and for weights without a sum above 0.
    """
    _check(scale, weights)
    total = math.fsum(weights)
    wanted = Needs(negatives=tuple(range(len(weights))) if scale != 1 else ())

    def combine(branches: Branches, step: Step, state: Any) -> Combined:
        p, negatives = branches.positive, branches.negatives
        if scale == 1 or not negatives:
            return p, state
        if len(negatives) == 1:
            (n,) = negatives
            return n + scale * (p - n), state
        push = p * 0.0
        for w, n in zip(weights, negatives, strict=True):
            push = push + (w / total) * (p - n)
        return p + (scale - 1) * push, state

    return Rule("cfg", lambda step, state: wanted, combine, {"scale": scale, "weights": weights})


def composed(
    parts: Sequence["Tensor"],
    shares: Sequence[float],
    negatives: Sequence["Tensor"] = (),
    weights: Sequence[float] = (),
) -> "Tensor":
    """Several conditions as one: ``m + Σ wᵢ(pᵢ − m)``, where ``m = Σ vⱼnⱼ / Σ vⱼ``.

    Guided at scale s against the mean m of the negatives this is ``m + s·Σ wᵢ(pᵢ − m)``, which is
    A1111's AND. Where the shares wᵢ add up to 1, m cancels and no negative is needed.
    Liu et al. 2022, arXiv:2206.01714.
    """
    total = math.fsum(weights)
    made = sum((w * p for w, p in zip(shares, parts, strict=True)), parts[0] * 0.0)
    for v, n in zip(weights, negatives, strict=True):
        made = made + (1 - math.fsum(shares)) * (v / total) * n
    return made


RULES: Mapping[str, Callable[..., Rule]] = {"cfg": cfg}
"""Every rule by the name under which a request asks for it."""


def _check(scale: float, weights: Sequence[float]) -> None:
    if not math.isfinite(scale):
        raise RequestError(
            f"the guidance scale is {scale}",
            code="value-out-of-range",
            cure="give a finite number such as 4",
        )
    total = sum(weights)
    if not (math.isfinite(total) and total > 0):
        raise RequestError(
            f"the weights of the negatives, {tuple(weights)}, add up to {total:g}",
            code="negative-weight-invalid",
            cure="choose weights whose sum is above 0 and finite",
        )
