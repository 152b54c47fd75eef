"""Steering a pipeline that the user calls: the same images, by the user's own way of calling."""

from typing import Any

import numpy as np
import pytest
import torch
from diffusers import LCMScheduler, StableDiffusionImg2ImgPipeline
from PIL import Image, ImageChops
from tests.tiny_models import tiny_sd, tiny_sd3, tiny_sdxl
from torch import Tensor

import negprompt
from negprompt.errors import ModelError, Notice, PromptError, RequestError
from negprompt.models.families import family_of

PIPES = {"sd": tiny_sd, "sdxl": tiny_sdxl, "sd3": tiny_sd3}
each_pipe = pytest.mark.parametrize("name", PIPES)


def call(pipe: Any, prompt: str = "a cat", **settings: Any) -> Tensor:
    """Latents of a user's own call."""
    settings = {"guidance_scale": 5.0, "num_inference_steps": 3} | settings
    generator = torch.Generator("cpu").manual_seed(3)
    latents: Tensor = pipe(prompt, generator=generator, output_type="latent", **settings).images
    return latents


def close(a: Tensor, b: Tensor) -> bool:
    return float((a - b).abs().max()) <= 1e-4 * max(1.0, float(b.abs().max()))


@each_pipe
def test_a_negative_acts_as_the_pipelines_own_would(name: str) -> None:
    pipe = PIPES[name]()
    wanted = call(pipe, negative_prompt="blurry")
    with negprompt.steer(pipe, negative="blurry") as steering:
        assert close(call(pipe), wanted)
        assert close(call(pipe), wanted)
    assert (steering.passes, steering.calls) == (12, 6)
    assert steering.notices == ()
    assert not close(call(pipe), wanted)


@each_pipe
def test_several_images_of_several_prompts(name: str) -> None:
    pipe = PIPES[name]()
    generators = [torch.Generator("cpu").manual_seed(seed) for seed in range(4)]
    settings: dict[str, Any] = {"num_images_per_prompt": 2, "num_inference_steps": 2}

    def images(**more: Any) -> Tensor:
        made: Tensor = pipe(
            ["a cat", "a dog"],
            generator=[g.manual_seed(i) for i, g in enumerate(generators)],
            output_type="latent",
            **settings,
            **more,
        ).images
        return made

    wanted = images(negative_prompt=["blurry", "blurry"])
    with negprompt.steer(pipe, negative="blurry"):
        assert close(images(), wanted)


def test_the_scale_is_the_calls_unless_it_is_given() -> None:
    pipe = tiny_sd()
    wanted = call(pipe, negative_prompt="blurry", guidance_scale=3.0)
    with negprompt.steer(pipe, negative="blurry", scale=3.0):
        assert close(call(pipe, guidance_scale=9.0), wanted)
        assert close(call(pipe, guidance_scale=1.0), wanted)


def test_the_calls_own_rescale_is_kept() -> None:
    pipe = tiny_sd()
    wanted = call(pipe, negative_prompt="blurry", guidance_rescale=0.7)
    with negprompt.steer(pipe, negative="blurry"):
        assert close(call(pipe, guidance_rescale=0.7), wanted)


def test_without_a_negative_the_calls_own_is_used() -> None:
    pipe = tiny_sd()
    wanted = call(pipe, negative_prompt="blurry")
    with negprompt.steer(pipe) as steering:
        assert close(call(pipe, negative_prompt="blurry"), wanted)
    assert steering.notices == ()


def test_a_negative_of_the_call_gives_way_and_that_is_said() -> None:
    pipe = tiny_sd()
    wanted = call(pipe, negative_prompt="blurry")
    with negprompt.steer(pipe, negative="blurry") as steering:
        assert close(call(pipe, negative_prompt="dog"), wanted)
    assert [n.code for n in steering.notices] == ["negative-replaced"]


@each_pipe
def test_scale_one_is_one_pass_and_that_is_said(name: str) -> None:
    pipe = PIPES[name]()
    with negprompt.steer(pipe, negative="blurry") as steering:
        one = call(pipe, guidance_scale=1.0)
    assert (steering.passes, steering.calls) == (3, 3)
    assert [n.code for n in steering.notices] == ["scale-one"]
    with negprompt.steer(pipe, negative="a cat") as steering:
        assert close(call(pipe), one)
    assert (steering.passes, steering.calls) == (3, 3)


@each_pipe
def test_a_pipeline_made_for_few_steps_says_what_a_negative_does_there(name: str) -> None:
    pipe = PIPES[name]()
    pipe.register_to_config(_name_or_path="owner/name-turbo")
    said: dict[float, Notice] = {}
    for scale in (1.0, 5.0):
        with negprompt.steer(pipe, negative="blurry") as steering:
            assert [*steering.notices] == []
            call(pipe, guidance_scale=scale)
        said[scale] = {notice.code: notice for notice in steering.notices}["few-step-model"]
    assert "no negative acts" in said[1.0].text
    assert "may burn" in said[5.0].text
    assert "1.5 to 2" in said[5.0].text


def test_a_pipeline_made_for_few_steps_is_known_by_its_scheduler() -> None:
    pipe = tiny_sd()
    pipe.scheduler = LCMScheduler.from_config(pipe.scheduler.config)
    with negprompt.steer(pipe, negative="blurry") as steering:
        call(pipe)
    assert [n.code for n in steering.notices] == ["few-step-model"]


@each_pipe
def test_composed_negatives_are_those_of_the_engine(name: str) -> None:
    pipe = PIPES[name]()
    negatives, weights = ["blurry", "(dog:1.3), boat"], (1.0, 2.0)
    with negprompt.steer(pipe, negative=negatives, negative_weights=weights) as steering:
        image = pipe(
            "a cat",
            guidance_scale=5.0,
            num_inference_steps=3,
            generator=torch.Generator("cpu").manual_seed(3),
        ).images[0]
    assert steering.passes == 9
    family = negprompt.Model(pipe, "tiny", family_of(pipe))
    settings: dict[str, Any] = {"negative_weights": weights, "cfg": 5.0, "steps": 3, "seed": 3}
    request = negprompt.Request(prompt="a cat", negative=tuple(negatives), **settings)
    made = negprompt.run(request, model=family).images[0]
    assert np.asarray(ImageChops.difference(image, made)).max() <= 1


def test_a_long_negative_lengthens_the_prompt() -> None:
    pipe = tiny_sd()
    with negprompt.steer(pipe, negative=", ".join(["a red cat on a boat"] * 20)) as steering:
        call(pipe)
    assert steering.passes == 6


def test_image_to_image_counts_its_own_steps() -> None:
    sd = tiny_sd()
    pipe = StableDiffusionImg2ImgPipeline(**sd.components, requires_safety_checker=False)
    pipe.set_progress_bar_config(disable=True)
    seen: list[Any] = []
    with negprompt.steer(pipe, negative="blurry", observe=seen.append):
        call(pipe, image=Image.new("RGB", (32, 32)), num_inference_steps=10, strength=0.4)
    assert [(s.step.index, s.step.total) for s in seen] == [(i, 4) for i in range(4)]


def test_mistakes_are_told_before_the_pipeline_runs() -> None:
    pipe = tiny_sd()
    with pytest.raises(RequestError), negprompt.steer(pipe, rule="perp"):
        pass
    with pytest.raises(RequestError), negprompt.steer(pipe, scale=float("nan")):
        pass
    with pytest.raises(PromptError), negprompt.steer(pipe, negative="cat " * 4000):
        pass
    with pytest.raises(ModelError), negprompt.steer(object(), negative="blurry"):
        pass
