"""Request → Generation: reads, plans, encodes, denoises through the one seam, writes the trace.

The stages that hold tensors are imported when they are needed, so that a mistake in a request is
told at once.
"""

import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from negprompt.engine.inert import distilled_notices, inert_notices
from negprompt.engine.networks import called, heard
from negprompt.engine.pictures import Start, pipeline_for, start_of
from negprompt.engine.recording import Recorder
from negprompt.engine.request import Request
from negprompt.errors import Notice, RequestError
from negprompt.guidance.rules import RULES, Rule, Step
from negprompt.guidance.wrappers import rescale
from negprompt.models.choices import NOTHING_BESIDE, Loading
from negprompt.models.lora import worn
from negprompt.models.schedulers import build, check_steps, sampler_name
from negprompt.models.uncollected import uncollected
from negprompt.policy.layers import Layer
from negprompt.policy.plan import Plan
from negprompt.trace import events

if TYPE_CHECKING:
    from PIL.Image import Image

    from negprompt.encoding.types import Conditioning, Course
    from negprompt.guidance.hook import Bank, Seen
    from negprompt.models.load import Model

POCKET = "pocket"
BATCH = 8
"""Most images in one model call."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What the images cost."""

    passes: int
    """Rows that the model evaluated for one image over the run; every image costs the same."""
    passes_per_step: float
    """Rows for one image in one model call."""
    seconds: float
    """Wall time from encoding to the last image; loading the model is not in it."""


@dataclass(frozen=True, slots=True)
class Generation:
    """The images, and how they came about."""

    images: tuple["Image", ...]
    seeds: tuple[int, ...]
    plan: Plan
    cost: Cost
    notices: tuple[Notice, ...]
    trace: tuple[events.Event, ...]
    request: Request
    """The request with the model's defaults filled in."""
    sampler: str
    """The scheduler that ran, by A1111's name where it has one."""


def run(
    request: Request,
    *,
    model: "Model | None" = None,
    rule: Callable[..., Rule] | None = None,
    on_step: Callable[[int, int], None] | None = None,
    observe: "Callable[[Seen], None] | None" = None,
) -> Generation:
    """Make the images that a request asks for.

    ``model`` is used in place of loading ``request.model``, ``rule(scale, weights=…)`` in place of
    the rule that the request names. ``on_step(done, total)`` is called after every step, counted
    over all batches of at most BATCH images. ``observe(seen)`` is called at every model call with
    the predictions of all branches; a batch starts at step 0.

    Raises ModelError where the model cannot be loaded, predicts no finite numbers, or memory is
    short, PromptError where a prompt cannot be encoded.
    """
    model = model or loaded(request.model, request.loading)
    from negprompt.models.load import quiet
    from negprompt.models.memory import enough

    start = time.perf_counter()
    with (
        quiet(),
        enough(model.loading),
        worn(model.pipe, model.family.name, called(request), request.loading.lora_dir),
    ):
        ready = prepared(request, model)
        recorder = Recorder(ready.weights, request.count, rows_of(model), on_step, observe)
        made = denoised(ready, model, ready.request.seeds, recorder, rule=rule)
    return generation(ready, model, made, recorder.events(), time.perf_counter() - start)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request with the model's defaults filled in, its plan, and what conditions the model."""

    request: Request
    planned: Plan
    conditioning: "Conditioning"

    @property
    def weights(self) -> tuple[float, ...]:
        """The weight of each negative; one where there is none."""
        return tuple(negative.weight for negative in self.planned.negatives) or (1.0,)


def prepared(request: Request, model: "Model") -> Prepared:
    """A request ready to be denoised. Raises as ``planned``, PromptError as the encoding does."""
    request = _with_defaults(request, model)
    planned = request.planned(model.family.name)
    return Prepared(request, planned, _conditioned(planned, request, model))


def generation(
    ready: Prepared,
    model: "Model",
    made: "Denoised",
    stepped: Sequence[events.Stepped],
    seconds: float,
) -> Generation:
    """What was made of a request, with its cost, its notices and the trace of all stages."""
    request, planned, conditioning = ready.request, ready.planned, ready.conditioning
    seeds = request.seeds
    notices = (
        *heard(planned.notices, request),
        *conditioning.notices,
        *inert_notices(request.cfg, planned),
        *distilled_notices(model, request.cfg or 1.0, planned),
    )
    cost = Cost(made.passes, made.passes / made.calls, seconds)
    trace = (
        *_opening(request, planned, conditioning, notices),
        *stepped,
        events.Finished(seeds, cost.passes, cost.passes_per_step, cost.seconds),
    )
    return Generation(made.images, seeds, planned, cost, notices, trace, request, made.sampler)


def generate(
    prompt: str,
    negative: str | Sequence[str] | None = None,
    *,
    on_step: Callable[[int, int], None] | None = None,
    **settings: Any,
) -> Generation:
    """Make images: ``run`` on a Request with these settings.

    One negative text is encoded as it is; a sequence of texts is composed, one branch each.
    ``policies`` are Layers, or names of policies as ``policy.files.load`` takes them.
    """
    settings["policies"] = layers_of(settings.get("policies", ()))
    return run(Request(prompt=prompt, negative=texts_of(negative), **settings), on_step=on_step)


def loaded(name: str, loading: Loading = NOTHING_BESIDE) -> "Model":
    """The model of this name; the last one stays loaded. Raises ModelError as ``load`` does."""
    return _loaded(name, loading)


@lru_cache(maxsize=1)
@uncollected()
def _loaded(name: str, loading: Loading) -> "Model":
    from negprompt.models.load import load

    return load(name, loading=loading)


def texts_of(negative: str | Sequence[str] | None) -> tuple[str, ...] | None:
    """The negatives of a request: one for a text, one each for a sequence, None for None."""
    if negative is None:
        return None
    return (negative,) if isinstance(negative, str) else tuple(negative)


def layers_of(policies: Sequence[Layer | str]) -> tuple[Layer, ...]:
    """The layers of policies, those given by name from their files. Raises as ``load`` does."""
    if not policies:
        return ()
    from negprompt.policy.files import load

    return tuple(load([one])[0] if isinstance(one, str) else one for one in policies)


def rows_of(model: "Model") -> int:
    """Most images in one model call."""
    return min(BATCH, model.rows or BATCH)


def _with_defaults(request: Request, model: "Model") -> Request:
    """The request with the model's defaults where it leaves them open."""
    side = model.family.denoiser(model.pipe).config.get("sample_size")
    side = model.pipe.default_sample_size if side is None else side
    high, wide = side if isinstance(side, tuple | list) else (side, side)
    factor = model.pipe.vae_scale_factor
    _check_sides(request.size, factor * model.family.patch)
    return replace(
        request,
        scheme=request.own_scheme,
        chunks=request.own_chunks,
        model=model.name,
        cfg=model.cfg if request.cfg is None else request.cfg,
        steps=model.steps if request.steps is None else request.steps,
        size=request.size or (wide * factor, high * factor),
        today=request.day,
    )


def _check_sides(size: tuple[int, int] | None, multiple: int) -> None:
    """Raise RequestError ``value-out-of-range`` for a size that does not divide into patches."""
    if size is not None and any(pixels % multiple for pixels in size):
        raise RequestError(
            f"the size is {size[0]}x{size[1]}",
            code="value-out-of-range",
            cure=f"this model takes multiples of {multiple}",
        )


def _conditioned(planned: Plan, request: Request, model: "Model") -> "Conditioning":
    from negprompt.encoding.condition import condition

    return condition(
        planned,
        model.encoders,
        scheme=request.own_scheme,
        null=request.null or model.family.null(model.pipe),
        vocabulary=_vocabulary(model),
        normalise=request.normalise,
        chunks=request.own_chunks,
        match=request.match,
        clip_skip=request.clip_skip,
        embeddings=request.embeddings,
    )


def banks(
    against: "Sequence[Course]", parts: "Sequence[Course]" = (), **others: Any
) -> "Callable[[Step], Bank]":
    """What conditions each step of a run; the same bank while nothing changes."""
    from negprompt.guidance.hook import Bank

    changing = [course for course in (*parts, *against) if len(course.stretches) > 1]
    lasts = sorted({last for course in changing for last, _ in course.stretches} or {1})
    made = [
        Bank(
            negatives=tuple(course.at(last) for course in against),
            weights=tuple(course.weight for course in against) or (1.0,),
            positives=tuple(part.at(last) for part in parts),
            shares=tuple(part.weight for part in parts) or (1.0,),
            **others,
        )
        for last in lasts
    ]
    return lambda step: made[min(bisect_left(lasts, step.index + 1), len(made) - 1)]


def _vocabulary(model: "Model") -> frozenset[str] | None:
    """The words that a model was trained on, where they are known."""
    if model.name != POCKET:
        return None
    from negprompt.world.captions import vocabulary

    return vocabulary()


@dataclass(frozen=True, slots=True)
class Denoised:
    """Images, and what they took."""

    images: tuple["Image", ...]
    passes: int
    """For one image."""
    calls: int
    """For one image."""
    sampler: str


def denoised(
    ready: Prepared,
    model: "Model",
    seeds: Sequence[int],
    recorder: Recorder,
    *,
    rule: Callable[..., Rule] | None = None,
) -> Denoised:
    """Run the pipeline batch by batch, its own guidance off, the seam on its denoiser."""
    from negprompt.encoding.types import Course
    from negprompt.guidance.attaching import attached
    from negprompt.guidance.hook import Seam
    from negprompt.guidance.kept import keys_and_values_kept
    from negprompt.guidance.schedule import Clock

    request, conditioning = ready.request, ready.conditioning
    start = start_of(request)
    pipe, own = pipeline_for(start, model.pipe), model.pipe.scheduler

    def make_rule() -> Rule:
        chosen = (rule or RULES[request.rule])(request.cfg, weights=recorder.weights)
        return rescale(chosen, request.rescale)

    seam = Seam(
        rule=make_rule,
        clock=Clock(lambda: pipe.scheduler),
        bank=banks(
            conditioning.against or (Course(((1, conditioning.null),)),),
            conditioning.parts,
            null=conditioning.null,
        ),
        fields=model.family.fields,
        observe=recorder,
        most=model.rows,
    )
    images: list[Image] = []
    try:
        if request.scheduler is not None:
            pipe.scheduler = build(request.scheduler, own.config)
        check_steps(request.steps or 1, pipe.scheduler.config)
        denoiser = model.family.denoiser(pipe)
        kept = keys_and_values_kept(denoiser) if model.rows is None else nullcontext()
        with attached(denoiser, seam), kept:
            for first in range(0, len(seeds), recorder.size):
                recorder.batch = first // recorder.size
                some = seeds[first : first + recorder.size]
                images += _batch(ready, model, pipe=pipe, start=start, seeds=some)
        sampler = sampler_name(pipe.scheduler)
    finally:
        pipe.scheduler = own
    runs = recorder.batches
    return Denoised(tuple(images), seam.passes // runs, seam.calls // runs, sampler)


def _batch(
    ready: Prepared, model: "Model", *, pipe: Any, start: Start, seeds: Sequence[int]
) -> "list[Image]":
    """One call of the pipeline. An image's noise depends on its own seed only."""
    import torch

    request, positive, count = ready.request, ready.conditioning.positive, len(seeds)
    settings: dict[str, Any] = {"prompt_embeds": positive.whole.expand(count, -1, -1)}
    if positive.pooled is not None:
        settings["pooled_prompt_embeds"] = positive.pooled.expand(count, -1)
    settings |= start.settings(request.size or (0, 0), count, pipe)
    images: list[Image] = pipe(
        **settings,
        guidance_scale=model.family.embedded(pipe),
        num_inference_steps=request.steps,
        generator=[torch.Generator("cpu").manual_seed(seed) for seed in seeds],
    ).images
    return images


def _opening(
    request: Request, planned: Plan, conditioning: "Conditioning", notices: Sequence[Notice]
) -> tuple[events.Event, ...]:
    """The events of the stages before the first step."""
    negatives = planned.negatives
    return (
        events.Parsed(request.dialect, request.prompt, request.negative or ()),
        events.Planned(
            planned.effective_negative,
            planned.raw_negative,
            tuple((t.name, t.weight, t.layer) for n in negatives for t in n.terms),
            tuple((notice.code, notice.text) for notice in notices),
        ),
        events.Encoded(
            scheme=request.own_scheme,
            chunks=conditioning.chunks,
            positive_tokens=len(conditioning.positive.tokens),
            negative_tokens=tuple(len(n.tokens) for n in conditioning.negatives),
            against="negative" if negatives else "null",
        ),
    )
