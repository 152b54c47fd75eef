"""What the seam sees → what each term did at each step, and the points of the plane at one step.

All comparisons are made at one noisy sample: the prediction is asked for again under another
condition, which costs a pass but changes nothing in the run. ``Watch`` observes the run with the
negative; ``Look`` observes the run of the prompt alone, in whose samples neither baseline has had
a say.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from negprompt.encoding.types import Encoded
from negprompt.engine import Request
from negprompt.guidance.hook import Seen
from negprompt.guidance.rules import RULES, Branches
from negprompt.guidance.wrappers import rescale
from negprompt.measure.explain.findings import StepEffect
from negprompt.measure.explain.leave_out import Negatives
from negprompt.measure.explain.where import Map, strength


@dataclass(frozen=True, slots=True)
class Questions:
    """What is asked at the noisy samples of a run."""

    full: Negatives
    """The negative as it is."""
    without: tuple[Negatives, ...]
    """The negative without each of its terms."""
    growing: tuple[Negatives, ...]
    """The negative with its first 0, 1, … terms."""
    null: Encoded
    encoded: Mapping[str, Encoded]
    """Every text of the above."""
    target: Encoded | None
    at: int
    """The step whose predictions are kept as points."""


@dataclass(slots=True)
class Watch:
    """The observer of the run with the negative; see the module's docstring."""

    request: Request
    questions: Questions
    steps: list[StepEffect] = field(default_factory=list)
    maps: list[Map] = field(default_factory=list)
    """For each term |Δ prediction| summed over the steps so far, for the first image."""

    @torch.no_grad()
    def __call__(self, seen: Seen) -> None:
        """Take one model call; those in the middle of a step are passed over."""
        if seen.step.stage != 1:
            return
        asked = _Asked(seen, self.questions, self.request)
        g, g0 = seen.guided, asked.guided(())
        changes = [g - asked.guided(baseline) for baseline in self.questions.without]
        self.steps.append(_step(seen, asked.mean(self.questions.full), g - g0, changes))
        first = [strength(seen.picture(change)[0].float().cpu().numpy()) for change in changes]
        self.maps = [a + b for a, b in zip(self.maps, first, strict=True)] if self.maps else first


@dataclass(slots=True)
class Look:
    """The observer of the prompt alone, which looks at one step; see the module's docstring.

    ``request`` says how guidance would act there: rule, scale, rescale.
    """

    request: Request
    questions: Questions
    points: dict[str, Tensor] = field(default_factory=dict)
    """Predictions of the clean sample ``[b, ...]``, by the names of Point."""
    growing: list[Tensor] = field(default_factory=list)
    """Guided predictions of the clean sample, for the first 0, 1, … terms."""

    @torch.no_grad()
    def __call__(self, seen: Seen) -> None:
        """Take one model call; all but one are passed over."""
        if seen.step.stage != 1 or seen.step.index != self.questions.at:
            return
        asked = _Asked(seen, self.questions, self.request)
        self.points = {name: seen.clean(point).cpu() for name, point in asked.points().items()}
        guided = [asked.guided(negatives) for negatives in self.questions.growing]
        self.growing = [seen.clean(point).cpu() for point in guided]


@dataclass(slots=True)
class _Asked:
    """Predictions under any condition at one noisy sample, each made once."""

    seen: Seen
    questions: Questions
    request: Request
    known: dict[str, Tensor] = field(init=False, default_factory=dict)
    null: Tensor = field(init=False)

    def __post_init__(self) -> None:
        """Take over what the run itself has predicted."""
        texts = [text for text, _ in self.questions.full]
        found = self.seen.branches.negatives
        if texts:
            self.known = dict(zip(texts, found, strict=True)) if found else {}
            self.null = self.seen.predict(self.questions.null)
        else:
            self.null = found[0] if found else self.seen.predict(self.questions.null)

    def text(self, text: str) -> Tensor:
        if text not in self.known:
            self.known[text] = self.seen.predict(self.questions.encoded[text])
        return self.known[text]

    def each(self, negatives: Negatives) -> tuple[Tensor, ...]:
        return tuple(self.text(text) for text, _ in negatives) or (self.null,)

    def mean(self, negatives: Negatives) -> Tensor:
        """The weighted mean that composed guidance steers away from."""
        weights = [weight for _, weight in negatives] or [1.0]
        pairs = zip(weights, self.each(negatives), strict=True)
        return torch.stack([w * n for w, n in pairs]).sum(0) / math.fsum(weights)

    def guided(self, negatives: Negatives) -> Tensor:
        """What the request's own rule makes of another negative at this sample."""
        weights = [weight for _, weight in negatives] or [1.0]
        rule = RULES[self.request.rule](self.request.cfg, weights=weights)
        branches = Branches(self.seen.branches.positive, self.each(negatives))
        guided, _ = rescale(rule, self.request.rescale)(branches, self.seen.step)
        return guided

    def points(self) -> dict[str, Tensor]:
        full = self.questions.full
        several = {f"negative {i}": n for i, n in enumerate(self.each(full), 1)}
        points = {
            "unconditioned": self.null,
            "conditioned": self.seen.branches.positive,
            "negative": self.mean(full),
            **(several if len(full) > 1 else {}),
            "guided without": self.guided(()),
            "guided": self.guided(full),
        }
        if self.questions.target is not None:
            points["target"] = self.seen.predict(self.questions.target)
        return points


def _step(seen: Seen, n: Tensor, turned: Tensor, changes: Sequence[Tensor]) -> StepEffect:
    p, g = seen.branches.positive, seen.guided
    return StepEffect(
        index=seen.step.index,
        log_snr=seen.step.log_snr,
        apart=_length(p - n),
        cosine=float(torch.cosine_similarity(_rows(p), _rows(n)).mean()),
        push=_length(g - p),
        turned=_length(turned),
        terms=tuple(_length(change) for change in changes),
    )


def _rows(prediction: Tensor) -> Tensor:
    return prediction.flatten(1).float()


def _length(difference: Tensor) -> float:
    """Mean over images of the Euclidean norm."""
    return float(_rows(difference).norm(dim=1).mean())
