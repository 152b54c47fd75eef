"""Single files: families by their keys, equal to the folder, and one line for every wrong file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from tests import single_files
from tests.tiny_models import autoencoder, tiny_sd, tiny_sdxl

from negprompt.engine import Request, run
from negprompt.errors import ModelError
from negprompt.models.choices import Loading
from negprompt.models.header import kind_of, shapes_of
from negprompt.models.load import Model, load
from negprompt.models.single import CONFIGS, configs

TINY: dict[str, Callable[[], Any]] = {"sd1": tiny_sd, "sdxl": tiny_sdxl}
each_family = pytest.mark.parametrize("family", TINY)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    """Folder and single file of each family."""
    root = tmp_path_factory.mktemp("models")
    found = {}
    for family, make in TINY.items():
        pipe = make()
        pipe.save_pretrained(root / family)
        found[family] = root / family, single_files.save(pipe, root / f"{family}.safetensors")
    return found


def picture(model: Model) -> Image.Image:
    request = Request(prompt="a cat on a beach", negative=("blurry",), steps=3, cfg=5.0, seed=4)
    return run(request, model=model).images[0]


@each_family
def test_a_single_file_and_a_folder_give_equal_pictures(
    places: dict[str, tuple[Path, Path]], family: str
) -> None:
    folder, file = places[family]
    whole = load(str(folder), device="cpu")
    single = load(str(file), device="cpu", loading=Loading(config=str(folder)))
    assert single.family.name == family
    for part in ("unet", "vae", "text_encoder"):
        wanted = getattr(whole.pipe, part).state_dict()
        made = getattr(single.pipe, part).state_dict()
        assert made.keys() == wanted.keys()
        assert all(torch.equal(made[key], wanted[key]) for key in wanted)
    assert (np.asarray(picture(whole)) == np.asarray(picture(single))).all()


@each_family
def test_the_kind_is_told_by_the_header(places: dict[str, tuple[Path, Path]], family: str) -> None:
    assert kind_of(shapes_of(places[family][1])) == family


def test_a_file_that_predicts_velocity_says_so(
    places: dict[str, tuple[Path, Path]], tmp_path: Path
) -> None:
    marks = {"v_pred": torch.zeros(1), "ztsnr": torch.zeros(1)}
    file = single_files.save(tiny_sdxl(), tmp_path / "v.safetensors", **marks)
    model = load(str(file), device="cpu", loading=Loading(config=str(places["sdxl"][0])))
    assert model.pipe.scheduler.config.prediction_type == "v_prediction"
    assert model.pipe.scheduler.config.rescale_betas_zero_snr


WRONG: dict[str, tuple[dict[str, tuple[int, ...]], str]] = {
    "a LoRA": ({"lora_unet_mid_block_attentions_0.lora_down.weight": (4, 8)}, "--lora"),
    "an autoencoder": ({"decoder.conv_in.weight": (8, 4, 3, 3)}, "--vae"),
    "an inversion": ({"emb_params": (8, 768)}, "--embeddings"),
    "a U-Net": ({"model.diffusion_model.input_blocks.0.0.weight": (8, 4, 3, 3)}, "autoencoder"),
    "a ControlNet": ({"control_model.time_embed.0.weight": (8, 8), "a": (1,), "b": (1,)}, "Flux"),
    "nothing known": ({"a": (1, 1, 1)}, "Flux"),
    "a model for inpainting": (
        {"model.diffusion_model.input_blocks.0.0.weight": (8, 9, 3, 3)}, "text to image",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_file_of_another_kind_is_told_with_its_cure(tmp_path: Path, name: str) -> None:
    shapes, cure = WRONG[name]
    file = tmp_path / "wrong.safetensors"
    save_file({key: torch.zeros(shape) for key, shape in shapes.items()}, file)
    with pytest.raises(ModelError) as caught:
        load(str(file), device="cpu")
    assert caught.value.code == "file-not-model"
    assert cure in caught.value.cure
    assert "\n" not in str(caught.value)


def test_a_transformer_whose_other_parts_are_not_packaged_asks_for_them(tmp_path: Path) -> None:
    file = tmp_path / "flux.safetensors"
    names = ("double_blocks.0.img_attn.norm.key_norm.scale", "a", "b")
    save_file({name: torch.zeros(8) for name in names}, file)
    with pytest.raises(ModelError) as caught:
        load(str(file), device="cpu")
    assert caught.value.code == "config-needed"
    assert "--config" in caught.value.cure


def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    file = tmp_path / "model.ckpt"
    file.write_bytes(b"cos\nsystem\n")
    with pytest.raises(ModelError) as caught:
        load(str(file), device="cpu")
    assert caught.value.code == "file-pickled"


@pytest.mark.parametrize("size", [0, 4, 100, -1])
def test_a_damaged_file_is_told(
    places: dict[str, tuple[Path, Path]], tmp_path: Path, size: int
) -> None:
    file = tmp_path / "cut.safetensors"
    file.write_bytes(places["sd1"][1].read_bytes()[:size])
    with pytest.raises(ModelError) as caught:
        load(str(file), device="cpu")
    assert caught.value.code == "file-damaged"


def test_a_file_that_is_not_there_is_no_hub_id() -> None:
    with pytest.raises(ModelError) as caught:
        load("models/gone.safetensors")
    assert caught.value.code == "model-unknown"


def test_a_configuration_of_another_family_is_told(places: dict[str, tuple[Path, Path]]) -> None:
    with pytest.raises(ModelError) as caught:
        load(str(places["sd1"][1]), device="cpu", loading=Loading(config="sdxl"))
    assert caught.value.code == "config-unknown"
    with pytest.raises(ModelError) as caught:
        load(str(places["sd1"][1]), device="cpu", loading=Loading(config=str(places["sdxl"][0])))
    assert caught.value.code == "config-unknown"


def test_weights_that_do_not_fit_the_configuration_are_told(
    places: dict[str, tuple[Path, Path]],
) -> None:
    with pytest.raises(ModelError) as caught:
        load(str(places["sd1"][1]), device="cpu")  # tiny, the configuration inside is not
    assert caught.value.code == "config-misfit"
    assert "--config" in caught.value.cure
    assert "\n" not in str(caught.value)


@each_family
def test_an_autoencoder_is_exchanged(
    places: dict[str, tuple[Path, Path]], tmp_path: Path, family: str
) -> None:
    folder, file = places[family]
    torch.manual_seed(9)
    other = autoencoder()
    other.save_pretrained(tmp_path / "other")
    bare = tmp_path / "other.safetensors"
    state = single_files.autoencoder(other)
    single_files.write({k.removeprefix(single_files.VAE): v for k, v in state.items()}, bare)
    wanted = other.state_dict()
    for model, config in ((folder, None), (file, str(folder))):
        for vae in (tmp_path / "other", bare):
            loading = Loading(config=config, vae=str(vae))
            made = load(str(model), device="cpu", loading=loading).pipe.vae.state_dict()
            assert all(torch.equal(made[key], wanted[key]) for key in wanted)


def test_a_file_without_an_autoencoder_asks_for_one(
    places: dict[str, tuple[Path, Path]], tmp_path: Path
) -> None:
    folder, file = places["sd1"]
    state = {k: v for k, v in load_file(file).items() if not k.startswith(single_files.VAE)}
    bare = tmp_path / "bare.safetensors"
    save_file(state, bare)
    with pytest.raises(ModelError) as caught:
        load(str(bare), device="cpu", loading=Loading(config=str(folder)))
    assert caught.value.code == "file-partial"
    vae = Loading(config=str(folder), vae=str(folder))
    assert load(str(bare), device="cpu", loading=vae).pipe.vae is not None


def test_an_autoencoder_of_another_family_is_told(
    places: dict[str, tuple[Path, Path]], tmp_path: Path
) -> None:
    other = autoencoder()
    other.register_to_config(scaling_factor=0.13025)
    other.save_pretrained(tmp_path)
    for vae in (str(tmp_path), str(places["sd1"][1].with_name("gone"))):
        with pytest.raises(ModelError) as caught:
            load(str(places["sd1"][0]), device="cpu", loading=Loading(vae=vae))
        assert caught.value.code in ("vae-misfit", "vae-unknown")


PARAMETERS = {
    "sd1": 859_520_964,
    "sd2": 865_910_724,
    "sd2-base": 865_910_724,
    "sdxl": 2_567_463_684,
}


@pytest.mark.parametrize("name", CONFIGS)
def test_the_configurations_inside_are_those_of_the_published_models(name: str) -> None:
    from diffusers import AutoencoderKL, UNet2DConditionModel

    folder = configs(CONFIGS[name], name)
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(folder / "unet"))
        vae = AutoencoderKL.from_config(AutoencoderKL.load_config(folder / "vae"))
    assert sum(p.numel() for p in unet.parameters()) == PARAMETERS[name]
    assert sum(p.numel() for p in vae.parameters()) == 83_653_863
