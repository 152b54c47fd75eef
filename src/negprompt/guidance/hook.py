"""The one seam: a diffusers ``ModelHook`` on the denoiser of a pipeline.

One model call of the pipeline comes in; the rows that the rule needs are evaluated in one batch;
one guided prediction goes back. No pipeline is subclassed and the denoiser is not replaced.

Bank mode: the pipeline's own guidance is off, it hands over one row per image, and the batch
becomes ``[negatives…, null?, positive]``. Pair mode: the pipeline's own guidance is on, it hands
over ``[negative, positive]`` and gets the guided prediction twice, on which its own formula does
nothing.
Conditions that are the same are evaluated once.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from diffusers.hooks import HookRegistry, ModelHook
from torch import Tensor

from negprompt.encoding.types import Encoded
from negprompt.errors import RequestError
from negprompt.guidance.call import Call, Fields, Rows, alike
from negprompt.guidance.rules import Branches, Needs, Rule, Step
from negprompt.guidance.schedule import Clock, alpha_bar, clean

NAME = "negprompt"


@dataclass(frozen=True, slots=True)
class Bank:
    """The conditions that a run steers with, besides the pipeline's own positive.

    Without negatives the pipeline's own negative rows are used, where it hands any over.
    """

    negatives: tuple[Encoded, ...] = ()
    null: Encoded | None = None
    empty: Tensor | None = None
    """Embedding of the empty prompt ``[1, t, d]``, appended to what is too short."""


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
    """The clean sample that a prediction implies."""


class Seam(ModelHook):
    """Guides the model calls of one denoiser while it is attached; see ``attached``.

    ``rule`` is called at the start of each run of the pipeline, so that no state outlives a run;
    ``paired`` says at each call whether the pipeline's own guidance is on.
    """

    def __init__(
        self,
        *,
        rule: Callable[[], Rule],
        clock: Clock,
        bank: Bank,
        fields: Fields | None = None,
        paired: Callable[[], bool] = lambda: False,
        observe: Callable[[Seen], None] | None = None,
    ) -> None:
        super().__init__()
        self.passes = 0
        """Rows evaluated per image, over all model calls so far."""
        self.calls = 0
        """Model calls so far."""
        self.replaced = False
        """Whether the pipeline brought a negative of its own that gave way to the bank's."""
        self._make_rule, self._clock, self._bank = rule, clock, bank
        self._fields, self._paired, self._observe = fields or Fields(), paired, observe
        self._run: _Run

    def new_forward(self, module: Any, *args: Any, **kwargs: Any) -> Any:
        """Answer one model call of the pipeline."""
        call = Call.of(module, args, kwargs, self._fields, paired=self._paired())
        step = self._clock.tick(call.timestep)
        if step.index == 0 and step.stage == 1:
            self._run = _Run(self._make_rule(), *_conditions(self._bank, call))
            self.replaced |= _replaces(self._bank, call)
        run = self._run
        needs = run.rule.needs(step, run.state) if run.negatives else Needs()
        order = run.order(needs)
        own = _fit(call.own(negative=False), run.length, self._bank.empty)
        rows = [own if place == 0 else run.others[place - 1] for place in order]
        output = self._forward(call, rows)
        branches = run.branches(needs, dict(zip(order, output[0].chunk(len(order)), strict=True)))
        guided, run.state = run.rule(branches, step, run.state)
        self.passes += len(order)
        self.calls += 1
        if self._observe is not None:
            self._observe(self._seen(call, step, branches, guided, len(order)))
        answer = torch.cat([guided, guided]) if call.paired else guided
        return (answer,) if isinstance(output, tuple) else type(output)(sample=answer)

    def _forward(self, call: Call, rows: Sequence[Rows]) -> Any:
        return self.fn_ref.original_forward(**call.batch(rows))

    def _seen(
        self, call: Call, step: Step, branches: Branches, guided: Tensor, passes: int
    ) -> Seen:
        scheduler, sample = self._clock.scheduler, call.sample()
        alpha, kind = alpha_bar(scheduler, call.timestep), scheduler.config.prediction_type

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
            clean=lambda prediction: clean(prediction, sample, alpha, kind),
        )


@dataclass(slots=True)
class _Run:
    """One run of the pipeline: its rule, the rule's state, and the conditions of its branches.

    A place names a condition: 0 the positive, 1… the negatives, the one after them null.
    """

    rule: Rule
    others: tuple[Rows, ...]
    """Conditions at the places from 1 on."""
    first: tuple[int, ...]
    """For every place the first place that holds the same condition."""
    length: int
    """Tokens of every embedding."""
    null: bool
    """Whether the last of the others is null."""
    state: Any = None

    @property
    def negatives(self) -> int:
        return len(self.others) - self.null

    def order(self, needs: Needs) -> list[int]:
        """The places to evaluate, each condition once, the positive last."""
        wanted = [1 + place for place in needs.negatives]
        if needs.null:
            wanted.append(len(self.others))
        others = dict.fromkeys(self.first[place] for place in wanted)
        return [place for place in others if place != 0] + [0]

    def branches(self, needs: Needs, at: dict[int, Tensor]) -> Branches:
        """The predictions that the rule asked for."""
        return Branches(
            positive=at[0],
            negatives=tuple(at[self.first[1 + place]] for place in needs.negatives),
            null=at[self.first[len(self.others)]] if needs.null else None,
        )


def _conditions(bank: Bank, call: Call) -> tuple[tuple[Rows, ...], tuple[int, ...], int, bool]:
    """The bank as rows of a call: others, first, length, null; see _Run."""
    own = call.own(negative=False)
    others = [_rows(encoded, own, negative=call.paired) for encoded in bank.negatives]
    if not others and call.paired:
        others.append(call.own(negative=True))
    if bank.null is not None:
        others.append(_rows(bank.null, own, negative=call.paired))
    length = max(rows.embeds.shape[1] for rows in (own, *others))
    places = [_fit(rows, length, bank.empty) for rows in (own, *others)]
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
    return tuple(places[1:]), tuple(first), length, bank.null is not None


def _replaces(bank: Bank, call: Call) -> bool:
    """Whether the bank takes the place of a negative that the pipeline itself brings."""
    if not (call.paired and bank.negatives):
        return False
    own = call.own(negative=True)
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
    return Rows(encoded.embeds.to(like.embeds).expand(images, -1, -1), pooled, negative)


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
    try:
        yield seam
    finally:
        registry.remove_hook(NAME, recurse=False)
        if not registry.hooks:
            if plain:
                module.__dict__.pop("forward", None)
            if bare:
                module.__dict__.pop("_diffusers_hook", None)
