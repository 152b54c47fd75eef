"""Many requests at once: the same images, costs and traces as one by one, in fewer model calls."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.tiny_models import tiny_flux, tiny_sd, tiny_sd3, tiny_sdxl

from negprompt.engine import BATCH, Generation, Request, generate_each, run, run_each
from negprompt.errors import PromptError
from negprompt.models.families import family_of
from negprompt.models.load import Model
from negprompt.trace import Stepped

PIPES: dict[str, Callable[[], Any]] = {
    "sd": tiny_sd, "sdxl": tiny_sdxl, "sd3": tiny_sd3, "flux": tiny_flux,
}  # fmt: skip
STEPS = 3
PROMPTS = ("a cat", "a dog, a boat", "a red cat (on a boat:1.3)")


def model(name: str = "sd") -> Model:
    pipe = PIPES[name]()
    return Model(pipe, "tiny", family_of(pipe))


def asked(*prompts: str, **settings: Any) -> list[Request]:
    given: dict[str, Any] = {"negative": ("blurry, (dog:1.2)",), "steps": STEPS, "cfg": 5.0}
    given |= settings
    return [Request(prompt=prompt, **{"seed": 7 * k} | given) for k, prompt in enumerate(prompts)]


def watched(here: Model) -> list[int]:
    """Images of each run of the pipeline: rows that it hands to its denoiser at the first step."""
    rows: list[int] = []

    def note(_module: Any, args: Any, given: Any) -> None:
        sample = args[0] if args else given.get("sample", given.get("hidden_states"))
        rows.append(len(sample))

    here.family.denoiser(here.pipe).register_forward_pre_hook(note, with_kwargs=True)
    return rows


def apart(a: Image.Image, b: Image.Image) -> int:
    return int(np.abs(np.asarray(a, dtype=int) - np.asarray(b, dtype=int)).max())


def check_alike(made: Generation, alone: Generation) -> None:
    """Images, seeds, plan, passes and steps are those of a run by itself."""
    pairs = zip(made.images, alone.images, strict=True)
    assert max(apart(a, b) for a, b in pairs) <= 1
    assert (made.request, made.seeds, made.plan) == (alone.request, alone.seeds, alone.plan)
    assert (made.notices, made.sampler) == (alone.notices, alone.sampler)
    assert made.cost.passes == alone.cost.passes
    assert made.cost.passes_per_step == alone.cost.passes_per_step
    each = [[e for e in one.trace if isinstance(e, Stepped)] for one in (made, alone)]
    for a, b in zip(*each, strict=True):
        assert (a.image, a.index, a.total, a.passes) == (b.image, b.index, b.total, b.passes)
        moved = b.norm_guided_minus_positive
        assert a.norm_guided_minus_positive == pytest.approx(moved, rel=1e-3, abs=1e-4)
    assert [type(e) for e in made.trace] == [type(e) for e in alone.trace]


@pytest.mark.parametrize("name", PIPES)
def test_prompts_of_one_negative_share_their_calls(name: str) -> None:
    here, requests = model(name), asked(*PROMPTS)
    calls = watched(here)
    made = list(run_each(requests, model=here))
    assert calls == [3] * STEPS
    for one, request in zip(made, requests, strict=True):
        check_alike(one, run(request, model=here))


def test_images_differ_by_prompt_and_by_seed() -> None:
    here = model()
    made = list(run_each([*asked("a cat", "a dog", seed=1), *asked("a cat", seed=2)], model=here))
    pictures = {one.images[0].tobytes() for one in made}
    assert len(pictures) == 3


@pytest.mark.parametrize(
    ("more", "sizes"),
    [
        (asked("a boat", cfg=3.0), [2, 1]),
        (asked("a boat", negative=("blurry",)), [2, 1]),
        (asked("a boat", negative=None), [2, 1]),
        (asked("[a cat:a dog:2]"), [2, 1]),
        (asked("a cat AND a dog"), [2, 1]),
        (asked("blurry, (dog:1.2)"), [2, 1]),
        (asked(", ".join(["a cat"] * 40)), [2, 1]),
        (asked("a boat", count=2), [2, 2]),
        (asked("a boat", "a red boat", negative=None), [2, 2]),
    ],
    ids=["scale", "negative", "no negative", "schedule", "AND", "the same text", "length",
         "count", "two and two"],
)  # fmt: skip
def test_what_differs_otherwise_has_calls_of_its_own(more: list[Request], sizes: list[int]) -> None:
    here, requests = model(), [*asked("a cat", "a dog"), *more]
    calls = watched(here)
    made = list(run_each(requests, model=here))
    assert calls[::STEPS] == sizes
    check_alike(made[-1], run(requests[-1], model=here))


def test_several_images_each_and_no_more_than_a_batch() -> None:
    here, requests = model(), asked(*["a cat", "a dog", "a boat"] * 2, count=3)
    calls = watched(here)
    made = list(run_each(requests, model=here))
    assert calls[::STEPS] == [6, 6, 6]
    check_alike(made[3], run(requests[3], model=here))


def test_more_images_than_a_batch_are_one_request() -> None:
    here = model()
    calls = watched(here)
    list(run_each(asked("a cat", "a dog", count=BATCH + 1), model=here))
    assert calls[::STEPS] == [BATCH, 1, BATCH, 1]


def test_nothing_is_made_before_it_is_asked_for() -> None:
    here = model()
    calls = watched(here)
    made = run_each(asked(*["a cat"] * (2 * BATCH)), model=here)
    assert calls == []
    next(made)
    assert calls == [BATCH] * STEPS


def test_each_prompt_has_its_own_seed() -> None:
    made = list(generate_each(["a red house", "a blue fish"], "blurry", seeds=[5, 3], steps=1))
    assert [one.seeds for one in made] == [(5,), (3,)]
    assert [one.request.prompt for one in made] == ["a red house", "a blue fish"]
    with pytest.raises(ValueError, match="shorter"):
        list(generate_each(["a red house"], seeds=[], steps=1))


def test_a_prompt_that_cannot_be_read_is_told_before_its_neighbours_are_drawn() -> None:
    here = model()
    calls = watched(here)
    unreadable = "(" * 10_000 + "a" + ")" * 10_000
    given = (one for prompt in ("a cat", unreadable) for one in asked(prompt))
    with pytest.raises(PromptError):
        next(run_each(given, model=here))
    assert calls == []
