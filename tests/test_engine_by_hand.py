"""Latents of every family: diffusers' own under each usual scheduler, three negatives by hand.

Within 1e-4 · max(1, max|x|) in float32 at the same batch shape; from noise, from a picture, and
inside a mask.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image
from tests.test_engine_flow import close, latents, make
from tests.tiny_models import tiny_flux, tiny_sd, tiny_sd2, tiny_sd3, tiny_sdxl
from torch import Tensor

import negprompt
from negprompt.models.families import family_of
from negprompt.models.schedulers import SCHEDULERS, build

PIPES: dict[str, Callable[[], Any]] = {
    "sd1": tiny_sd,
    "sd2": tiny_sd2,
    "sdxl": tiny_sdxl,
    "sd3": tiny_sd3,
    "flux": tiny_flux,
}
KINDS = {"sd1": "StableDiffusion", "sd2": "StableDiffusion", "sdxl": "StableDiffusionXL",
         "sd3": "StableDiffusion3", "flux": "Flux"}  # fmt: skip
SIDE = {"width": 32, "height": 32}
THREE: dict[str, Any] = {
    "negative": ("blurry", "(dog:1.3), boat", "watermark"),
    "negative_weights": (1.0, 2.0, 0.5),
}
SCHEDULED = [
    *((family, name) for family in ("sd1", "sd2", "sdxl") for name in SCHEDULERS),
    *((family, "euler") for family in ("sd3", "flux")),
]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("pictures")
    values = np.random.default_rng(3).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(values).save(root / "image.png")
    half = np.zeros((32, 32), dtype=np.uint8)
    half[:, 16:] = 255
    Image.fromarray(half).save(root / "mask.png")
    return {"image": str(root / "image.png"), "mask": str(root / "mask.png")}


def own(pipe: Any, family: str, **settings: Any) -> Tensor:
    """The latents of a call of diffusers' own."""
    scale = "true_cfg_scale" if family == "flux" else "guidance_scale"
    given = {scale: 5.0} | settings
    generator = [torch.Generator("cpu").manual_seed(seed) for seed in (3, 4)]
    with latents(pipe) as made:
        pipe("a cat", num_images_per_prompt=2, num_inference_steps=4, generator=generator, **given)
    return torch.cat(made)


@pytest.mark.parametrize(("family", "scheduler"), SCHEDULED)
def test_one_negative_is_diffusers_own_under_every_scheduler(family: str, scheduler: str) -> None:
    made, generation = make(
        PIPES[family](), negative=("blurry",), scheduler=scheduler, steps=4, size=(32, 32)
    )
    pipe = PIPES[family]()
    pipe.scheduler = build(scheduler, pipe.scheduler.config)
    assert close(made, own(pipe, family, negative_prompt="blurry", **SIDE))
    assert generation.cost.passes == 8


def by_hand(pipe: Any, weights: tuple[float, ...]) -> Callable[..., Any]:
    """A denoiser that calls the real one for each text alone: p + 4·Σ wᵢ(p − nᵢ) / Σ wᵢ."""
    family = family_of(pipe)
    encoders, original = family.encoders(pipe), family.denoiser(pipe).forward
    texts = ("a cat", *THREE["negative"])
    encoded = [encoders.encode(negprompt.parse(text)) for text in texts]

    def forward(*args: Any, **asked: Any) -> Any:
        each = []
        for e in encoded:
            rows = asked["encoder_hidden_states"].shape[0]
            other: dict[str, Any] = {"encoder_hidden_states": e.whole.expand(rows, -1, -1)}
            if e.pooled is not None and "pooled_projections" in asked:
                other["pooled_projections"] = e.pooled.expand(rows, -1)
            elif e.pooled is not None and asked.get("added_cond_kwargs"):
                pooled = {"text_embeds": e.pooled.expand(rows, -1)}
                other["added_cond_kwargs"] = asked["added_cond_kwargs"] | pooled
            each.append(original(*args, **asked | other)[0])
        p, negatives = each[0], each[1:]
        push = sum(w * (p - n) for w, n in zip(weights, negatives, strict=True)) / sum(weights)
        return (p + 4.0 * push,)

    return forward


def started(
    pipe: Any, family: str, kind: str, pictures: dict[str, str]
) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """A pipeline of diffusers on the same parts; what it, and what the engine, starts from."""
    own_pipe = getattr(diffusers, f"{KINDS[family]}{kind}Pipeline").from_pipe(pipe)
    own_pipe.set_progress_bar_config(disable=True)
    start: dict[str, Any] = {"image": pictures["image"], "strength": 0.75} if kind else {}
    settings: dict[str, Any] = dict(start)
    if kind:
        settings["image"] = [Image.open(pictures["image"])] * 2
    if kind == "Inpaint":
        start["mask"] = pictures["mask"]
        settings["mask_image"] = Image.open(pictures["mask"])
    if kind != "Img2Img" or family in ("sd3", "flux"):
        settings |= SIDE
    return own_pipe, settings, start


@pytest.mark.parametrize("family", PIPES)
@pytest.mark.parametrize("kind", ["Img2Img", "Inpaint"])
def test_one_negative_is_diffusers_own_from_a_picture_on(
    pictures: dict[str, str], family: str, kind: str
) -> None:
    pipe = PIPES[family]()
    own_pipe, settings, start = started(pipe, family, kind, pictures)
    if family == "flux":  # diffusers embeds 7 by default where it starts from a picture
        settings["guidance_scale"] = 3.5
    wanted = own(own_pipe, family, negative_prompt="blurry", **settings)
    made, generation = make(pipe, steps=4, size=(32, 32), negative=("blurry",), **start)
    assert close(made, wanted)
    assert generation.cost.passes == 6


@pytest.mark.parametrize("family", PIPES)
@pytest.mark.parametrize("kind", ["", "Img2Img", "Inpaint"])
def test_three_weighted_negatives_are_the_formula_by_hand(
    pictures: dict[str, str], family: str, kind: str
) -> None:
    pipe = PIPES[family]()
    own_pipe, settings, start = started(pipe, family, kind, pictures)
    made, generation = make(pipe, steps=4, size=(32, 32), **start, **THREE)
    settings["guidance_scale"] = 3.5 if family == "flux" else 1.0
    if family == "flux":
        settings["true_cfg_scale"] = 1.0
    denoiser = family_of(pipe).denoiser(pipe)
    denoiser.forward = by_hand(pipe, THREE["negative_weights"])
    wanted = own(own_pipe, family, **settings)
    del denoiser.forward
    assert close(made, wanted)
    assert generation.cost.passes == 4 * (3 if kind else 4)


def test_the_bound_can_be_missed(tmp_path: Path) -> None:
    """Weights that differ by a hundredth give latents that differ by more."""
    pipe = tiny_sd()
    near = THREE | {"negative_weights": (1.0, 2.0, 0.51)}
    one, two = (make(pipe, size=(32, 32), steps=4, **given)[0] for given in (THREE, near))
    assert not close(one, two)
