"""Flow models, SD3 and Flux, through the engine and through ``steer``: what diffusers makes.

Latents within 1e-4 · max(1, max|x|) in float32 at the same batch shape.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from tests.policy.house import house
from tests.tiny_models import tiny_flux, tiny_sd3
from torch import Tensor

import negprompt
from negprompt.engine import Generation, Request, run
from negprompt.errors import RequestError
from negprompt.models.families import FLUX, SD3, family_of
from negprompt.models.load import Model

PIPES: dict[str, Callable[..., Any]] = {"sd3": tiny_sd3, "flux": tiny_flux}
OWN: dict[str, dict[str, Any]] = {
    "sd3": {"guidance_scale": 5.0},
    "flux": {"true_cfg_scale": 5.0, "height": 32, "width": 32},
}
THREE: dict[str, Any] = {
    "negative": ("blurry", "(dog:1.3), boat", "watermark"),
    "negative_weights": (1.0, 2.0, 0.5),
}
each_family = pytest.mark.parametrize("name", PIPES)


@contextmanager
def latents(pipe: Any) -> Iterator[list[Tensor]]:
    """What the autoencoder is given to decode, in the end."""
    given: list[Tensor] = []
    decode = pipe.vae.decode

    def record(latent: Tensor, **settings: Any) -> Any:
        given.append(latent)
        return decode(latent, **settings)

    pipe.vae.decode = record
    try:
        yield given
    finally:
        del pipe.vae.decode


def call(pipe: Any, prompt: str | list[str] = "a cat", **settings: Any) -> Tensor:
    """The latents of a call of diffusers' own."""
    generator = [torch.Generator("cpu").manual_seed(seed) for seed in (3, 4)]
    given: dict[str, Any] = {"num_inference_steps": 3, "num_images_per_prompt": 2}
    with latents(pipe) as made:
        pipe(prompt, generator=generator, **given | settings)
    return torch.cat(made)


def make(pipe: Any, *, observe: Any = None, **settings: Any) -> tuple[Tensor, Generation]:
    """The latents of the engine's."""
    given: dict[str, Any] = {"prompt": "a cat", "cfg": 5.0, "steps": 3, "seed": 3, "count": 2}
    request = Request(**given | settings)
    with latents(pipe) as made:
        generation = run(request, model=Model(pipe, "tiny", family_of(pipe)), observe=observe)
    return torch.cat(made), generation


def close(a: Tensor, b: Tensor) -> bool:
    return float((a - b).abs().max()) <= 1e-4 * max(1.0, float(b.abs().max()))


def test_families_are_told_by_their_transformers() -> None:
    assert family_of(tiny_sd3()) is SD3
    assert family_of(tiny_flux()) is FLUX


@each_family
@pytest.mark.parametrize("negative", ["", "blurry, watermark"])
def test_one_negative_is_diffusers_own(name: str, negative: str) -> None:
    pipe = PIPES[name]()
    wanted = call(pipe, negative_prompt=negative, **OWN[name])
    made, generation = make(pipe, negative=(negative,))
    assert close(made, wanted)
    assert not close(make(pipe, negative=("dog",))[0], wanted)
    assert generation.cost.passes == 6


@each_family
def test_no_negative_is_an_empty_one(name: str) -> None:
    pipe = PIPES[name]()
    assert close(make(pipe)[0], call(pipe, negative_prompt="", **OWN[name]))


def test_sd3_without_t5() -> None:
    pipe = tiny_sd3(with_t5=False)
    wanted = call(pipe, negative_prompt="blurry", **OWN["sd3"])
    assert close(make(pipe, negative=("blurry",))[0], wanted)


@each_family
def test_three_weighted_negatives_are_the_formula_by_hand(name: str) -> None:
    """Each branch is a call of the transformer of its own; p + (s − 1)·Σ wᵢ(p − nᵢ) / Σ wᵢ."""
    pipe = PIPES[name]()
    encoders = family_of(pipe).encoders(pipe)
    texts = ("blurry", "(dog:1.3), boat", "watermark")
    prompts = [negprompt.parse(text) for text in ("a cat", *texts)]
    encoded = [encoders.encode(prompt) for prompt in prompts]
    weights, original = THREE["negative_weights"], pipe.transformer.forward

    def by_hand(**given: Any) -> Any:
        rows = given["hidden_states"].shape[0]
        each = [
            original(
                **given
                | {
                    "encoder_hidden_states": e.whole.expand(rows, -1, -1),
                    "pooled_projections": pooled.expand(rows, -1),
                }
            )[0]
            for e in encoded
            for pooled in [e.pooled]
            if pooled is not None
        ]
        p, negatives = each[0], each[1:]
        push = sum(w * (p - n) for w, n in zip(weights, negatives, strict=True)) / sum(weights)
        return (p + 4.0 * push,)

    pipe.transformer.forward = by_hand
    wanted = call(pipe, **OWN[name] | {"guidance_scale": 1.0 if name == "sd3" else 3.5})
    del pipe.transformer.forward
    made, generation = make(pipe, **THREE)
    assert close(made, wanted)
    assert generation.cost.passes == 12
    settings = {"scale": 5.0, "negative_weights": weights}
    with negprompt.steer(pipe, negative=texts, **settings) as steering:
        assert close(call(pipe, **OWN[name]), wanted)
    assert (steering.passes, steering.calls) == (12, 3)


@each_family
def test_steering_takes_the_place_of_the_calls_own_negative(name: str) -> None:
    pipe = PIPES[name]()
    wanted = call(pipe, negative_prompt="blurry", **OWN[name])
    with negprompt.steer(pipe, negative="blurry", scale=5.0) as steering:
        assert close(call(pipe, negative_prompt="", **OWN[name]), wanted)
        assert not steering.notices
        assert close(call(pipe, negative_prompt="dog", **OWN[name]), wanted)
    assert (steering.passes, steering.calls) == (12, 6)
    assert [notice.code for notice in steering.notices] == ["negative-replaced"]
    assert not close(call(pipe, negative_prompt="dog", **OWN[name]), wanted)


def test_flux_needs_no_true_guidance_of_its_own_to_be_steered() -> None:
    pipe = tiny_flux()
    wanted = call(pipe, negative_prompt="blurry", **OWN["flux"])
    with negprompt.steer(pipe, negative="blurry", scale=5.0):
        assert close(call(pipe, height=32, width=32), wanted)
    with negprompt.steer(pipe, negative="blurry", scale=1.0) as steering:
        alone = call(pipe, height=32, width=32)
    assert close(alone, make(pipe, cfg=1.0)[0])
    assert steering.passes == 3
    assert [n.code for n in steering.notices] == ["scale-one", "guidance-distilled"]


@pytest.mark.parametrize("own", [1.5, 5.0, 9.0])
def test_flux_is_steered_away_from_the_calls_own_negative(own: float) -> None:
    """Whatever the call's own scale is, where that is above 1: the scale is that of ``steer``."""
    pipe = tiny_flux()
    given = OWN["flux"] | {"prompt": ["a cat", "a dog"], "num_images_per_prompt": 1}
    negatives = {"negative_prompt": ["blurry", "text, boat"]}
    wanted = call(pipe, **given | negatives)
    with negprompt.steer(pipe, scale=5.0) as steering:
        assert close(call(pipe, **given | negatives | {"true_cfg_scale": own}), wanted)
    assert (steering.passes, steering.calls, steering.notices) == (6, 3, ())
    with negprompt.steer(pipe, scale=3.0, rescale=0.7):
        moved = call(pipe, **given | negatives)
    assert not close(moved, wanted)


def test_a_flux_call_that_evaluates_no_negative_is_told() -> None:
    pipe = tiny_flux()
    alone = call(pipe, height=32, width=32)
    for given in ({}, {"negative_prompt": "blurry"}, {"true_cfg_scale": 5.0}):
        with negprompt.steer(pipe, scale=5.0) as steering:
            assert close(call(pipe, height=32, width=32, **given), alone)
        assert [notice.code for notice in steering.notices] == ["negative-absent"]
        assert (steering.passes, steering.calls) == (3, 3)
    with negprompt.steer(pipe, scale=1.0) as steering:
        assert close(call(pipe, negative_prompt="blurry", **OWN["flux"]), alone)
    assert [notice.code for notice in steering.notices] == ["scale-one"]
    assert (steering.passes, steering.calls) == (3, 3)


@pytest.mark.parametrize("given", [{"negative": "blurry"}, {}])
def test_flux_is_not_steered_without_a_scale(given: dict[str, Any]) -> None:
    with pytest.raises(RequestError) as caught, negprompt.steer(tiny_flux(), **given):
        pass
    assert caught.value.code == "guidance-in-two-calls"


def test_a_flux_call_of_another_text_length_is_told() -> None:
    pipe = tiny_flux()
    with negprompt.steer(pipe, negative="blurry", scale=5.0), pytest.raises(RequestError) as caught:
        call(pipe, height=32, width=32, max_sequence_length=64)
    assert caught.value.code == "embeds-length"


def test_the_layers_that_sd3_skips_are_compared_with_the_positive() -> None:
    pipe = tiny_sd3()
    skipping: dict[str, Any] = {"skip_guidance_layers": [0], "skip_layer_guidance_stop": 1.0}
    wanted = call(pipe, negative_prompt="blurry", **OWN["sd3"], **skipping)
    with negprompt.steer(pipe, negative="blurry"):
        assert close(call(pipe, **OWN["sd3"], **skipping), wanted)
    assert not close(call(pipe, negative_prompt="blurry", **OWN["sd3"]), wanted)


@each_family
def test_what_is_seen_is_a_picture_of_latents(name: str) -> None:
    pipe = PIPES[name]()
    seen: list[Any] = []
    made, _ = make(pipe, negative=("blurry",), observe=seen.append)
    channels = 16 if name == "sd3" else 4
    assert seen[-1].clean(seen[-1].guided).shape == (2, channels, 16, 16)
    assert [s.step.index for s in seen] == [0, 1, 2]
    assert [s.step.log_snr for s in seen] == sorted(s.step.log_snr for s in seen)
    # the last step of a flow ends at the clean sample; the pipeline then scales it for decoding
    last = seen[-1].clean(seen[-1].guided) / 1.5 + 0.06
    assert close(last, made)


def test_flux_says_that_its_guidance_is_built_in() -> None:
    pipe = tiny_flux()
    made = make(pipe, cfg=None, negative=("blurry",))[1]
    assert made.request.cfg == 1
    assert made.cost.passes == 3
    assert [n.code for n in made.notices] == ["scale-one", "guidance-distilled"]
    assert [n.code for n in make(pipe, negative=("blurry",))[1].notices] == []
    assert [n.code for n in make(pipe, cfg=None)[1].notices] == ["scale-one"]


def test_flux_for_few_steps_is_told_as_such() -> None:
    made = make(tiny_flux(distilled=False), cfg=None, steps=None, negative=("blurry",))[1]
    assert (made.request.cfg, made.request.steps) == (1, 4)
    assert [n.code for n in made.notices] == ["scale-one", "few-step-model"]


def test_an_enforced_term_refuses_where_guidance_is_built_in() -> None:
    layer = house("enforced", "watermark")
    with pytest.raises(RequestError) as caught:
        make(tiny_flux(), cfg=None, policies=(layer,))
    assert caught.value.code == "enforced-inert"
    assert make(tiny_flux(), policies=(layer,))[1].cost.passes == 6


def test_a_turbo_model_of_sd3_is_told_by_its_name_and_an_enforced_term_refuses() -> None:
    model = Model(tiny_sd3(), "owner/stable-diffusion-3.5-large-turbo", SD3)
    made = run(Request(prompt="a cat", negative=("blurry",)), model=model)
    assert (made.request.cfg, made.request.steps) == (1, 4)
    assert [n.code for n in made.notices] == ["scale-one", "few-step-model"]
    with pytest.raises(RequestError) as caught:
        run(Request(prompt="a cat", policies=(house("enforced", "watermark"),)), model=model)
    assert caught.value.code == "enforced-inert"


@pytest.mark.parametrize(("name", "side"), [("sd3", 18), ("flux", 30)])
def test_a_size_that_does_not_divide_into_patches_is_told(name: str, side: int) -> None:
    pipe = PIPES[name]()
    pipe.vae_scale_factor = 8
    with pytest.raises(RequestError) as caught:
        make(pipe, size=(side // 2 * 8, 32))
    assert caught.value.code == "value-out-of-range"
    assert "16" in caught.value.cure


@each_family
def test_only_eulers_scheduler_is_for_a_flow_model(name: str) -> None:
    pipe = PIPES[name]()
    made, generation = make(pipe, scheduler="euler")
    assert generation.sampler == "Euler"
    assert close(made, make(pipe)[0])
    with pytest.raises(RequestError) as caught:
        make(pipe, scheduler="ddim")
    assert caught.value.code == "scheduler-unknown"


@each_family
def test_long_negatives_and_standing_ones_lengthen_all(name: str) -> None:
    layer = house("always", "watermark")
    long = ", ".join(["a red cat on a boat"] * 20)
    made, generation = make(PIPES[name](), negative=(long, "blurry"), policies=(layer,), count=1)
    assert made.isfinite().all()
    assert generation.cost.passes == 9
