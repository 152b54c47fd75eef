"""The same rules on a diffusers pipeline that the user calls, in the user's own way."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from negprompt.engine.request import Request
from negprompt.engine.run import banks, inert_notices, texts_of
from negprompt.errors import Notice, RequestError
from negprompt.guidance.rules import RULES, Rule, Step
from negprompt.guidance.wrappers import rescale as rescaled
from negprompt.policy.plan import STEPS, Plan

if TYPE_CHECKING:
    from negprompt.encoding.choices import Null
    from negprompt.encoding.encoders import Encoders
    from negprompt.guidance.hook import Bank, Seam, Seen


@dataclass(slots=True)
class Steering:
    """What ``steer`` did so far."""

    plan: Plan
    """Its positive is empty: the prompt is the pipeline call's own."""
    seam: "Seam"
    scales: list[float] = field(default_factory=list)
    """Guidance scale of each run of the pipeline."""

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
        """Everything said without stopping."""
        # The plan compares with a prompt that is not known here; the seam compares conditions.
        unknowable = ("negative-equals-positive", "negative-inert")
        known = [notice for notice in self.plan.notices if notice.code not in unknowable]
        known += inert_notices(1.0 if 1 in self.scales else None, self.plan)
        if self.seam.replaced:
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


@contextmanager
def steer(
    pipe: Any,
    negative: str | Sequence[str] | None = None,
    *,
    negative_weights: Sequence[float] | None = None,
    rule: str = "cfg",
    scale: float | None = None,
    rescale: float | None = None,
    dialect: str = "a1111",
    scheme: str | None = None,
    observe: "Callable[[Seen], None] | None" = None,
) -> Iterator[Steering]:
    """Guide every call of a diffusers pipeline inside the ``with`` block.

    ``scale`` and ``rescale`` are those of each pipeline call where they are not given here;
    without a negative the call's own is used. Schedules are laid over the steps of each call. The
    pipeline is as it was afterwards.

    A pipeline of Flux evaluates its own negative in a second call, and only where its own
    ``true_cfg_scale`` is above 1: ``observe`` then sees the step twice, without and with it.

    Raises RequestError as Request does, ``already-steered``, and ``guidance-in-two-calls`` for a
    pipeline of Flux where no scale is given here; ModelError for a pipeline of a
    family that is not supported; PromptError where a negative cannot be encoded.
    """
    from negprompt.guidance.attaching import attached
    from negprompt.guidance.hook import Seam
    from negprompt.guidance.schedule import Clock
    from negprompt.models.families import family_of

    request = Request(
        prompt="", negative=texts_of(negative), cfg=scale, rescale=rescale or 0.0, rule=rule,
        negative_weights=None if negative_weights is None else tuple(negative_weights),
        dialect=dialect, scheme=scheme,
    )  # fmt: skip
    planned = request.planned()
    family = family_of(pipe)
    two_calls = family.fields.in_two_calls
    if two_calls and scale is None:
        raise RequestError(
            f"a {type(pipe).__name__} does not tell its true_cfg_scale",
            code="guidance-in-two-calls",
            cure="give steer() the scale",
        )
    course = _courses(request, family.encoders(pipe), request.null or family.null(pipe))
    course(STEPS)  # what cannot be encoded is told here
    scales: list[float] = []

    def guides() -> bool:
        return not two_calls and bool(pipe.do_classifier_free_guidance)

    def make_rule() -> Rule:
        own = pipe.guidance_scale if guides() else 1.0
        phi = getattr(pipe, "guidance_rescale", 0.0) if rescale is None else rescale
        scales.append(own if scale is None else scale)
        weights = tuple(n.weight for n in planned.negatives) or (1.0,)
        return rescaled(RULES[rule](scales[-1], weights=weights), phi)

    seam = Seam(
        rule=make_rule,
        clock=Clock(lambda: pipe.scheduler),
        bank=lambda step: course(step.total)(step),
        fields=family.fields,
        paired=guides,
        observe=observe,
    )
    with attached(family.denoiser(pipe), seam):
        yield Steering(planned, seam, scales)


def _courses(
    request: Request, encoders: "Encoders", null: "Null"
) -> "Callable[[int], Callable[[Step], Bank]]":
    """What conditions each step of a call of so many steps; no text is encoded twice."""
    from negprompt.encoding.condition import condition

    @cache
    def course(steps: int) -> "Callable[[Step], Bank]":
        made = condition(
            replace(request, steps=steps).planned(),
            encoders,
            scheme=request.own_scheme,
            chunks=request.own_chunks,
        )
        empty = encoders.null("empty").embeds
        return banks(made.against, null=encoders.null(null), empty=empty)

    return course
