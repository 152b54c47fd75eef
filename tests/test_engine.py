"""The whole line on tiny pipelines: images equal to diffusers' own, cost, notices, trace, seeds."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import EulerAncestralDiscreteScheduler, StableDiffusionPipeline
from PIL import Image
from tests.tiny_models import tiny_sd, tiny_sd3, tiny_sdxl, zero_snr

from negprompt.engine import Cost, Generation, Request, run
from negprompt.engine.request import MAX_CHARACTERS
from negprompt.errors import ModelError, PromptError, RequestError
from negprompt.models.families import family_of
from negprompt.models.load import Model
from negprompt.models.schedulers import SCHEDULERS
from negprompt.trace import Finished, Stepped, to_json

SMALL: dict[str, Any] = {"steps": 3, "cfg": 5.0}
PIPES: dict[str, Callable[[], Any]] = {
    "sd": tiny_sd,
    "sdxl": tiny_sdxl,
    "sd3": tiny_sd3,
    "zero-snr": lambda: tiny_sd(schedule=zero_snr()),
}
each_pipe = pytest.mark.parametrize("name", PIPES)


def model(name: str = "sd") -> Model:
    pipe = PIPES[name]()
    return Model(pipe, "tiny", family_of(pipe))


def make(
    prompt: str, *negative: str, name: str = "sd", observe: Any = None, **settings: Any
) -> Generation:
    request = Request(prompt=prompt, negative=negative or None, **(SMALL | settings))
    return run(request, model=model(name), observe=observe)


def apart(a: Image.Image, b: Image.Image) -> int:
    """The largest difference of two pictures, of 255."""
    return int(np.abs(np.asarray(a, dtype=int) - np.asarray(b, dtype=int)).max())


def test_more_steps_than_the_schedule_has_are_told_before_the_first() -> None:
    with pytest.raises(RequestError, match="at most 998") as caught:
        make("a cat", steps=1000)
    assert caught.value.code == "value-out-of-range"


@each_pipe
@pytest.mark.parametrize("negative", [None, "", "blurry, watermark"])
def test_an_image_is_the_one_that_diffusers_makes(name: str, negative: str | None) -> None:
    negatives = () if negative is None else (negative,)
    made = make("a cat", *negatives, name=name, seed=11)
    wanted = PIPES[name]()(
        "a cat",
        negative_prompt=negative,
        guidance_scale=5.0,
        num_inference_steps=3,
        generator=torch.Generator("cpu").manual_seed(11),
    ).images[0]
    assert apart(made.images[0], wanted) <= 1


@pytest.mark.parametrize("scheduler", [None, "euler-a"])
def test_a_picture_of_the_shipped_weights_is_the_one_that_diffusers_makes(
    scheduler: str | None,
) -> None:
    """Plain ``from_pretrained(dir)`` and the pocket model of the engine, 25 steps, float32."""
    prompt, negative = "a red house on a beach", "parasol"
    made = run(Request(prompt=prompt, negative=(negative,), seed=3, scheduler=scheduler))
    pipe = StableDiffusionPipeline.from_pretrained(files("negprompt") / "models" / "pocket")
    if scheduler is not None:
        pipe.scheduler = EulerAncestralDiscreteScheduler.from_config(pipe.scheduler.config)
    wanted = pipe(
        prompt,
        negative_prompt=negative,
        guidance_scale=made.request.cfg,
        num_inference_steps=made.request.steps,
        generator=torch.Generator("cpu").manual_seed(3),
    ).images[0]
    assert (made.request.steps, made.request.cfg) == (25, 4.0)
    assert apart(made.images[0], wanted) <= 1


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_an_image_is_diffusers_own_under_every_scheduler(scheduler: str) -> None:
    from negprompt.models.schedulers import build

    made = make("a cat", "blurry", name="zero-snr", scheduler=scheduler)
    pipe = PIPES["zero-snr"]()
    pipe.scheduler = build(scheduler, pipe.scheduler.config)
    wanted = pipe(
        "a cat",
        negative_prompt="blurry",
        guidance_scale=5.0,
        num_inference_steps=3,
        generator=torch.Generator("cpu").manual_seed(0),
    ).images[0]
    assert apart(made.images[0], wanted) <= 1
    assert made.cost.passes == 6


def test_the_pipeline_gets_its_scheduler_back() -> None:
    tiny = model()
    own = tiny.pipe.scheduler
    run(Request(prompt="a cat", scheduler="euler", **SMALL), model=tiny)
    assert tiny.pipe.scheduler is own


@each_pipe
def test_two_roads_to_one_image(name: str) -> None:
    one = make("a cat", "blurry", name=name, cfg=1.0)
    two = make("a cat", "a cat", name=name)
    assert apart(one.images[0], two.images[0]) == 0
    for made in (one, two):
        assert (made.cost.passes, made.cost.passes_per_step) == (3, 1)
    assert [n.code for n in one.notices] == ["scale-one"]
    assert [n.code for n in two.notices] == ["negative-equals-positive"]


@pytest.mark.parametrize(("negatives", "passes"), [((), 2), (("a",), 2), (("a", "dog", "boat"), 4)])
def test_the_cost_is_one_pass_and_one_for_each_negative(
    negatives: tuple[str, ...], passes: int
) -> None:
    made = make("a cat", *negatives, count=2)
    assert (made.cost.passes, made.cost.passes_per_step) == (3 * passes, passes)
    assert isinstance(made.cost, Cost)
    assert made.cost.seconds > 0


def test_an_image_depends_on_its_own_seed_only() -> None:
    ten = make("a cat", "blurry", count=10, seed=5)
    assert ten.seeds == tuple(range(5, 15))
    for place in (0, 7, 8, 9):
        alone = make("a cat", "blurry", seed=5 + place)
        assert apart(ten.images[place], alone.images[0]) <= 2


def test_the_same_request_gives_the_same_image_bit_for_bit() -> None:
    one, two = (make("a (cat:1.2)", "blurry", "(watermark)", scheduler="euler-a") for _ in range(2))
    assert apart(one.images[0], two.images[0]) == 0


def test_weights_of_composed_negatives_count_relative_to_each_other() -> None:
    settings: dict[str, Any] = {"cfg": 8.0}
    even, more, scaled = (
        make("a cat", "blurry", "dog", negative_weights=weights, **settings).images[0]
        for weights in ((1, 1), (1, 9), (2, 18))
    )
    assert apart(more, scaled) <= 1
    assert apart(even, more) > 1


def test_the_weight_of_a_single_negative_cancels_and_that_is_said() -> None:
    plain, weighted = (make("a cat", "dog", negative_weights=(w,)) for w in (1.0, 3.0))
    assert apart(plain.images[0], weighted.images[0]) == 0
    assert [n.code for n in weighted.notices] == ["negative-weight-inert"]
    assert plain.notices == ()


def test_the_pocket_model_knows_its_words() -> None:
    pocket = replace(model(), name="pocket")
    made = run(Request(prompt="a cat", negative=("blurry wombat",), steps=1), model=pocket)
    assert [n.code for n in made.notices] == ["term-unknown"]
    assert "'wombat'" in made.notices[0].text
    assert made.request.cfg == 4.0


def test_a_model_that_breaks_is_told() -> None:
    tiny = model()
    torch.nn.init.constant_(tiny.pipe.unet.conv_out.bias, float("nan"))
    with pytest.raises(ModelError) as caught:
        run(Request(prompt="a cat", **SMALL), model=tiny)
    assert caught.value.code == "prediction-not-finite"
    assert "forward" not in tiny.pipe.unet.__dict__


def test_what_was_left_open_is_filled_in() -> None:
    made = run(Request(prompt="a cat", steps=2), model=model("sdxl"))
    request = made.request
    assert (request.cfg, request.steps, request.size) == (5.0, 2, (32, 32))
    assert (request.model, made.sampler) == ("tiny", "DDIM")
    assert made.images[0].size == (32, 32)
    assert run(Request(prompt="a cat", size=(48, 24), **SMALL), model=model()).images[0].size == (
        48,
        24,
    )


def test_steps_are_counted_over_all_batches() -> None:
    seen: list[tuple[int, int]] = []
    request = Request(prompt="a cat", count=9, steps=2)
    run(request, model=model(), on_step=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_the_trace_tells_every_stage_in_order_as_json() -> None:
    made = make("a cat", "blurry, (dog:1.5)", name="zero-snr", count=2)
    told = [json.loads(json.dumps(to_json(event), allow_nan=False)) for event in made.trace]
    stages = list(dict.fromkeys(event["event"] for event in told))
    assert stages == ["parsed", "planned", "encoded", "stepped", "finished"]
    assert told[1]["terms"] == [["blurry", 1.0, "user"], ["dog", 1.5, "user"]]
    assert told[2] | {"positive_tokens": 2, "chunks": 1, "against": "negative"} == told[2]
    stepped = [event for event in made.trace if isinstance(event, Stepped)]
    assert [(e.index, e.image) for e in stepped] == [(i, j) for i in range(3) for j in range(2)]
    assert stepped[0].log_snr == -20
    for e in stepped:
        assert e.norm_positive_minus_negative is not None
        assert e.norm_guided_minus_positive == pytest.approx(
            4 * e.norm_positive_minus_negative, rel=1e-4
        )
        assert e.cosine is not None
        assert -1.001 <= e.cosine <= 1.001
    assert isinstance(made.trace[-1], Finished)


def test_without_a_negative_the_trace_says_what_the_prompt_is_held_against() -> None:
    made = make("a cat")
    (encoded,) = (to_json(e) for e in made.trace if to_json(e)["event"] == "encoded")
    assert encoded["against"] == "null"
    assert made.plan.effective_negative == ""


def test_a_run_can_be_watched() -> None:
    seen: list[Any] = []
    make("a cat", "blurry", observe=seen.append)
    assert [s.step.index for s in seen] == [0, 1, 2]
    assert all(len(s.branches.negatives) == 1 for s in seen)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"steps": 0}, "value-out-of-range"),
    ({"steps": -3}, "value-out-of-range"),
    ({"steps": 2.5}, "value-out-of-range"),
    ({"steps": True}, "value-out-of-range"),
    ({"cfg": 0.5}, "value-out-of-range"),
    ({"cfg": float("nan")}, "value-out-of-range"),
    ({"cfg": "4"}, "value-out-of-range"),
    ({"count": 0}, "value-out-of-range"),
    ({"seed": -1}, "value-out-of-range"),
    ({"seed": 2**63}, "value-out-of-range"),
    ({"rescale": 2}, "value-out-of-range"),
    ({"size": (100, 128)}, "value-out-of-range"),
    ({"size": (0, 128)}, "value-out-of-range"),
    ({"size": (128,)}, "value-out-of-range"),
    ({"scheduler": "heun"}, "scheduler-unknown"),
    ({"scheduler": "lms"}, "scheduler-unknown"),
    ({"rule": "perp"}, "rule-unknown"),
    ({"scheme": "no-such"}, "scheme-unknown"),
    ({"negative": "blurry"}, "negative-not-a-list"),
    ({"negative": ("a",), "negative_weights": (1, 2)}, "negative-weights-mismatch"),
    ({"negative": ("a",), "negative_weights": (float("inf"),)}, "negative-weight-invalid"),
    ({"prompt": 7}, "prompt-not-text"),
]


@pytest.mark.parametrize(("settings", "code"), BAD, ids=lambda value: str(value)[:40])
def test_a_mistake_is_told_when_the_request_is_made(settings: dict[str, Any], code: str) -> None:
    with pytest.raises(RequestError) as caught:
        Request(**({"prompt": "a cat"} | settings))
    assert caught.value.code == code
    assert "—" in str(caught.value)


def test_half_a_character_is_no_text() -> None:
    with pytest.raises(PromptError) as caught:
        Request(prompt="a cat", negative=("b\ud800",))
    assert caught.value.code == "text-not-unicode"
    assert caught.value.caret()


MEGABYTE = 1_000_000


@pytest.mark.parametrize(
    "piece", ["cat ", "a", "a, ", "(a:1.1)", "\x00", "\u202e", "(", "[", "BREAK "]
)
def test_a_text_beyond_reason_is_refused_at_once(piece: str) -> None:
    with pytest.raises(PromptError) as caught:
        Request(prompt="a cat", negative=(piece * (MEGABYTE // len(piece)),))
    assert caught.value.code == "prompt-too-long"
    assert len(caught.value.caret()) < 500


@pytest.mark.parametrize(
    "piece",
    [
        "cat ",
        "a, ",
        "\x00",
        "é",
        *(pytest.param(p, marks=pytest.mark.slow) for p in ("(a:1.1)", "BREAK ")),
    ],
)
def test_a_text_of_too_many_tokens_is_refused(piece: str) -> None:
    with pytest.raises(PromptError) as caught:
        make(piece * (MAX_CHARACTERS // len(piece)))
    assert caught.value.code == "prompt-too-long"


def test_ten_thousand_brackets_are_an_answer_or_an_error() -> None:
    with pytest.raises(PromptError) as caught:
        make("(" * 10_000 + "cat")
    assert caught.value.code == "weight-not-finite"
    assert len(make("[(" * 5_000 + "cat").images) == 1


@pytest.mark.parametrize("text", ["a\x00cat", "\u202ea cat", "(" * 200, "", "   ", "\\"])
def test_odd_texts_make_images(text: str) -> None:
    assert len(make(text, text + " blurry").images) == 1


def test_what_is_given_of_a_request_is_what_differs_from_its_defaults() -> None:
    assert Request(prompt="", seed=0).given == {"prompt": ""}
    given = Request(prompt="a cat", negative=("blurry",), cfg=2.0).given
    assert given == {"prompt": "a cat", "negative": ("blurry",), "cfg": 2.0}
    beside = Request(prompt="", embeddings=Path("here"), today=date(2026, 11, 26)).given
    assert beside == {"prompt": "", "embeddings": "here", "today": "2026-11-26"}
