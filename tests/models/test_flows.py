"""SD3 and Flux: single files beside a folder, autoencoders, LoRAs, textual inversions, memory."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tests import single_files
from tests.models.test_beside import apart, make
from tests.tiny_models import autoencoder, tiny_flux, tiny_sd3
from torch import Tensor

from negprompt.engine import Request, run
from negprompt.errors import ModelError
from negprompt.models.choices import Loading
from negprompt.models.header import family_of_lora, kind_of, shapes_of
from negprompt.models.load import Model, load

MAKE: dict[str, Callable[[], Any]] = {"sd3": tiny_sd3, "flux": tiny_flux}
TARGETS = {"transformer": (".attn.to_k", ".attn.to_v"), "text_encoder": ("self_attn.q_proj",)}
each_family = pytest.mark.parametrize("family", MAKE)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("flows")
    for family, made in MAKE.items():
        made().save_pretrained(root / family)
    return {family: root / family for family in MAKE}


def same(pipe: Any, wanted: Any, part: str) -> bool:
    made, state = getattr(pipe, part).state_dict(), getattr(wanted, part).state_dict()
    return made.keys() == state.keys() and all(torch.equal(made[k], state[k]) for k in state)


def drawn(model: Model) -> Any:
    request = Request(prompt="a cat", negative=("blurry",), steps=2, cfg=5.0, size=(32, 32))
    return run(request, model=model).images[0]


@pytest.mark.parametrize("whole", [True, False])
def test_a_file_of_sd3_is_the_folder_it_was_made_of(
    folders: dict[str, Path], tmp_path: Path, *, whole: bool
) -> None:
    """The folder may hold other weights of what is in the file: those of the file count."""
    pipe = tiny_sd3(seed=1) if whole else tiny_sd3()
    if whole:  # diffusers takes the projection of CLIP-L in a file of SD3 to be 1
        torch.nn.init.eye_(pipe.text_encoder.text_projection.weight)
    file = single_files.save_sd3(pipe, tmp_path / "sd35.safetensors", whole=whole)
    assert kind_of(shapes_of(file)) == "sd3"
    model = load(str(file), device="cpu", loading=Loading(config=str(folders["sd3"])))
    assert model.family.name == "sd3"
    wanted = pipe if whole else tiny_sd3()
    for part in ("transformer", "vae", "text_encoder", "text_encoder_2", "text_encoder_3"):
        assert same(model.pipe, wanted, part), part
    assert apart(drawn(model), drawn(Model(wanted, "tiny", model.family))) == 0


@pytest.mark.parametrize("key", ["double_blocks.0.img_attn.qkv.weight", "joint_blocks.0.x.weight"])
def test_a_file_without_its_configurations_asks_for_them(
    folders: dict[str, Path], tmp_path: Path, key: str
) -> None:
    file = tmp_path / "bare.safetensors"
    save_file({key: torch.zeros(2), "a": torch.zeros(1), "b": torch.zeros(1)}, file)
    other = folders["sd3" if key.startswith("double") else "flux"]
    for config, code in ((None, "config-needed"), ("sdxl", "config-unknown"), (other, "")):
        with pytest.raises(ModelError) as caught:
            load(str(file), device="cpu", loading=Loading(config=str(config) if config else None))
        assert caught.value.code == (code or "config-unknown")
        assert "the folder of a diffusers model of this family" in caught.value.cure


def test_what_neither_file_nor_folder_holds_is_told(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    pipe = tiny_sd3()
    pipe.save_pretrained(tmp_path / "config")
    for weights in (tmp_path / "config" / "text_encoder_3").glob("*.safetensors"):
        weights.unlink()
    file = single_files.save_sd3(pipe, tmp_path / "sd35.safetensors", whole=False)
    with pytest.raises(ModelError) as caught:
        load(str(file), device="cpu", loading=Loading(config=str(tmp_path / "config")))
    assert caught.value.code == "file-partial"
    assert "text_encoder_3" in str(caught.value)


@each_family
def test_an_autoencoder_is_exchanged_and_one_of_another_family_refused(
    folders: dict[str, Path], tmp_path: Path, family: str
) -> None:
    torch.manual_seed(9)
    channels = 16 if family == "sd3" else 4
    other = autoencoder(channels, shift_factor=0.06, scaling_factor=1.5)
    other.save_pretrained(tmp_path / "other")
    bare = tmp_path / "other.safetensors"
    state = single_files.autoencoder(other)
    single_files.write({k.removeprefix(single_files.VAE): v for k, v in state.items()}, bare)
    for vae in (tmp_path / "other", bare):
        model = load(str(folders[family]), device="cpu", loading=Loading(vae=str(vae)))
        made, wanted = model.pipe.vae.state_dict(), other.state_dict()
        assert all(torch.equal(made[key], wanted[key]) for key in wanted)
        assert model.pipe.vae.config.shift_factor == 0.06
    autoencoder(channels, scaling_factor=1.5).save_pretrained(tmp_path / "misfit")
    with pytest.raises(ModelError) as caught:
        load(str(folders[family]), loading=Loading(vae=str(tmp_path / "misfit")))
    assert caught.value.code == "vae-misfit"


def saved_lora(pipe: Any, file: Path) -> Path:
    """A LoRA of rank 2 on the transformer's attention and on the first text encoder."""
    torch.manual_seed(5)
    state: dict[str, Tensor] = {}
    for part, ends in TARGETS.items():
        for name, module in getattr(pipe, part).named_modules():
            if name.endswith(ends):
                bare = part == "transformer" or "text_model" in name
                inner = name if bare else f"text_model.{name}"
                wide, narrow = module.weight.shape
                state[f"{part}.{inner}.lora_A.weight"] = torch.randn(2, narrow)
                state[f"{part}.{inner}.lora_B.weight"] = torch.randn(wide, 2)
    save_file(state, file)
    return file


@each_family
def test_a_lora_acts_as_diffusers_makes_it_called_or_in_the_weights(
    folders: dict[str, Path], tmp_path: Path, family: str
) -> None:
    pipe = MAKE[family]()
    file = saved_lora(pipe, tmp_path / "ink.safetensors")
    beside = Loading(lora_dir=str(tmp_path))
    size: dict[str, Any] = {"size": (32, 32)}
    plain = make(pipe, **size).images[0]
    called = make(pipe, "a cat<lora:ink:0.6>", loading=beside, **size).images[0]
    assert apart(called, plain) > 1
    assert apart(make(pipe, **size).images[0], plain) == 0
    fused = load(str(folders[family]), device="cpu", loading=Loading(loras=((str(file), 0.6),)))
    request = Request(prompt="a cat", negative=("blurry",), steps=3, cfg=5.0, size=(32, 32))
    assert apart(run(request, model=fused).images[0], called) <= 1
    pipe.load_lora_weights(str(tmp_path), weight_name=file.name, adapter_name="ink")
    pipe.set_adapters(["ink"], [0.6])
    scale = {"guidance_scale": 5.0} if family == "sd3" else {"true_cfg_scale": 5.0}
    wanted = pipe(
        "a cat", negative_prompt="blurry", num_inference_steps=3, width=32, height=32, **scale,
        generator=torch.Generator("cpu").manual_seed(0),
    ).images[0]  # fmt: skip
    assert apart(called, wanted) <= 1


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("transformer.single_transformer_blocks.0.attn.to_k.lora_A.weight", "flux"),
        ("lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight", "flux"),
        ("lora_unet_joint_blocks_0_x_block_attn_qkv.lora_down.weight", "sd3"),
        ("transformer.transformer_blocks.0.attn.to_k.lora_A.weight", ""),
    ],
)
def test_a_lora_of_a_transformer_is_told_by_its_blocks(
    tmp_path: Path, name: str, family: str
) -> None:
    assert family_of_lora({name: (2, 8)}) == family
    save_file({name: torch.zeros(2, 8)}, tmp_path / "x.safetensors")
    other = "sd3" if family == "flux" else "flux"
    with pytest.raises(ModelError) as caught:
        make(MAKE[other](), "a cat<lora:x:1>", loading=Loading(lora_dir=str(tmp_path)))
    assert caught.value.code in ("lora-misfit", "" if family else "model-unreadable")
    assert "\n" not in str(caught.value)


@each_family
def test_a_textual_inversion_acts_through_clip(tmp_path: Path, family: str) -> None:
    torch.manual_seed(7)
    wide = {"clip_l": torch.randn(2, 16), "clip_g": torch.randn(2, 8)}
    save_file(wide if family == "sd3" else {"emb_params": wide["clip_l"]},
              tmp_path / "ugly.safetensors")  # fmt: skip
    pipe = MAKE[family]()
    size: dict[str, Any] = {"size": (32, 32), "negative": ("ugly",)}
    plain, read = make(pipe, **size), make(pipe, embeddings=tmp_path, **size)
    assert apart(plain.images[0], read.images[0]) > 0
    assert "embedding-read" in {notice.code for notice in read.notices}


@each_family
def test_little_memory_gives_the_same_picture_in_passes_of_two_rows(family: str) -> None:
    rows: list[int] = []
    seen: dict[str, list[Tensor]] = {"auto": [], "low": []}
    for memory, guided in seen.items():
        pipe = MAKE[family]()
        block = pipe.transformer.transformer_blocks[0]
        block.register_forward_pre_hook(
            lambda module, args, given: rows.append(given["hidden_states"].shape[0]),
            with_kwargs=True,
        )
        make(
            pipe, count=2, negative=("blurry", "text", "noise"), loading=Loading(memory=memory),
            size=(32, 32), observe=lambda one, into=guided: into.append(one.guided),
        )  # fmt: skip
        assert max(rows) == (8 if memory == "auto" else 2)
        rows.clear()
    auto, low = (torch.stack(guided) for guided in seen.values())
    if len(low) != len(auto):  # little memory takes one batch after the other
        low = low.reshape(-1, 3, *low.shape[1:]).transpose(0, 1).flatten(1, 2)
    assert float((auto - low).abs().max()) <= 1e-4 * max(1.0, float(auto.abs().max()))
