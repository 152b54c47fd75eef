"""A pipeline that is steered: what guides each of its calls, and what was done so far."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from negprompt.engine.inert import distilled_notices, inert_notices
from negprompt.engine.request import Request
from negprompt.engine.run import banks
from negprompt.engine.said import Said, plans
from negprompt.errors import Notice
from negprompt.guidance.rules import RULES, Rule, Step
from negprompt.guidance.wrappers import rescale
from negprompt.language import unfold
from negprompt.policy.plan import STEPS, Plan

if TYPE_CHECKING:
    from negprompt.encoding.encoders import Encoders
    from negprompt.guidance.hook import Bank, Seam
    from negprompt.models.families import Family

NOTHING = unfold("", "plain", steps=STEPS).parts
"""What is encoded here for the prompt: the pipeline encodes its own."""


@dataclass(slots=True)
class Steering:
    """What ``steer`` does, and did so far."""

    pipe: Any = field(repr=False)
    family: "Family" = field(repr=False)
    request: Request
    """What ``steer`` was given; its prompt is empty."""
    own_rescale: bool = True
    """Whether each call of the pipeline is rescaled as it asks for itself."""
    plan: Plan = field(init=False)
    """Of the last call; without policies its positive is empty, since no prompt is read."""
    seam: "Seam" = field(init=False, repr=False)
    scales: list[float] = field(default_factory=list)
    """Guidance scale of each run of the pipeline."""
    said: Said | None = None
    """What the last call said; None without policies."""
    _encoders: "Encoders" = field(init=False, repr=False)
    _course: "Callable[[int], Callable[[Step], Bank]]" = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Plan what needs no call. Raises as ``plan`` and ``condition`` do."""
        self._encoders = self.family.encoders(self.pipe)
        self.plan = self.request.planned(self.family.name)
        self._course = self._courses(self.request, "")

    @property
    def passes(self) -> int:
        """Rows evaluated for one image, over all model calls."""
        return self.seam.passes

    @property
    def calls(self) -> int:
        """Model calls."""
        return self.seam.calls

    @property
    def notices(self) -> tuple[Notice, ...]:
        """Everything said without stopping; of the plans, what the last call's says."""
        known = [*self._planned(), *inert_notices(1.0 if 1 in self.scales else None, self.plan)]
        known += self._distilled()
        if self.seam.replaced and not self._heeded:
            known.append(
                Notice("negative-replaced", "the negative of the call gave way to that of steer()")
            )
        if self.seam.alone and self.scales[-1] != 1:
            known.append(
                Notice(
                    "negative-absent",
                    f"at {self.seam.alone} steps scale {self.scales[-1]:g} did nothing: the call "
                    "evaluates no negative; give steer() one, or turn the pipeline's guidance on",
                )
            )
        return tuple(known)

    def _planned(self) -> Iterator[Notice]:
        """What the plan says; a prompt that was not read is compared by the seam alone."""
        unread = self.said is None or not self.said.prompts
        unknowable = ("negative-equals-positive", "negative-inert") if unread else ()
        yield from (notice for notice in self.plan.notices if notice.code not in unknowable)
        if unread and self.said is not None:
            yield Notice(
                "prompt-unchecked",
                "the call brings embeddings for its prompt, so nobody has looked whether it asks "
                "for what a policy steers away from",
            )

    def _distilled(self) -> Iterator[Notice]:
        """What a distilled model does with negatives at each scale that a run had."""
        from negprompt.models.load import Model

        model = Model(self.pipe, self.request.model or type(self.pipe).__name__, self.family)
        for scale in dict.fromkeys(self.scales):
            yield from distilled_notices(model, scale, self.plan)

    @property
    def _heeded(self) -> bool:
        """Whether the negative of the last call is the one in the plan."""
        said = self.said
        return self.request.negative is None and said is not None and said.negative is not None

    def is_paired(self) -> bool:
        """Whether the pipeline hands over the two halves of its own guidance in one call."""
        return not self.family.fields.in_two_calls and bool(self.pipe.do_classifier_free_guidance)

    @property
    def scale(self) -> float:
        """Guidance scale of the call that is going on; 1 where its own guidance is off."""
        if self.request.cfg is not None:
            return self.request.cfg
        return float(self.pipe.guidance_scale) if self.is_paired() else 1.0

    @property
    def rescale(self) -> float:
        """Guidance rescale of the call that is going on."""
        own = getattr(self.pipe, "guidance_rescale", 0.0)
        return float(own) if self.own_rescale else self.request.rescale

    def rule(self) -> Rule:
        """The rule of a run that begins."""
        self.scales.append(self.scale)
        weights = tuple(negative.weight for negative in self.plan.negatives) or (1.0,)
        return rescale(RULES[self.request.rule](self.scale, weights=weights), self.rescale)

    def bank(self, step: Step) -> "Bank":
        """What conditions a step."""
        return self._course(step.total)(step)

    def hear(self, said: Said) -> dict[str, str]:
        """Plan the call that says this; return what is encoded in place of each prompt.

        Raises as ``plans`` and ``condition`` do.
        """
        own = said.negative if self.request.negative is None else self.request.negative
        asked = replace(self.request, negative=own, cfg=self.scale, rescale=self.rescale)
        found = plans(said, asked, self.family.name)
        first = next(iter(found.values()))
        self._course = self._courses(asked, next(iter(found)))
        notices = dict.fromkeys(notice for plan in found.values() for notice in plan.notices)
        self.plan, self.said = replace(first, notices=tuple(notices)), said
        self.seam.replaced = False
        return {prompt: plan.wanted for prompt, plan in found.items()}

    def _courses(self, asked: Request, prompt: str) -> "Callable[[int], Callable[[Step], Bank]]":
        """What conditions each step of a call of so many steps; no text is encoded twice.

        What cannot be encoded is told at once.
        """
        from negprompt.encoding.condition import condition

        null, encoders = asked.null or self.family.null(self.pipe), self._encoders

        @cache
        def course(steps: int) -> "Callable[[Step], Bank]":
            plan = replace(asked, steps=steps).planned(self.family.name, literal=prompt)
            made = condition(
                replace(plan, parts=NOTHING),
                encoders,
                scheme=asked.own_scheme,
                chunks=asked.own_chunks,
            )
            return banks(made.against, null=encoders.null(null), empty=encoders.null("empty"))

        course(STEPS)
        return course
