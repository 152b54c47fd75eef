"""Many requests → their generations; neighbours that differ in prompt and seed share model calls.

A model call of sixteen rows costs less than eight of two, and the negative is encoded once.  An
image's noise is that of its own seed, so it is the one that ``run`` makes, up to rounding.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from negprompt.engine.networks import called
from negprompt.engine.recording import Recorder
from negprompt.engine.request import Request
from negprompt.engine.run import (
    BATCH,
    Generation,
    Prepared,
    denoised,
    generation,
    layers_of,
    loaded,
    prepared,
    rows_of,
    run,
    texts_of,
)
from negprompt.models.lora import worn

if TYPE_CHECKING:
    from torch import Tensor

    from negprompt.encoding.types import Conditioning, Encoded
    from negprompt.models.load import Model

T = TypeVar("T")


def generate_each(
    prompts: Iterable[str],
    negative: str | Sequence[str] | None = None,
    *,
    seeds: Iterable[int] | None = None,
    **settings: Any,
) -> Iterator[Generation]:
    """Make images for each of many prompts: ``generate`` with the same settings, one by one.

    ``seeds`` are the prompts' own, one each; without them each begins at ``seed``.  Nothing is read
    or made before it is asked for, and then at most BATCH images ahead: raises as ``generate``
    does, and ValueError for fewer seeds than prompts or more, before those images.
    """
    settings["policies"] = layers_of(settings.get("policies", ()))
    given = {"negative": texts_of(negative)} | settings
    if seeds is None:
        return run_each(Request(prompt=prompt, **given) for prompt in prompts)
    pairs = zip(prompts, seeds, strict=True)
    return run_each(Request(prompt=prompt, **given | {"seed": seed}) for prompt, seed in pairs)


def run_each(requests: Iterable[Request], *, model: "Model | None" = None) -> Iterator[Generation]:
    """Make what each of many requests asks for, in their order. Raises as ``run`` does."""
    for some in _neighbours(requests, _may_join):
        yield from _made(some, model or loaded(some[0].model, some[0].loading))


def _made(requests: Sequence[Request], model: "Model") -> list[Generation]:
    """The generations of requests of the same settings."""
    from negprompt.models.load import quiet
    from negprompt.models.memory import enough

    if len(requests) == 1:
        return [run(requests[0], model=model)]
    first, found = requests[0], list[Generation]()
    with (
        quiet(),
        enough(model.loading),
        worn(model.pipe, model.family.name, called(first), first.loading.lora_dir),
    ):
        ready = (prepared(one, model) for one in requests)
        join = partial(_share_calls, rows=rows_of(model))
        for some in _neighbours(ready, join):
            found += _denoised(some, model)
    return found


def _denoised(some: Sequence[Prepared], model: "Model") -> list[Generation]:
    """The generations of what differs in the positive alone: all images in the same calls."""
    start, seeds = time.perf_counter(), [seed for one in some for seed in one.request.seeds]
    recorder = Recorder(some[0].weights, len(seeds), rows_of(model), None, None)
    several = len(some) > 1
    ready = replace(some[0], conditioning=_stacked(some)) if several else some[0]
    made = denoised(ready, model, seeds, recorder)
    events, seconds = recorder.events(), (time.perf_counter() - start) / len(seeds)
    found, at = [], 0
    for one in some:
        until = at + one.request.count
        images = replace(made, images=made.images[at:until])
        mine = [replace(e, image=e.image - at) for e in events if at <= e.image < until]
        found.append(generation(one, model, images, mine, seconds * one.request.count))
        at = until
    return found


def _neighbours(
    items: Iterable[T], join: Callable[[Sequence[T], T], bool]
) -> Iterator[Sequence[T]]:
    """Items in their order, as many together as may join those before."""
    some: list[T] = []
    for item in items:
        if some and not join(some, item):
            yield some
            some = []
        some.append(item)
    if some:
        yield some


def _may_join(some: Sequence[Request], one: Request) -> bool:
    """Whether a request differs from others in prompt and seed alone, and there is room for it."""
    room = sum(other.count for other in some) + one.count <= BATCH
    return room and _settings(some[0]) == _settings(one)


def _settings(request: Request) -> tuple[Any, ...]:
    same = (field.name for field in fields(request) if field.name not in ("prompt", "seed"))
    return *(getattr(request, name) for name in same), called(request)


def _share_calls(some: Sequence[Prepared], one: Prepared, *, rows: int) -> bool:
    """Whether there is room, the same negatives stand against all, and all are as long."""
    from torch import equal

    a, b = (_fixed(ready.conditioning) for ready in (some[0], one))
    if a is None or b is None or len(a) != len(b) or some[0].weights != one.weights:
        return False
    if sum(ready.request.count for ready in (*some, one)) > rows:
        return False
    return a[0].lengths == b[0].lengths and all(map(equal, _wholes(a[1:]), _wholes(b[1:])))


def _fixed(conditioning: "Conditioning") -> "tuple[Encoded, ...] | None":
    """The positive, the null and the negatives.

    None where a text changes on the way, the positive has several parts, or it is the same as what
    stands against it: then a step takes another number of passes than for others.
    """
    from torch import equal

    if len(conditioning.parts) > 1 or any(
        len(course.stretches) > 1 for course in (*conditioning.parts, *conditioning.against)
    ):
        return None
    found = (conditioning.positive, conditioning.null, *conditioning.negatives)
    positive, *others = _wholes(found)
    return None if any(equal(positive, other) for other in others) else found


def _wholes(each: "Sequence[Encoded]") -> "list[Tensor]":
    return [encoded.whole for encoded in each]


def _stacked(some: Sequence[Prepared]) -> "Conditioning":
    """The positives of all images as one, a row an image."""
    import torch

    each = [one.conditioning.positive for one in some for _ in one.request.seeds]

    def rows(part: "Sequence[Tensor | None]") -> "Tensor | None":
        known = [tensor for tensor in part if tensor is not None]
        return torch.cat(known) if known else None

    stacked = replace(
        each[0],
        embeds=torch.cat([one.embeds for one in each]),
        pooled=rows([one.pooled for one in each]),
        tail=rows([one.tail for one in each]),
    )
    (course,) = some[0].conditioning.parts
    last, _ = course.stretches[0]
    part = replace(course, stretches=((last, stacked),))
    return replace(some[0].conditioning, parts=(part,))
