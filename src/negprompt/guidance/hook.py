"""The one seam: a diffusers ``ModelHook`` on the denoiser of a pipeline.

One model call of the pipeline comes in; the rows that the rule needs are evaluated in one batch;
one guided prediction goes back. No pipeline is subclassed and the denoiser is not replaced.

Bank mode: the pipeline's own guidance is off, it hands over one row per image, and the batch
becomes ``[negatives…, null?, positive…]``. Pair mode: the pipeline's own guidance is on, it hands
over ``[negative, positive]`` and gets the guided prediction twice, on which its own formula does
nothing. A pipeline that makes two calls a step (Flux) gets it from both, and only the first is
evaluated: bank mode either way.
Conditions that are the same are evaluated once. They may be others at every step.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import fsum
from typing import Any

import torch
from diffusers.hooks import HookRegistry, ModelHook
from torch import Tensor

from negprompt.encoding.types import Encoded
from negprompt.errors import RequestError
from negprompt.guidance.call import Call, Fields, Rows, alike
from negprompt.guidance.rules import Branches, Needs, Rule, Step, composed
from negprompt.guidance.schedule import Clock, alpha_bar, clean, prediction_type

NAME = "negprompt"


@dataclass(frozen=True, slots=True)
class Bank:
    """The conditions of a model call, where they are not the pipeline's own.

    Without positives the pipeline's own positive rows are used, without negatives its negative
    rows, where it hands any over.
    """

    negatives: tuple[Encoded, ...] = ()
    null: Encoded | None = None
    empty: Tensor | None = None
    """Embedding of the empty prompt ``[1, t, d]``, appended to what is too short."""
    positives: tuple[Encoded, ...] = ()
    shares: tuple[float, ...] = (1.0,)
    """Weight of each positive; see ``composed``."""
    weights: tuple[float, ...] = (1.0,)
    """Weight of each negative relative to the others."""

    @property
    def weighs(self) -> bool:
        """Whether the positive is not complete without the negatives."""
        return fsum(self.shares) != 1


@dataclass(frozen=True, slots=True)
class Seen:
    """What one model call saw and gave, for traces and measurements.

    ``branches.negatives`` holds what the rule asked for; it is empty at scale 1.
    """

    step: Step
    sample: Tensor
    """Noisy sample as the denoiser sees it, ``[b, ...]``."""
    branches: Branches
    guided: Tensor
    passes: int
    """Rows evaluated per image in this call."""
    predict: Callable[[Encoded], Tensor]
    """The prediction for another condition at the same sample: one more pass, counted nowhere."""
    clean: Callable[[Tensor], Tensor]
    """The clean sample that a prediction implies, as a picture of latents."""
    picture: Callable[[Tensor], Tensor]
    """A prediction as a picture of latents ``[b, c, h, w]``."""


class Seam(ModelHook):
    """Guides the model calls of one denoiser while it is attached; see ``attached``.

    ``rule`` is called at the start of each run of the pipeline, so that no state outlives a run;
    ``bank`` holds the conditions, or says at each step which; ``paired`` says at each call whether
    the pipeline's own guidance is on.
    """

    def __init__(
        self,
        *,
        rule: Callable[[], Rule],
        clock: Clock,
        bank: Bank | Callable[[Step], Bank],
        fields: Fields | None = None,
        paired: Callable[[], bool] = lambda: False,
        observe: Callable[[Seen], None] | None = None,
        most: int | None = None,
    ) -> None:
        super().__init__()
        self.most = most
        """Most rows in one pass, but never less than one condition of all images."""
        self.passes = 0
        """Rows evaluated per image, over all model calls so far."""
        self.calls = 0
        """Model calls so far."""
        self.replaced = False
        """Whether the pipeline brought a negative of its own that gave way to the bank's."""
        self._make_rule, self._clock = rule, clock
        self._bank = (lambda step: bank) if isinstance(bank, Bank) else bank
        self._fields, self._paired, self._observe = fields or Fields(), paired, observe
        self._run: _Run
        self._last: tuple[Tensor, Any, Tensor]  # sample, answer, and how far guidance moved it

    def new_forward(self, module: Any, *args: Any, **kwargs: Any) -> Any:
        """Answer one model call of the pipeline."""
        if kwargs.get("skip_layers") is not None:
            return self._skipping(*args, **kwargs)
        call = Call.of(module, args, kwargs, self._fields, paired=self._paired())
        if self._fields.in_two_calls and self._again(call):
            return self._last[1]
        step = self._clock.tick(call.timestep)
        bank = self._bank(step)
        if step.index == 0 and step.stage == 1:
            self._run = _Run(self._make_rule(), _places(bank, call))
            self.replaced |= call.paired and _replaces(bank, call, negative=True)
        elif bank is not self._run.places.bank:
            self._run.places = _places(bank, call)
        run, places = self._run, self._run.places
        needs = run.rule.needs(step, run.state) if places.negatives else Needs()
        order = places.order(needs)
        rows = [places.row(place, call) for place in order]
        output = self._forward(call, rows)
        at = dict(zip(order, output[0].chunk(len(order)), strict=True))
        branches = places.branches(needs, at)
        guided, run.state = run.rule(branches, step, run.state)
        self.passes += len(order)
        self.calls += 1
        if self._observe is not None:
            self._observe(self._seen(call, step, branches, guided, len(order)))
        answer = torch.cat([guided, guided]) if call.paired else guided
        whole = (answer,) if isinstance(output, tuple) else type(output)(sample=answer)
        self._last = call.arguments[self._fields.sample], whole, guided - branches.positive
        return whole

    def _again(self, call: Call) -> bool:
        """Whether a call is the second of a step: its sample is the very same, not an equal one."""
        if not self.calls or self._last[0] is not call.arguments[self._fields.sample]:
            return False
        self.replaced |= _replaces(self._run.places.bank, call, negative=False)
        return True

    def _skipping(self, *args: Any, **kwargs: Any) -> Any:
        """The call of Stable Diffusion 3 that skips layers, after a guided one.

        The pipeline takes the guided prediction for the positive and compares that with this one,
        so this one is moved by as much.
        """
        (skipped,) = self.fn_ref.original_forward(*args, **kwargs)
        return (skipped + self._last[2],)

    def _forward(self, call: Call, rows: Sequence[Rows]) -> Any:
        """Evaluate conditions, in several passes where one would have too many rows."""
        each = len(rows) if self.most is None else max(1, self.most // call.images)
        passes = [
            self.fn_ref.original_forward(**call.batch(rows[first : first + each]))
            for first in range(0, len(rows), each)
        ]
        if len(passes) == 1:
            return passes[0]
        sample, kind = torch.cat([output[0] for output in passes]), type(passes[0])
        return (sample,) if kind is tuple else kind(sample=sample)

    def _seen(
        self, call: Call, step: Step, branches: Branches, guided: Tensor, passes: int
    ) -> Seen:
        scheduler, sample = self._clock.scheduler, call.sample()
        alpha, kind = alpha_bar(scheduler, call.timestep), prediction_type(scheduler)

        def predict(encoded: Encoded) -> Tensor:
            rows = _rows(encoded, call.own(negative=False))
            prediction: Tensor = self._forward(call, [rows])[0]
            return prediction

        return Seen(
            step=step,
            sample=sample,
            branches=branches,
            guided=guided,
            passes=passes,
            predict=predict,
            clean=lambda prediction: call.picture(clean(prediction, sample, alpha, kind)),
            picture=call.picture,
        )


@dataclass(frozen=True, slots=True)
class _Places:
    """The conditions of a model call, each at its place: positives, negatives, null."""

    bank: Bank
    rows: tuple[Rows, ...]
    first: tuple[int, ...]
    """For every place the first place that holds the same condition."""

    @property
    def length(self) -> int:
        """Tokens of every embedding."""
        return max(rows.embeds.shape[1] for rows in self.rows)

    @property
    def positives(self) -> int:
        return len(self.bank.shares)

    @property
    def negatives(self) -> int:
        return len(self.rows) - self.positives - (self.bank.null is not None)

    def row(self, place: int, call: Call) -> Rows:
        """The rows to evaluate at a place; the pipeline's own as they are in this call."""
        if place == 0 and not self.bank.positives:
            return _fit(call.own(negative=False), self.length, self.bank.empty)
        return self.rows[place]

    def order(self, needs: Needs) -> list[int]:
        """The places to evaluate, each condition once, the positives last."""
        every = range(self.positives, self.positives + self.negatives)
        wanted = [*every] if self.bank.weighs else [every[place] for place in needs.negatives]
        if needs.null:
            wanted.append(len(self.rows) - 1)
        positives = dict.fromkeys(self.first[place] for place in range(self.positives))
        others = dict.fromkeys(self.first[place] for place in wanted)
        return [*(place for place in others if place not in positives), *positives]

    def branches(self, needs: Needs, at: dict[int, Tensor]) -> Branches:
        """The predictions that the rule asked for, those of the positives as one."""
        toward = [at[self.first[place]] for place in range(self.positives)]
        against = range(self.positives, self.positives + self.negatives)
        mean = [at[self.first[place]] for place in against] if self.bank.weighs else []
        weights = self.bank.weights if mean else ()
        whole = self.bank.shares == (1.0,)
        return Branches(
            positive=toward[0] if whole else composed(toward, self.bank.shares, mean, weights),
            negatives=tuple(at[self.first[against[place]]] for place in needs.negatives),
            null=at[self.first[-1]] if needs.null else None,
        )


@dataclass(slots=True)
class _Run:
    """One run of the pipeline: its rule, its conditions now, and the rule's state."""

    rule: Rule
    places: _Places
    state: Any = None


def _places(bank: Bank, call: Call) -> _Places:
    """The bank as rows of a call, those that are the same found."""
    own = call.own(negative=False)
    every = [_rows(encoded, own) for encoded in bank.positives] or [own]
    others = [_rows(encoded, own, negative=call.paired) for encoded in bank.negatives]
    if not others and call.paired:
        others.append(call.own(negative=True))
    every += others
    if bank.null is not None:
        every.append(_rows(bank.null, own, negative=call.paired))
    length = max(rows.embeds.shape[1] for rows in every)
    places = [_fit(rows, length, bank.empty) for rows in every]
    agree = not call.paired or call.sides_agree()
    first = [
        next(
            at
            for at, earlier in enumerate(places)
            if earlier is rows
            or (alike(earlier, rows) and (agree or earlier.negative == rows.negative))
        )
        for rows in places
    ]
    return _Places(bank, tuple(places), tuple(first))


def _replaces(bank: Bank, call: Call, *, negative: bool) -> bool:
    """Whether the bank takes the place of a negative that the pipeline itself brings."""
    if not bank.negatives:
        return False
    own = call.own(negative=negative)
    nothing = [_rows(bank.null, own).embeds] if bank.null is not None else []
    if bank.empty is not None:
        nothing.append(bank.empty.to(own.embeds).expand(call.images, -1, -1))
    return not any(alike(Rows(own.embeds), Rows(embeds)) for embeds in nothing)


def _rows(encoded: Encoded, like: Rows, *, negative: bool = False) -> Rows:
    """One prompt for every image of a call."""
    images = like.embeds.shape[0]
    pooled = None
    if like.pooled is not None and encoded.pooled is not None:
        pooled = encoded.pooled.to(like.pooled).expand(images, -1)
    return Rows(encoded.whole.to(like.embeds).expand(images, -1, -1), pooled, negative)


def _fit(rows: Rows, length: int, empty: Tensor | None) -> Rows:
    """Append the empty prompt's embedding until the rows are ``length`` tokens long.

    Raises RequestError ``embeds-length`` where that does not come out even.
    """
    tokens = rows.embeds.shape[1]
    if tokens == length:
        return rows
    if empty is None or (length - tokens) % empty.shape[1]:
        raise RequestError(
            f"embeddings of {tokens} and of {length} tokens cannot be evaluated together",
            code="embeds-length",
            cure="give prompts, or embeddings of whole chunks",
        )
    chunks = [empty.to(rows.embeds).expand(rows.embeds.shape[0], -1, -1)]
    chunks *= (length - tokens) // empty.shape[1]
    return replace(rows, embeds=torch.cat([rows.embeds, *chunks], dim=1))


@contextmanager
def attached(module: Any, seam: Seam) -> Iterator[Seam]:
    """Put a seam on a denoiser, and leave the denoiser as it was.

    Raises RequestError ``already-steered`` where one is on it.
    """
    with _beneath_offloading(module):
        registry, plain, bare = _registered(module, seam)
    try:
        yield seam
    finally:
        with _beneath_offloading(module):
            registry.remove_hook(NAME, recurse=False)
            if not registry.hooks:
                if plain:
                    module.__dict__.pop("forward", None)
                if bare:
                    module.__dict__.pop("_diffusers_hook", None)


@contextmanager
def _beneath_offloading(module: Any) -> Iterator[None]:
    """Take accelerate's offloading off the forward of a module while this lasts.

    A pipeline that offloads puts it on anew after each of its calls, on top of what lies beneath;
    a seam above it would be gone after the first call.
    """
    if "_old_forward" not in module.__dict__:
        yield
        return
    outer, beneath = module.forward, module._old_forward  # noqa: SLF001 - accelerate has no other way
    module.forward = beneath
    try:
        yield
    finally:
        module._old_forward, module.forward = module.forward, outer  # noqa: SLF001


def _registered(module: Any, seam: Seam) -> tuple[HookRegistry, bool, bool]:
    """The registry that holds the seam now, and what of the module was bare before.

    Raises RequestError ``already-steered``.
    """
    bare = "_diffusers_hook" not in module.__dict__
    plain = "forward" not in module.__dict__
    registry = HookRegistry.check_if_exists_or_initialize(module)
    if registry.get_hook(NAME) is not None:
        raise RequestError(
            "this pipeline is being steered already",
            code="already-steered",
            cure="leave the other `with steer(...)` first",
        )
    registry.register_hook(seam, NAME)
    return registry, plain, bare
