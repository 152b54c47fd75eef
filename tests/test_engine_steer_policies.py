"""Policies on a pipeline that the user calls: what acts, what is refused, what is left behind."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from PIL import ImageChops
from tests.test_engine_controls import MAKE, Steered, close, picture
from tests.test_engine_controls import call as latents
from tests.tiny_models import tiny_flux, tiny_sd, tiny_sd3, tiny_sdxl

import negprompt
from negprompt.errors import ModelError, NegpromptError, PolicyError, RequestError
from negprompt.models.families import family_of
from negprompt.policy import Layer, LayerTerm

PIPES: dict[str, Callable[[], Any]] = {
    "sd1": tiny_sd,
    "sdxl": tiny_sdxl,
    "sd3": tiny_sd3,
    "flux": tiny_flux,
}
each_pipe = pytest.mark.parametrize("name", PIPES)

HOUSE = Layer(
    name="house",
    version="1.0.0",
    rank="brand",
    mode="enforced",
    terms=(LayerTerm("watermark", 1.3), LayerTerm("low quality")),
    on_positive="refuse",
)
FLOOR = Layer(
    name="floor", version="1.0.0", rank="floor", mode="always", terms=(LayerTerm("blurry"),)
)
USUAL = replace(FLOOR, name="usual", mode="default", terms=(LayerTerm("noise"),))
ALL = (HOUSE, FLOOR, USUAL)


@cache
def pipe_of(name: str) -> Any:
    return PIPES[name]()


def call(pipe: Any, prompt: Any = "a cat", scale: float = 4.0, **settings: Any) -> list[Any]:
    """A user's own call, guided by the pipeline itself where it can be."""
    generators = [torch.Generator("cpu").manual_seed(3) for _ in range(_count(prompt))]
    settings = {"prompt": prompt, "generator": generators, "num_inference_steps": 2} | settings
    images: list[Any] = pipe(guidance_scale=scale, **settings).images
    return images


def _count(prompt: Any) -> int:
    return len(prompt) if isinstance(prompt, list) else 1


def steered(name: str, negative: Any = None, **settings: Any) -> Any:
    """``steer`` as a family needs it: Flux does not tell its scale."""
    own = {"scale": 4.0} if name == "flux" else {}
    return negprompt.steer(pipe_of(name), negative, **own | settings)


def called(name: str, prompt: Any = "a cat", **settings: Any) -> list[Any]:
    scale = {"scale": 3.5} if name == "flux" else {}
    return call(pipe_of(name), prompt, **scale | settings)


def generated(name: str, prompt: str = "a cat", **settings: Any) -> Any:
    """What the engine makes on the same pipeline."""
    pipe = pipe_of(name)
    request = negprompt.Request(prompt=prompt, cfg=4.0, steps=2, seed=3, **settings)
    return negprompt.run(request, model=negprompt.Model(pipe, "tiny", family_of(pipe)))


def same(a: Any, b: Any) -> bool:
    return bool(np.asarray(ImageChops.difference(a, b)).max() <= 1)


def refused(name: str, *, policies: Any = (HOUSE,), steer: Any = None, **settings: Any) -> str:
    """The code with which a call is refused, before anything was denoised."""
    with steered(name, policies=policies, **steer or {}) as steering:
        with pytest.raises(NegpromptError) as caught:
            called(name, **settings)
        assert steering.calls == 0
    return caught.value.code


@each_pipe
@pytest.mark.parametrize("negative", [None, "", "(scarf:1.3), hat"])
def test_the_picture_is_the_one_that_the_engine_makes(name: str, negative: str | None) -> None:
    given = None if negative is None else (negative,)
    wanted = generated(name, negative=given, policies=ALL)
    with steered(name, policies=ALL) as steering:
        (image,) = called(name, negative_prompt=negative)
    assert same(image, wanted.images[0])
    assert steering.plan.effective_negative == wanted.plan.effective_negative
    assert steering.plan.raw_negative == wanted.plan.raw_negative
    assert [n.code for n in steering.notices] == [n.code for n in wanted.plan.notices]
    assert steering.passes == wanted.cost.passes
    assert not same(image, called(name, negative_prompt=negative)[0])


@each_pipe
def test_the_negative_of_steer_is_the_users_where_it_is_given(name: str) -> None:
    wanted = generated(name, negative=("scarf",), policies=(HOUSE,))
    own = {"true_cfg_scale": 2.0} if name == "flux" else {}
    with steered(name, "scarf", policies=(HOUSE,)) as steering:
        (image,) = called(name, negative_prompt="hat", **own)
    assert same(image, wanted.images[0])
    assert [n.code for n in steering.notices] == ["negative-replaced"]


@each_pipe
def test_a_prompt_that_asks_for_it_is_refused_before_anything_is_denoised(name: str) -> None:
    assert refused(name, prompt="a cat, (water)mark") == "policy-forbids"
    assert refused(name, prompt=["a cat", "a watermark"]) == "policy-forbids"
    if name != "sd1":
        assert refused(name, prompt_2="a watermark") == "policy-forbids"
    if name == "sd3":
        assert refused(name, prompt_3="a watermark") == "policy-forbids"


@each_pipe
def test_a_prompt_is_stripped_before_the_pipeline_encodes_it(name: str) -> None:
    strip = replace(HOUSE, on_positive="strip")
    with steered(name, policies=(HOUSE,)):
        (wanted,) = called(name, "a cat, ")
    with steered(name, policies=(strip,)) as steering:
        (image,) = called(name, "a cat, watermark")
    assert same(image, wanted)
    assert [n.code for n in steering.notices] == ["prompt-stripped"]
    assert steering.plan.wanted == "a cat, "


@each_pipe
def test_at_scale_one_an_enforced_policy_refuses(name: str) -> None:
    if name == "flux":
        with (
            pytest.raises(RequestError, match="could not act"),
            steered(name, scale=1.0, policies=(HOUSE,)),
        ):
            pass
        return
    assert refused(name, scale=1.0) == "enforced-inert"
    assert refused(name, scale=1.4) == "enforced-inert"
    assert refused(name, scale=0.0) == "enforced-inert"
    with steered(name, policies=(FLOOR,)) as steering:
        called(name, scale=1.0)
    assert [n.code for n in steering.notices] == ["scale-one"]


@each_pipe
def test_nothing_is_left_on_the_pipeline(name: str) -> None:
    pipe = pipe_of(name)
    (free,) = called(name)
    with pytest.raises(NegpromptError), steered(name, policies=(HOUSE,)):
        called(name, "a watermark")
    with pytest.raises(RequestError), steered(name), steered(name, policies=(HOUSE,)):
        pass  # steered already
    assert not {"encode_prompt", "check_inputs"} & {*vars(pipe)}
    assert "forward" not in vars(family_of(pipe).denoiser(pipe))
    assert same(called(name)[0], free)


def test_a_long_prompt_is_cut_as_the_pipeline_cuts_it() -> None:
    long, light = "a red cat on a boat, " * 30, (LayerTerm("watermark"), LayerTerm("blurry"))
    with steered("sd1", "watermark, blurry"):
        (wanted,) = called("sd1", long)
    with steered("sd1", policies=(replace(HOUSE, terms=light),)):
        assert same(called("sd1", long)[0], wanted)


def test_a_method_of_the_users_own_is_there_again() -> None:
    pipe, seen = tiny_sd(), []
    encode = pipe.encode_prompt

    def encode_prompt(*args: Any, **kwargs: Any) -> Any:
        seen.append(args[0])
        return encode(*args, **kwargs)

    pipe.encode_prompt = encode_prompt
    with negprompt.steer(pipe, policies=[replace(HOUSE, on_positive="strip")]):
        call(pipe, "a watermark cat")
    assert seen == ["a  cat"]
    assert pipe.encode_prompt is encode_prompt
    assert "check_inputs" not in vars(pipe)


ESCAPES: dict[str, dict[str, Any]] = {
    "scale": {"scale": 1.0},
    "scale 0": {"scale": 0},
    "rescale": {"guidance_rescale": 50.0},
    "weight below 0": {"negative_prompt": "scarf :-1 AND hat :2"},
    "other dialect": {"steer": {"dialect": "compel"}, "negative_prompt": '("a").blend(nan)'},
    "other pictures": {"prompt": ["a cat", "a dog"], "negative_prompt": ["scarf", "hat"]},
    "a part of weight below 0": {"prompt": "a cat AND watermark :-1"},
    "a comment": {"prompt": "# watermark"},
    "look-alikes": {"prompt": "a wаter\u200bmark"},
}


@pytest.mark.parametrize("attempt", ESCAPES)
def test_an_attempt_to_get_rid_of_it_is_refused(attempt: str) -> None:
    assert refused("sd1", **ESCAPES[attempt])


@pytest.mark.parametrize("given", [{"negative_weights": (2, -1)}, {"scale": 1.0}, {"scale": 1.4}])
def test_what_steer_itself_is_given_does_not_turn_it_round(given: dict[str, Any]) -> None:
    with pytest.raises(NegpromptError) as caught:
        steered("sd1", ["scarf", "hat"], policies=(HOUSE,), **given).__enter__()
    assert caught.value.code == "enforced-inert"


WEAK = (
    "", " ", "(watermark:0)", "[watermark::0]", "# ", "BREAK", "((((", "scarf :0 AND hat", "x " * 90
)  # fmt: skip


def test_what_a_call_says_does_not_weaken_it() -> None:
    """Its tokens stand in front, as they are without any negative, in every branch."""
    with steered("sd1", policies=(HOUSE,)) as steering:
        called("sd1")
        (alone,) = heads(steering)
        for negative in WEAK:
            called("sd1", negative_prompt=negative, guidance_rescale=1.0, num_inference_steps=1)
            assert all(torch.equal(embeds, alone) for embeds in heads(steering)), negative
            assert [term.text for term in steering.plan.standing] == ["watermark", "low quality"]


def heads(steering: Any) -> list[Any]:
    """What stands in front in each negative of the last step, as the seam receives it."""
    bank = steering.seam._run.places.bank
    return [encoded.embeds[:, :77] for encoded in bank.negatives]


@pytest.mark.parametrize("name", ["sd1", "sdxl"])
def test_embeddings_are_no_text_and_that_is_said(name: str) -> None:
    pipe = pipe_of(name)
    wanted = generated(name, policies=ALL)
    names: tuple[str, ...] = ("prompt_embeds", "negative_prompt_embeds")
    names += ("pooled_prompt_embeds", "negative_pooled_prompt_embeds") if name == "sdxl" else ()
    with steered(name, policies=ALL) as steering:
        made = pipe.encode_prompt(
            prompt="a cat", device="cpu", num_images_per_prompt=1,
            do_classifier_free_guidance=True, negative_prompt="watermark",
        )  # fmt: skip
        (image,) = called(name, None, **dict(zip(names, made, strict=True)))
    assert same(image, wanted.images[0])
    assert [n.code for n in steering.notices] == ["prompt-unchecked", "negative-replaced"]
    with steered(name, policies=ALL) as steering:
        called(name, None, **dict(zip(names, made, strict=True)))
        called(name)
    assert steering.notices == ()


def test_what_the_plan_says_is_of_the_last_call() -> None:
    with steered("sd1", policies=ALL) as steering:
        assert steering.plan.effective_negative == "(watermark:1.3), low quality, blurry, noise"
        called("sd1", "a blurry cat", negative_prompt="scarf")
        assert steering.plan.effective_negative == "(watermark:1.3), low quality BREAK scarf"
        assert [n.code for n in steering.notices] == ["policy-gives-way"]
        assert {t.layer for t in steering.plan.negatives[0].terms} == {HOUSE.label, "user"}
        called("sd1", negative_prompt="")
    assert steering.plan.effective_negative == "(watermark:1.3), low quality"
    assert steering.plan.raw_negative == ""


def test_one_negative_for_all_pictures_and_text_encoders() -> None:
    pair = ["a cat", "a dog"]
    with steered("sdxl", policies=ALL):
        each = called("sdxl", pair, negative_prompt=["hat", "hat"], negative_prompt_2="hat")
        assert same(each[0], called("sdxl", negative_prompt="hat")[0])
    differing: list[dict[str, Any]] = [
        {"prompt": pair, "negative_prompt": ["hat", "scarf"]},
        {"prompt": pair, "negative_prompt": ["hat", ""]},
        {"negative_prompt": "hat", "negative_prompt_2": "scarf"},
        {"negative_prompt_2": "scarf"},
        {"prompt": ["a blurry cat", "a dog"]},
    ]
    for settings in differing:
        assert refused("sdxl", policies=ALL, **settings) == "negatives-differ"


def from_picture(name: str, kind: str, **given: Any) -> Steered:
    made = getattr(diffusers, kind)(**PIPES[name]().components)
    return made, {"image": picture(), "strength": 0.6, **given}


OTHERS: dict[str, Callable[[], Steered]] = {
    "sd1": lambda: from_picture("sd1", "StableDiffusionImg2ImgPipeline"),
    "sdxl": lambda: from_picture("sdxl", "StableDiffusionXLImg2ImgPipeline"),
    "sd3": lambda: from_picture("sd3", "StableDiffusion3Img2ImgPipeline"),
    "flux": lambda: from_picture(
        "flux", "FluxImg2ImgPipeline", true_cfg_scale=5.0, height=32, width=32
    ),
    "sd1-inpaint": lambda: from_picture(
        "sd1", "StableDiffusionInpaintPipeline", mask_image=picture()[:, :1], height=32, width=32
    ),
    **{kind: make for kind, make in MAKE.items() if "controlnet" in kind},
}
SLOW = {"sdxl-controlnet", "sd3-controlnet", "flux-controlnet"}
each_other = pytest.mark.parametrize(
    "kind", [pytest.param(k, marks=[pytest.mark.slow] if k in SLOW else []) for k in OTHERS]
)


@each_other
def test_other_pipelines_of_a_family(kind: str) -> None:
    pipe, given = OTHERS[kind]()
    light = replace(HOUSE, terms=(LayerTerm("watermark"), LayerTerm("low quality")))
    with negprompt.steer(pipe, "watermark, low quality", scale=5.0):
        wanted = latents(pipe, given)
    with negprompt.steer(pipe, policies=[light], scale=5.0) as steering:
        assert close(latents(pipe, given), wanted)
        assert not close(latents(pipe, given, negative_prompt="scarf"), wanted)
    assert steering.plan.effective_negative == "watermark, low quality BREAK scarf"
    assert steering.notices == ()
    no_cats = replace(light, terms=(LayerTerm("cat"),))
    with negprompt.steer(pipe, policies=[no_cats], scale=5.0) as steering:
        with pytest.raises(NegpromptError, match="forbids"):
            latents(pipe, given)
        assert steering.calls == 0


def test_policies_of_a_family_or_by_name() -> None:
    other = replace(HOUSE, applies_to=("sdxl",))
    with steered("sd1", policies=[other, "quality-floor"]) as steering:
        called("sd1")
    assert steering.plan.effective_negative == "low quality, artifacts, watermark, blurry"
    assert [n.code for n in steering.notices] == ["policy-not-for-model"]
    with pytest.raises(PolicyError), steered("sd1", policies=["none-of-this-name"]):
        pass
    with pytest.raises(RequestError, match="no Layer"), steered("sd1", policies=[3]):
        pass


def test_the_pocket_model_is_known_by_its_folder() -> None:
    pipe = negprompt.load("pocket").pipe
    with negprompt.steer(pipe, policies=["pocket-floor"]) as steering:
        pass
    assert steering.notices == ()
    assert steering.plan.standing


def test_a_pipeline_whose_texts_cannot_be_read_takes_no_policies() -> None:
    parts = tiny_sd().components | {"image_encoder": None}
    pipe = diffusers.StableDiffusionInstructPix2PixPipeline(**parts, requires_safety_checker=False)
    with pytest.raises(ModelError, match="encode_prompt"), negprompt.steer(pipe, policies=[HOUSE]):
        pass
    assert "forward" not in vars(pipe.unet)
