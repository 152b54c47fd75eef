"""What ``explain`` found, in numbers, words and pictures; and the same as JSON."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from negprompt.engine import Cost, Request
from negprompt.errors import Notice
from negprompt.measure.explain.target import Target
from negprompt.measure.explain.where import Map
from negprompt.policy.plan import Plan

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, slots=True)
class StepEffect:
    """What happened at one step of the run with the negative.

    Norms are Euclidean, over all elements of one image's prediction in the model's own units (noise
    or velocity), and means over the seeds.
    """

    index: int
    """Step, from 0."""
    log_snr: float
    """Log signal-to-noise ratio, clipped to ±20: finite also at zero terminal SNR."""
    apart: float
    """‖p − n‖, prompt and negative."""
    cosine: float
    """cos(p, n)."""
    push: float
    """‖g − p‖: how far guidance moved the prediction."""
    turned: float
    """‖g − g₀‖, g₀ guided from the same noisy sample without the negative."""
    terms: tuple[float, ...]
    """For each term ‖g − g₋‖, g₋ guided from the same noisy sample without that term."""


@dataclass(frozen=True, slots=True)
class TermEffect:
    """One term of the negative, and what leaving it out changes on the same seeds."""

    text: str
    weight: float
    branch: int
    """Which of the negatives it is in, from 0."""
    tokens: tuple[tuple[str, float], ...]
    """Text and weight of each of its tokens."""
    share: float
    """Its ‖g − g₋‖ over all steps, divided by the ‖g − p‖ of guidance as a whole."""
    image_change: float
    """Mean absolute difference of pixels to the run without it, 0–255, over all seeds."""
    area: float
    """Smallest part of the picture that holds half of where it acted, 0–1; first seed."""
    outside: float | None
    """Share of the pixel difference that lies outside of that area; absent for no difference."""
    acted: Map
    """|Δ prediction| summed over the steps, on the latent's grid; first seed."""
    changed: Map
    """Absolute difference of pixels to the run without it, 0–255; first seed."""


@dataclass(frozen=True, slots=True)
class Point:
    """One prediction of the clean picture, and where it lies on the plane."""

    name: str
    """``unconditioned``, ``conditioned``, ``negative`` (``negative 1`` … where several are
    composed), ``guided``, ``guided without`` or ``target``."""
    x: float
    """Along the arrow from unconditioned to conditioned, whose length is 1."""
    y: float
    """Across it, within the plane."""
    off: float
    """Distance from the plane."""
    to_target: float | None
    """Distance to the target; absent where no target is known."""
    picture: "Image"
    """The prediction for the first seed, decoded."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """The picture of the baseline: predictions at one step of the prompt alone, on a plane.

    All lengths count in arrows: 1 is the distance from unconditioned to conditioned.
    """

    step: int
    log_snr: float
    unit: float
    """Length of an arrow: root mean square over the seeds, in units of the latent."""
    points: tuple[Point, ...]
    turn: float | None
    """Degrees by which the negative turned the arrow; absent where there is no arrow."""
    moved: float
    """‖n − u‖: how far the negative moved the baseline."""
    target: Target | None
    """Absent on models whose world is not known."""
    scales: tuple[float, ...]
    by_scale: tuple[float, ...]
    """Distance of the guided prediction to the target at each scale; empty without target."""
    by_scale_without: tuple[float, ...]
    """The same without the negative."""
    nearest: float | None
    """The scale that comes nearest to the target with the negative."""
    nearest_without: float | None
    """The same without the negative."""
    by_terms: tuple[float, ...]
    """Distance to the target with the first 0, 1, … terms, in the order typed."""

    def point(self, name: str) -> Point | None:
        """The point of this name."""
        return next((point for point in self.points if point.name == name), None)


@dataclass(frozen=True, slots=True)
class Meaning:
    """A negative used as a prompt: what the run steers away from."""

    text: str
    images: tuple["Image", ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The three questions, each answered in one line from the numbers."""

    leverage: str
    cost: str
    risk: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that ``explain`` found."""

    request: Request
    """With the model's defaults filled in."""
    plan: Plan
    notices: tuple[Notice, ...]
    seeds: tuple[int, ...]
    images: tuple["Image", ...]
    """With the negative."""
    images_without: tuple["Image", ...]
    """The same seeds without it."""
    image_change: float
    """Mean absolute difference of pixels between the two, 0–255, over all seeds."""
    changed: Map
    """Absolute difference of pixels between the two for the first seed, 0–255."""
    cost: Cost
    cost_without: Cost
    steps: tuple[StepEffect, ...]
    terms: tuple[TermEffect, ...]
    meaning: tuple[Meaning, ...]
    baseline: Baseline
    verdict: Verdict


def to_json(explanation: Explanation) -> dict[str, Any]:
    """An explanation as a dictionary that ``json.dumps`` takes, without what LEFT_OUT names."""
    request = explanation.request
    answer: dict[str, Any] = {
        "prompt": request.prompt,
        "effective_negative": explanation.plan.effective_negative,
        "raw_negative": explanation.plan.raw_negative,
        "model": request.model,
        "scale": request.cfg,
        "steps_total": request.steps,
        "seeds": explanation.seeds,
        "notices": [{"code": notice.code, "text": notice.text} for notice in explanation.notices],
        "cost": _of(explanation.cost),
        "cost_without": _of(explanation.cost_without),
        "image_change": explanation.image_change,
        "terms": [_of(term) for term in explanation.terms],
        "steps": [_of(step) for step in explanation.steps],
        "baseline": _baseline(explanation.baseline),
        "verdict": _of(explanation.verdict),
    }
    plain: dict[str, Any] = _plain(answer)
    return plain


LEFT_OUT = ("acted", "changed", "picture", "seconds")
"""Maps and pictures, and a time that is that of explaining, not of the images."""


def _of(value: Any) -> dict[str, Any]:
    """The fields of a dataclass that are numbers and words."""
    names = [name for name in value.__dataclass_fields__ if name not in LEFT_OUT]
    return {name: getattr(value, name) for name in names}


def _baseline(baseline: Baseline) -> dict[str, Any]:
    return {
        **_of(baseline),
        "points": [_of(point) for point in baseline.points],
        "target": None if baseline.target is None else _of(baseline.target),
    }


def _plain(value: Any) -> Any:
    """Numbers that JSON cannot hold become null, tuples lists."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value
