"""The one seam: a diffusers ``ModelHook`` on the denoiser of a pipeline.

One model call of the pipeline comes in; the rows that the rule needs are evaluated in one batch;
one guided prediction goes back. No pipeline is subclassed and the denoiser is not replaced.

Bank mode: the pipeline's own guidance is off, it hands over one row per image, and the batch
becomes ``[negatives…, null?, positive…]``. Pair mode: the pipeline's own guidance is on, it hands
over ``[negative, positive]`` and gets the guided prediction twice, on which its own formula does
nothing. A pipeline that makes two calls a step (Flux) gets it from both: with negatives in the bank
only the first is evaluated, else the second as well, and what the first had is changed in place.
Conditions that are the same are evaluated once. They may be others at every step.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import fsum
from operator import is_not
from typing import Any

import torch
from diffusers.hooks import ModelHook
from torch import Tensor

from negprompt.encoding.types import Encoded
from negprompt.errors import RequestError
from negprompt.guidance.call import Call, Fields, Rows, alike, joined
from negprompt.guidance.rules import Branches, Needs, Rule, Step, composed
from negprompt.guidance.schedule import Clock, alpha_bar, clean, prediction_type


@dataclass(frozen=True, slots=True)
class Bank:
    """The conditions of a model call, where they are not the pipeline's own.

    Without positives the pipeline's own positive rows are used, without negatives its negative
    rows, where it hands any over.
    """

    negatives: tuple[Encoded, ...] = ()
    null: Encoded | None = None
    empty: Encoded | None = None
    """The empty prompt, whose chunks are appended to what is too short."""
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
        self.alone = 0
        """Of these, calls that had no negative to be held against."""
        self.replaced = False
        """Whether the pipeline brought a negative of its own that gave way to the bank's."""
        self._make_rule, self._clock = rule, clock
        self._bank = (lambda step: bank) if isinstance(bank, Bank) else bank
        self._fields, self._paired, self._observe = fields or Fields(), paired, observe
        self._run: _Run
        self._last: _Answered
        self._text: tuple[Sequence[Rows], Tensor] = ((), torch.empty(0))

    def new_forward(self, module: Any, *args: Any, **kwargs: Any) -> Any:
        """Answer one model call of the pipeline."""
        if kwargs.get("skip_layers") is not None:
            return self._skipping(*args, **kwargs)
        call = Call.of(module, args, kwargs, self._fields, paired=self._paired())
        if self._fields.in_two_calls and self._again(call):
            return self._second(call)
        step = self._clock.tick(call.timestep)
        bank = self._bank(step)
        if step.index == 0 and step.stage == 1:
            self._run = _Run(self._make_rule(), _places(bank, call))
            self.replaced |= call.paired and _replaces(bank, call, negative=True)
        elif bank is not self._run.places.bank:
            self._run.places = _places(bank, call)
        self.calls += 1
        self.alone += not self._run.places.negatives
        state = self._run.state
        guided = self._guide(call, step, self._run.places, {})
        answer = torch.cat([guided.guided] * 2) if call.paired else guided.guided
        if self._fields.in_two_calls:
            answer = answer.clone()  # the second call may change it
        whole = (answer,) if guided.kind is tuple else guided.kind(sample=answer)
        self._last = _Answered(call, step, state, guided, whole)
        return whole

    def _guide(
        self, call: Call, step: Step, places: "_Places", known: Mapping[int, Tensor]
    ) -> "_Guided":
        """Evaluate what the rule needs, but for predictions that are known by place; apply it."""
        run, at = self._run, dict(known)
        needs = run.rule.needs(step, run.state) if places.negatives else Needs()
        order = [place for place in places.order(needs) if place not in at]
        kind = tuple
        if order:
            output = self._forward(call, [places.row(place, call) for place in order])
            at |= zip(order, output[0].chunk(len(order)), strict=True)
            kind = type(output)
        branches = places.branches(needs, at)
        guided, run.state = run.rule(branches, step, run.state)
        self.passes += len(order)
        if self._observe is not None:
            self._observe(self._seen(call, step, branches, guided, len(at)))
        return _Guided(branches, guided, kind)

    def _again(self, call: Call) -> bool:
        """Whether a call is the second of a step: its sample is the very same, not an equal one."""
        sample = self._fields.sample
        return self.calls > 0 and self._last.call.arguments[sample] is call.arguments[sample]

    def _second(self, call: Call) -> Any:
        """Answer the call of a step's negative with the guided prediction.

        The answer to the positive's call, which the pipeline still holds, becomes that, too.
        """
        run, last = self._run, self._last
        if run.places.negatives:
            if last.step.index == 0:
                self.replaced |= _replaces(run.places.bank, call, negative=False)
            return last.whole
        if run.against is None:
            run.against = _places(run.places.bank, last.call, call.own(negative=False))
        run.state = last.state
        known = {0: last.guided.branches.positive}
        last.whole[0].copy_(self._guide(call, last.step, run.against, known).guided)
        self.alone -= 1
        return last.whole

    def _skipping(self, *args: Any, **kwargs: Any) -> Any:
        """The call of Stable Diffusion 3 that skips layers, after a guided one.

        The pipeline takes the guided prediction for the positive and compares that with this one,
        so this one is moved by as much.
        """
        (skipped,) = self.fn_ref.original_forward(*args, **kwargs)
        guided = self._last.guided
        return (skipped + guided.guided - guided.branches.positive,)

    def _forward(self, call: Call, rows: Sequence[Rows]) -> Any:
        """Evaluate conditions, in several passes where one would have too many rows."""
        each = len(rows) if self.most is None else max(1, self.most // call.images)
        passes = []
        for first in range(0, len(rows), each):
            some = rows[first : first + each]
            passes.append(self.fn_ref.original_forward(**call.batch(some, self._joined(some))))
        if len(passes) == 1:
            return passes[0]
        sample, kind = torch.cat([output[0] for output in passes]), type(passes[0])
        return (sample,) if kind is tuple else kind(sample=sample)

    def _joined(self, rows: Sequence[Rows]) -> Tensor:
        """Their embeddings, the very same tensor while the rows are the very same."""
        if len(rows) != len(self._text[0]) or any(map(is_not, rows, self._text[0])):
            self._text = rows, joined(rows)
        return self._text[1]

    def _seen(
        self, call: Call, step: Step, branches: Branches, guided: Tensor, passes: int
    ) -> Seen:
        scheduler, sample = self._clock.scheduler, call.sample()

        def predict(encoded: Encoded) -> Tensor:
            rows = _rows(encoded, call.own(negative=False))
            prediction: Tensor = self._forward(call, [rows])[0]
            return prediction

        def picture_of_clean(prediction: Tensor) -> Tensor:
            alpha = alpha_bar(scheduler, float(call.timestep))
            return call.picture(clean(prediction, sample, alpha, prediction_type(scheduler)))

        return Seen(
            step=step,
            sample=sample,
            branches=branches,
            guided=guided,
            passes=passes,
            predict=predict,
            clean=picture_of_clean,
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
    against: _Places | None = None
    """Places with the negative that a second call brought."""


@dataclass(frozen=True, slots=True)
class _Guided:
    """What came of one model call; ``kind`` is that of the denoiser's output."""

    branches: Branches
    guided: Tensor
    kind: Any


@dataclass(frozen=True, slots=True)
class _Answered:
    """The last model call, and the answer that the pipeline got."""

    call: Call
    step: Step
    state: Any
    """What the rule remembered before it."""
    guided: _Guided
    whole: Any


def _places(bank: Bank, call: Call, negative: Rows | None = None) -> _Places:
    """The bank, and a ``negative`` of another call, as rows, those that are the same found."""
    own = call.own(negative=False)
    every = [_rows(encoded, own) for encoded in bank.positives] or [own]
    others = [_rows(encoded, own, negative=call.paired) for encoded in bank.negatives]
    if not others and call.paired:
        others.append(call.own(negative=True))
    if negative is not None:
        others.append(negative)
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
        nothing.append(_rows(bank.empty, own).embeds)
    return not any(alike(Rows(own.embeds), Rows(embeds)) for embeds in nothing)


def _rows(encoded: Encoded, like: Rows, *, negative: bool = False) -> Rows:
    """One prompt for every image of a call."""
    images = like.embeds.shape[0]
    pooled = None
    if like.pooled is not None and encoded.pooled is not None:
        pooled = encoded.pooled.to(like.pooled).expand(images, -1)
    return Rows(encoded.whole.to(like.embeds).expand(images, -1, -1), pooled, negative)


def _fit(rows: Rows, length: int, empty: Encoded | None) -> Rows:
    """Append chunks of the empty prompt until the rows are ``length`` tokens long.

    Raises RequestError ``embeds-length`` where that does not come out even.
    """
    tokens = rows.embeds.shape[1]
    if tokens == length:
        return rows
    chunks = [] if empty is None else _chunks(length - tokens, empty)
    if not chunks:
        raise RequestError(
            f"embeddings of {tokens} and of {length} tokens cannot be evaluated together",
            code="embeds-length",
            cure="give prompts, or embeddings of whole chunks",
        )
    more = [chunk.to(rows.embeds).expand(rows.embeds.shape[0], -1, -1) for chunk in chunks]
    return replace(rows, embeds=torch.cat([rows.embeds, *more], dim=1))


def _chunks(missing: int, empty: Encoded) -> list[Tensor]:
    """The chunks of ``empty``, then tails, that are so many tokens together; none if none are."""
    chunk, tail = empty.lengths
    for tails in range(missing // tail + 1 if tail else 1):
        chunks, rest = divmod(missing - tails * tail, chunk)
        if rest == 0:
            behind = [] if empty.tail is None else [empty.tail] * tails
            return [empty.embeds] * chunks + behind
    return []
