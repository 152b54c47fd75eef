"""From a picture, and inside a mask: the same as diffusers' own negative prompt, one seam."""

from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image
from tests.tiny_models import tiny_flux, tiny_sd, tiny_sd3, tiny_sdxl

from negprompt.engine import Generation, Request, run
from negprompt.errors import OutputError, RequestError
from negprompt.models.families import family_of
from negprompt.models.load import Model

MAKE: dict[str, Any] = {
    "StableDiffusion": tiny_sd,
    "StableDiffusionXL": tiny_sdxl,
    "StableDiffusion3": tiny_sd3,
    "Flux": tiny_flux,
}
SIZED = ("StableDiffusion3", "Flux")
each_family = pytest.mark.parametrize("family", MAKE)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("pictures")
    values = np.random.default_rng(3).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(values).save(root / "image.png")
    half = np.zeros((32, 32), dtype=np.uint8)
    half[:, 16:] = 255
    Image.fromarray(half).save(root / "mask.png")
    return {"image": str(root / "image.png"), "mask": str(root / "mask.png")}


def make(pipe: Any, **settings: Any) -> Generation:
    given: dict[str, Any] = {"prompt": "a cat", "negative": ("blurry",), "steps": 6, "cfg": 5.0}
    return run(Request(**given | settings), model=Model(pipe, "tiny", family_of(pipe)))


@each_family
@pytest.mark.parametrize("kind", ["Img2Img", "Inpaint"])
@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_it_is_what_diffusers_makes(
    pictures: dict[str, str], family: str, kind: str, strength: float
) -> None:
    mask = {"mask": pictures["mask"]} if kind == "Inpaint" else {}
    pipe = MAKE[family]()
    made = make(pipe, image=pictures["image"], strength=strength, count=2, **mask)
    own = getattr(diffusers, f"{family}{kind}Pipeline").from_pipe(MAKE[family]())
    own.set_progress_bar_config(disable=True)
    given = {"mask_image": Image.open(pictures["mask"])} if mask else {}
    sides = {"height": 32, "width": 32} if mask or family in SIZED else {}
    scale = {"guidance_scale": 5.0}
    if family == "Flux":  # diffusers embeds 7 by default where it starts from a picture
        scale = {"true_cfg_scale": 5.0, "guidance_scale": 3.5}
    for seed, image in enumerate(made.images):
        wanted = own(
            "a cat", negative_prompt="blurry", image=Image.open(pictures["image"]), **given,
            **sides, **scale, strength=strength, num_inference_steps=6,
            generator=torch.Generator("cpu").manual_seed(seed),
        ).images[0]  # fmt: skip
        apart = np.abs(np.asarray(image, dtype=int) - np.asarray(wanted, dtype=int)).max()
        assert apart <= 1
    assert made.cost.passes == 2 * int(6 * strength)


def test_schedules_are_laid_over_the_steps_that_are_taken(pictures: dict[str, str]) -> None:
    start: dict[str, Any] = {"image": pictures["image"], "strength": 0.5}
    staged = make(tiny_sd(), prompt="a [cat:dog:0.34]", **start).images[0]
    first = make(tiny_sd(), prompt="a cat", **start).images[0]
    assert (np.asarray(staged) != np.asarray(first)).any()


@pytest.mark.parametrize("wrong", [{"mask": "m.png"}, {"strength": 0.5}])
def test_what_needs_a_picture_says_so(wrong: dict[str, Any]) -> None:
    with pytest.raises(RequestError) as caught:
        Request(prompt="a cat", **wrong)
    assert caught.value.code == "image-needed"


@pytest.mark.parametrize("strength", [0, 1.1, 0.1])
def test_a_strength_that_leaves_no_step_is_told(pictures: dict[str, str], strength: float) -> None:
    with pytest.raises(RequestError) as caught:
        make(tiny_sd(), image=pictures["image"], strength=strength)
    assert caught.value.code == "value-out-of-range"


def test_what_is_no_picture_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_text("no", "utf-8")
    with pytest.raises(OutputError) as caught:
        make(tiny_sd(), image=str(tmp_path / "x.png"))
    assert caught.value.code == "picture-unreadable"
