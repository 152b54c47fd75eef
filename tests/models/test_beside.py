"""LoRAs and inversions, little memory, offloading, models made for few steps."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from tests.tiny_models import tiny_sd, tiny_sdxl

from negprompt import steer
from negprompt.engine import Generation, Request, run
from negprompt.errors import ModelError, RequestError
from negprompt.models.choices import Loading, lora
from negprompt.models.families import family_of
from negprompt.models.load import Model, load

MAKE: dict[str, Any] = {"sd1": tiny_sd, "sdxl": tiny_sdxl}
each_family = pytest.mark.parametrize("family", MAKE)


def make(
    pipe: Any, prompt: str = "a cat", observe: Any = None, name: str = "tiny", **settings: Any
) -> Generation:
    loading = settings.get("loading", Loading())
    given: dict[str, Any] = {"steps": 3, "cfg": 5.0, "negative": ("blurry",)} | settings
    request = Request(prompt=prompt, **given)
    return run(request, model=Model(pipe, name, family_of(pipe), loading), observe=observe)


def apart(a: Image.Image, b: Image.Image) -> int:
    return int(np.abs(np.asarray(a, dtype=int) - np.asarray(b, dtype=int)).max())


def saved_lora(pipe: Any, file: Path) -> Path:
    """A LoRA of rank 2 on the attention to the text, and on the text encoder."""
    torch.manual_seed(5)
    state = {}
    for part in ("unet", "text_encoder"):
        for name, module in getattr(pipe, part).named_modules():
            if name.endswith(("attn2.to_k", "attn2.to_v", "self_attn.q_proj")):
                inner = name if part == "unet" or "text_model" in name else f"text_model.{name}"
                wide, narrow = module.weight.shape
                state[f"{part}.{inner}.lora_A.weight"] = torch.randn(2, narrow)
                state[f"{part}.{inner}.lora_B.weight"] = torch.randn(wide, 2)
    save_file(state, file)
    return file


@each_family
def test_a_lora_in_the_prompt_acts_as_diffusers_makes_it(tmp_path: Path, family: str) -> None:
    pipe = MAKE[family]()
    file = saved_lora(pipe, tmp_path / "Ink.safetensors")
    loading = Loading(lora_dir=str(tmp_path))
    before = {key: value.clone() for key, value in pipe.unet.state_dict().items()}
    plain = make(pipe).images[0]
    made = make(pipe, "a cat<lora:ink:0.6>", loading=loading)
    assert "network-ignored" not in {notice.code for notice in made.notices}
    assert apart(made.images[0], plain) > 1
    assert pipe.unet.state_dict().keys() == before.keys()
    assert apart(make(pipe).images[0], plain) == 0
    pipe.load_lora_weights(str(tmp_path), weight_name=file.name, adapter_name="ink")
    pipe.set_adapters(["ink"], [0.6])
    wanted = pipe(
        "a cat", negative_prompt="blurry", guidance_scale=5.0, num_inference_steps=3,
        generator=torch.Generator("cpu").manual_seed(0),
    ).images[0]  # fmt: skip
    assert apart(made.images[0], wanted) <= 1


def test_a_lora_in_the_weights_is_the_one_in_the_prompt(tmp_path: Path) -> None:
    pipe = tiny_sd()
    pipe.save_pretrained(tmp_path / "model")
    file = saved_lora(pipe, tmp_path / "ink.safetensors")
    called = make(pipe, "a cat<lora:ink:0.6>", loading=Loading(lora_dir=str(tmp_path)))
    for loading in (
        Loading(loras=((str(file), 0.6),)),
        Loading(loras=(("INK", 0.6),), lora_dir=str(tmp_path)),
    ):
        model = load(str(tmp_path / "model"), device="cpu", loading=loading)
        request = Request(prompt="a cat", negative=("blurry",), steps=3, cfg=5.0)
        assert apart(run(request, model=model).images[0], called.images[0]) <= 1


def test_encoder_and_denoiser_may_have_weights_of_their_own(tmp_path: Path) -> None:
    pipe = tiny_sd()
    saved_lora(pipe, tmp_path / "ink.safetensors")
    loading = Loading(lora_dir=str(tmp_path))
    prompts = ["a cat<lora:ink:1>", "a cat<lora:ink:0:1>", "a cat<lora:ink:te=0:unet=1>"]
    both, second, named = (make(pipe, prompt, loading=loading).images[0] for prompt in prompts)
    assert apart(both, second) > 0
    assert apart(second, named) == 0


def test_what_is_no_lora_for_the_model_is_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pipe = tiny_sd()
    saved_lora(pipe, tmp_path / "ink.safetensors")
    wide = {"lora_unet_x_attn2_to_k.lora_down.weight": torch.zeros(2, 2048)}
    save_file(wide, tmp_path / "xl.safetensors")
    save_file({"decoder.conv_in.weight": torch.zeros(1, 1, 1)}, tmp_path / "vae.safetensors")
    saved_lora(tiny_sdxl(), tmp_path / "other.safetensors")  # its width says nothing
    loading = Loading(lora_dir=str(tmp_path))
    for call, code, said in (
        ("<lora:none:1>", "lora-unknown", "ink"),
        ("<lora:xl:1>", "lora-misfit", "sdxl"),
        ("<lora:vae:1>", "lora-misfit", "no LoRA"),
        ("<lora:other:1>", "lora-misfit", "other sizes"),
        ("<lora:ink:strong>", "lora-call", "ink:0.8"),
    ):
        with pytest.raises(ModelError) as caught:
            make(pipe, f"a cat {call}", loading=loading)
        assert caught.value.code == code
        assert said in str(caught.value)
    assert not pipe.get_list_adapters()
    assert capfd.readouterr() == ("", "")  # diffusers says nothing beside


def test_other_networks_are_still_left_out_aloud(tmp_path: Path) -> None:
    pipe = tiny_sd()
    saved_lora(pipe, tmp_path / "ink.safetensors")
    prompt = "a cat <hypernet:x:1> <lora:ink:1>"
    said = make(pipe, prompt, loading=Loading(lora_dir=str(tmp_path))).notices
    (notice,) = (one for one in said if one.code == "network-ignored")
    assert "hypernet" in notice.text


INVERSION = {"clip_l": (2, 16), "clip_g": (2, 8)}


@each_family
def test_an_inversion_in_the_negative_acts_as_diffusers_makes_it_and_with_its_weight(
    tmp_path: Path, family: str
) -> None:
    pipe = MAKE[family]()
    torch.manual_seed(6)
    pair = {name: torch.randn(shape) for name, shape in INVERSION.items()}
    kept = pair if family == "sdxl" else {"emb_params": pair["clip_l"]}
    save_file(kept, tmp_path / "zz.safetensors")
    plain, one, heavy = (
        make(pipe, negative=(text,), embeddings=tmp_path, scheme="comfy").images[0]
        for text in ("a", "a zz", "a (zz:1.6)")
    )
    assert apart(plain, one) > 1
    assert apart(one, heavy) > 0
    for number, vectors in zip(("", "_2"), pair.values(), strict=True):
        encoder = getattr(pipe, f"text_encoder{number}", None)
        if encoder is not None:
            read = copy.deepcopy(getattr(pipe, f"tokenizer{number}"))  # others read with it, too
            setattr(pipe, f"tokenizer{number}", read)
            pipe.load_textual_inversion(
                {"zz": vectors}, token="zz", tokenizer=read, text_encoder=encoder
            )
    wanted = pipe(
        "a cat", negative_prompt="a zz", guidance_scale=5.0, num_inference_steps=3,
        generator=torch.Generator("cpu").manual_seed(0),
    ).images[0]  # fmt: skip
    assert apart(one, wanted) <= 1


def test_a_lora_is_written_with_its_weight() -> None:
    assert lora("ink:0.8") == ("ink", 0.8)
    assert lora("ink") == ("ink", 1.0)
    assert lora("C:\\ink.safetensors") == ("C:\\ink.safetensors", 1.0)
    with pytest.raises(RequestError):
        Loading(loras=(("ink", float("nan")),))
    for wrong in ({"dtype": "int8"}, {"memory": "none"}):
        with pytest.raises(RequestError):
            Loading(**wrong)  # type: ignore[arg-type]


@each_family
def test_little_memory_gives_the_same_picture_in_passes_of_two_rows(family: str) -> None:
    rows: list[int] = []
    seen: dict[str, list[torch.Tensor]] = {"auto": [], "low": []}
    pictures = {}
    for memory, guided in seen.items():
        pipe = MAKE[family]()
        pipe.unet.conv_in.register_forward_pre_hook(
            lambda module, args: rows.append(args[0].shape[0])
        )
        made = make(
            pipe, count=3, negative=("blurry", "text", "noise"), loading=Loading(memory=memory),
            observe=lambda one, into=guided: into.append(one.guided),
        )  # fmt: skip
        assert max(rows) == (12 if memory == "auto" else 2)
        assert made.cost.passes == 12
        rows.clear()
        pictures[memory] = made.images
    auto = torch.stack(seen["auto"]).transpose(0, 1)  # [images, steps, ...]
    low = torch.cat([torch.stack(seen["low"][:3]), torch.stack(seen["low"][3:])], dim=1)
    scale = max(1.0, float(auto.abs().max()))
    assert float((auto - low.transpose(0, 1)).abs().max()) <= 1e-4 * scale
    assert all(apart(a, b) <= 1 for a, b in zip(*pictures.values(), strict=True))


def test_offloading_leaves_the_seam_in_place_from_call_to_call() -> None:
    wanted = make(tiny_sd(), count=3).images
    pipe = tiny_sd()
    pipe.enable_model_cpu_offload(device="cpu")
    made = make(pipe, count=3, loading=Loading(memory="low"))
    assert all(apart(a, b) <= 1 for a, b in zip(made.images, wanted, strict=True))
    with steer(pipe, "blurry", scale=5.0) as steering:
        for seed in range(2):
            again = pipe(
                "a cat", num_inference_steps=3, guidance_scale=5.0,
                generator=torch.Generator("cpu").manual_seed(seed),
            ).images[0]  # fmt: skip
            assert apart(again, wanted[seed]) <= 1
            assert steering.calls == 3 * (seed + 1)


@pytest.mark.parametrize("name", ["my_sdxl_turbo_v2.safetensors", "owner/sd-turbo", "x-LCM"])
def test_a_model_for_few_steps_says_that_no_negative_acts(name: str) -> None:
    made = make(tiny_sd(), name=name, cfg=None, steps=None)
    assert (made.request.cfg, made.request.steps) == (1.0, 4)
    (notice,) = (one for one in made.notices if one.code == "few-step-model")
    assert "--cfg" in notice.text
    assert make(tiny_sd(), name="turbot", cfg=None).request.cfg == 7.5


def test_a_scheduler_for_few_steps_says_so_too() -> None:
    from diffusers import LCMScheduler

    pipe = tiny_sd()
    pipe.scheduler = LCMScheduler.from_config(pipe.scheduler.config)
    assert "few-step-model" in {one.code for one in make(pipe, cfg=2.0).notices}


@pytest.mark.parametrize("memory", ["auto", "low"])
def test_too_little_memory_names_the_flags_that_help(memory: str) -> None:
    """Four petabytes are asked for while the model works, which no machine has."""
    with pytest.raises(ModelError) as caught:
        make(tiny_sd(), loading=Loading(memory=memory), observe=lambda seen: torch.empty(2**50))
    assert caught.value.code == "out-of-memory"
    assert ("--memory low" in caught.value.cure) == (memory == "auto")
    assert "--size" in caught.value.cure
    assert "\n" not in str(caught.value)


def test_a_device_that_is_not_there_is_told() -> None:
    with pytest.raises(ModelError) as caught:
        load(device="nowhere")
    assert caught.value.code == "device-unknown"
