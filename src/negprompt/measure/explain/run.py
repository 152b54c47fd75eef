"""Request → Explanation: runs with the negative, without it and without each term, and compares."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from negprompt.encoding.encoders import lengthen, longest
from negprompt.encoding.types import Encoded
from negprompt.engine import BATCH, Generation, Request, loaded, run
from negprompt.errors import RequestError
from negprompt.language import parse
from negprompt.measure.compare import needs_negative
from negprompt.measure.explain import where
from negprompt.measure.explain.decode import decoded
from negprompt.measure.explain.findings import (
    Baseline,
    Explanation,
    Meaning,
    Point,
    StepEffect,
    TermEffect,
)
from negprompt.measure.explain.leave_out import Negatives, keeping
from negprompt.measure.explain.plane import (
    distances,
    nearest_scale,
    stacked,
    through,
    turn,
)
from negprompt.measure.explain.target import Target, meant
from negprompt.measure.explain.verdict import verdict
from negprompt.measure.explain.watch import Look, Questions, Watch
from negprompt.models.load import POCKET
from negprompt.policy.plan import Plan, plan
from negprompt.trace.events import Stepped

if TYPE_CHECKING:
    from PIL.Image import Image

    from negprompt.guidance.hook import Seen
    from negprompt.models.load import Model

COUNT = 4
"""Seeds, where none are asked for."""
LEVEL = -4.0
"""log-SNR near which the plane is drawn: the prompt shows, and texts still differ in most."""
NO_NEGATIVE: Mapping[str, Any] = {"negative": None, "negative_weights": None}
SCALES = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0)


def explain(
    request: Request,
    *,
    model: "Model | None" = None,
    level: float = LEVEL,
    on_step: Callable[[int, int], None] | None = None,
) -> Explanation:
    """Explain what the negative of a request does to it, on ``request.count`` seeds (1–8).

    Makes the images with the negative, without it, without each of its terms, and of the negative
    as a prompt, and looks at the run of the prompt alone. ``level`` is the log-SNR near which it
    looks; ``on_step(done, total)`` is called after every step.

    Raises RequestError ``negative-missing``, ``value-out-of-range`` for more seeds than fit one
    batch, and what ``engine.run`` raises.
    """
    told = request.planned().notices
    request = request.divided()
    needs_negative(request)
    if request.count > BATCH:
        raise RequestError(
            f"count is {request.count}",
            code="value-out-of-range",
            cure=f"explain compares from 1 to {BATCH} seeds",
        )
    model = model or loaded(request.model)
    asked = _asked(request)
    arms = _Arms(request, model, on_step, total=len({(), *asked.lacking}) + 2 + len(asked.full))
    plain = arms.against(())
    target = meant(*_words(asked.plan)) if model.name == POCKET else None
    questions = _questions(asked, model, target, _nearest_step(plain, level))
    watch, look = Watch(plain.request, questions), Look(plain.request, questions)
    main = arms.against(asked.full, watch)
    arms.alone(look)
    terms = tuple(
        _effect(asked, number, watch, main.images, arms.against(lacking).images)
        for number, lacking in enumerate(asked.lacking)
    )
    baseline = _baseline(look, watch.steps, target, model)
    change = _differences(main.images, plain.images)
    return Explanation(
        request=main.request,
        plan=asked.plan,
        notices=tuple(dict.fromkeys((*told, *main.notices))),
        seeds=main.seeds,
        images=main.images,
        images_without=plain.images,
        image_change=float(change.mean()),
        changed=change[0],
        cost=main.cost,
        cost_without=plain.cost,
        steps=tuple(watch.steps),
        terms=terms,
        meaning=tuple(Meaning(text, arms.of(text).images) for text, _ in asked.full),
        baseline=baseline,
        verdict=verdict(main.request, watch.steps, terms, baseline, (main.cost, plain.cost)),
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """The negative of a request, whole and in parts."""

    request: Request
    plan: Plan
    full: Negatives
    lacking: tuple[Negatives, ...]
    """Without each of its terms."""
    growing: tuple[Negatives, ...]
    """With its first 0, 1, … terms."""


def _asked(request: Request) -> _Asked:
    planned = request.planned()
    _check_constant(planned)
    count = sum(len(negative.terms) for negative in planned.negatives)
    every = range(count)
    return _Asked(
        request=request,
        plan=planned,
        full=keeping(planned, set(every)),
        lacking=tuple(keeping(planned, {*every} - {number}) for number in every),
        growing=tuple(keeping(planned, set(range(first))) for first in range(count + 1)),
    )


def _check_constant(planned: Plan) -> None:
    """Raise RequestError ``explain-one-text`` unless one positive acts alike at all steps."""
    courses = [side.stretches for sides in (planned.parts, planned.negatives) for side in sides]
    composed = [part.weight for part in planned.parts] != [1.0]
    if composed or any(len(stretches) > 1 for stretches in courses):
        raise RequestError(
            f"what is asked for is {'composed' if composed else 'another text at other steps'}",
            code="explain-one-text",
            cure="explain each of its texts by itself",
        )


@dataclass(slots=True)
class _Arms:
    """The runs to compare: the same seeds, the same batch, another negative or prompt."""

    request: Request
    model: "Model"
    on_step: Callable[[int, int], None] | None
    total: int
    """Number of runs that there will be."""
    made: dict[Negatives, Generation] = field(default_factory=dict)
    done: int = 0

    def against(
        self, negatives: Negatives, observe: "Callable[[Seen], None] | None" = None
    ) -> Generation:
        """The run with these negatives; made once where nobody observes."""
        if observe is not None or negatives not in self.made:
            texts = tuple(text for text, _ in negatives) or None
            weights = tuple(weight for _, weight in negatives) or None
            request = replace(self.request, negative=texts, negative_weights=weights)
            self.made[negatives] = self._run(request, observe)
        return self.made[negatives]

    def of(self, prompt: str) -> Generation:
        """The run of another prompt, without a negative."""
        return self._run(replace(self.request, prompt=prompt, **NO_NEGATIVE), None)

    def alone(self, observe: "Callable[[Seen], None]") -> None:
        """The run of the prompt alone: scale 1, no negative."""
        self._run(replace(self.request, cfg=1.0, **NO_NEGATIVE), observe)

    def _run(self, request: Request, observe: "Callable[[Seen], None] | None") -> Generation:
        def tell(done: int, total: int) -> None:
            if self.on_step is not None:
                self.on_step(self.done * total + done, self.total * total)

        made = run(request, model=self.model, on_step=tell, observe=observe)
        self.done += 1
        return made


def _nearest_step(generation: Generation, level: float) -> int:
    """The step whose log-SNR is nearest to a level."""
    stepped = [event for event in generation.trace if isinstance(event, Stepped)]
    return min(stepped, key=lambda event: abs(event.log_snr - level)).index


def _words(planned: Plan) -> tuple[str, str]:
    """Prompt and negative without brackets and weights."""
    prompts = [planned.positive, *(negative.prompt for negative in planned.negatives)]
    texts = [
        " ".join(s.text for s in prompt.segments() if not s.is_break and s.weight > 0)
        for prompt in prompts
    ]
    return texts[0], ", ".join(texts[1:])


def _questions(asked: _Asked, model: "Model", target: Target | None, at: int) -> Questions:
    """Encode every text that is asked about, all to one length."""
    request, encoders = asked.request, model.encoders
    if request.clip_skip is not None:
        encoders = encoders.skipping(request.clip_skip)
    if request.embeddings is not None:
        encoders = encoders.with_inversions(request.embeddings)

    def encode(text: str) -> Encoded:
        return encoders.encode(
            plan(text, dialect=request.dialect).positive,
            request.own_scheme,
            normalise=request.normalise,
            chunks=request.own_chunks,
        )

    baselines = (asked.full, *asked.lacking, *asked.growing)
    texts = dict.fromkeys(text for baseline in baselines for text, _ in baseline)
    made = {text: encode(text) for text in texts}
    goal = encoders.encode(parse(target.caption)) if target is not None else None
    null = encoders.null(request.null or model.family.null(model.pipe))
    empty = encoders.null("empty")
    prompt = encode(request.prompt)
    lengths = longest((prompt, *made.values(), *([goal] if goal else [])))
    return Questions(
        full=asked.full,
        without=asked.lacking,
        growing=asked.growing,
        null=lengthen(null, lengths, null),
        encoded={text: lengthen(e, lengths, empty, request.match) for text, e in made.items()},
        target=lengthen(goal, lengths, empty) if goal is not None else None,
        at=at,
    )


def _effect(
    asked: _Asked,
    number: int,
    watch: Watch,
    images: "Sequence[Image]",
    images_lacking: "Sequence[Image]",
) -> TermEffect:
    """What one term did, by the runs with and without it and by what the observer saw."""
    term = [term for negative in asked.plan.negatives for term in negative.terms][number]
    source = asked.plan.negatives[term.branch].text
    tokens = watch.questions.encoded[source].tokens
    change = _differences(images, images_lacking)
    acted = watch.maps[number]
    inside = where.area(acted)
    push = sum(step.push for step in watch.steps)
    return TermEffect(
        text=term.text,
        weight=term.weight,
        branch=term.branch,
        tokens=tuple(
            (token.text, token.weight)
            for token in tokens
            if term.span.start <= token.span.start and token.span.stop <= term.span.stop
        ),
        share=sum(step.terms[number] for step in watch.steps) / push if push else 0.0,
        image_change=float(change.mean()),
        area=float(inside.mean()),
        outside=where.outside(change[0], inside),
        acted=acted,
        changed=change[0],
    )


def _differences(images: "Sequence[Image]", others: "Sequence[Image]") -> NDArray[np.float64]:
    """Absolute differences of pixels, means over the channels: ``[b, h, w]``, 0–255."""
    pairs = zip(images, others, strict=True)
    pixels = [[np.asarray(image.convert("RGB"), np.float64) for image in pair] for pair in pairs]
    return np.stack([np.abs(one - other).mean(-1) for one, other in pixels])


def _baseline(
    look: Look, steps: Sequence[StepEffect], target: Target | None, model: "Model"
) -> Baseline:
    """The points that the observer kept, on their plane."""
    at = {name: stacked(prediction) for name, prediction in look.points.items()}
    u, p, n, t = at["unconditioned"], at["conditioned"], at["negative"], at.get("target")
    others = [point for name, point in at.items() if name.startswith("negative ")]
    flat = through(u, p, n, *([] if t is None else [t]), *others)
    unit = flat.unit

    def far(point: Tensor) -> float | None:
        return None if t is None else float((point - t).norm()) / unit

    pictures = decoded(model.pipe, torch.cat([x0[:1] for x0 in look.points.values()]))
    points = []
    for (name, point), picture in zip(at.items(), pictures, strict=True):
        place = flat.place(point)
        points.append(Point(name, place.x, place.y, place.off, far(point), picture))
    step = next(step for step in steps if step.index == look.questions.at)
    curves = [] if t is None else [distances(p, b, t, SCALES) for b in (n, u)]
    growing = [far(stacked(x0)) for x0 in look.growing]
    return Baseline(
        step=step.index,
        log_snr=step.log_snr,
        unit=unit,
        points=tuple(points),
        turn=turn(u, p, n),
        moved=float((n - u).norm()) / unit,
        target=target,
        scales=SCALES,
        by_scale=tuple(d / unit for d in curves[0]) if curves else (),
        by_scale_without=tuple(d / unit for d in curves[1]) if curves else (),
        nearest=None if t is None else nearest_scale(p, n, t),
        nearest_without=None if t is None else nearest_scale(p, u, t),
        by_terms=tuple(distance for distance in growing if distance is not None),
    )
