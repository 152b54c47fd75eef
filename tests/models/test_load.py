"""Names to models: folders, mistakes with their cure, safetensors only, quiet."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tests.tiny_models import scheduler, tiny_sd, tiny_sdxl, zero_snr

from negprompt.errors import ModelError, RequestError
from negprompt.models.families import SD1, SD2, SDXL, family_of
from negprompt.models.load import load
from negprompt.models.schedulers import SCHEDULERS, build, check_steps, sampler_name


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "sd"
    tiny_sd().save_pretrained(path)
    return path


def test_a_folder_is_loaded_in_float32(folder: Path) -> None:
    model = load(str(folder), device="cpu")
    assert (model.name, model.family, model.cfg) == (str(folder), SD1, 7.5)
    for part in (model.pipe.unet, model.pipe.vae, model.pipe.text_encoder):
        assert part.dtype == torch.float32
        assert not part.training
    assert model.pipe.safety_checker is None


def test_half_precision_files_are_loaded_in_float32_throughout(tmp_path: Path) -> None:
    tiny_sd().to(torch.float16).save_pretrained(tmp_path)
    pipe = load(str(tmp_path), device="cpu").pipe
    assert {pipe.unet.dtype, pipe.vae.dtype, pipe.text_encoder.dtype} == {torch.float32}


def test_sdxl_is_loaded(tmp_path: Path) -> None:
    tiny_sdxl().save_pretrained(tmp_path)
    model = load(str(tmp_path), device="cpu")
    assert model.family is SDXL
    assert model.family.null(model.pipe) == "zeros"


def test_sd2_is_told_from_sd1_by_the_width_of_its_text() -> None:
    pipe = tiny_sd()
    assert family_of(pipe) is SD1
    pipe.unet.register_to_config(cross_attention_dim=1024)
    assert family_of(pipe) is SD2


def test_weights_that_are_not_safetensors_are_refused(tmp_path: Path) -> None:
    tiny_sd().save_pretrained(tmp_path, safe_serialization=False)
    with pytest.raises(ModelError) as caught:
        load(str(tmp_path))
    assert caught.value.code == "model-unreadable"
    assert "safetensors" in caught.value.cure


@pytest.mark.parametrize("part", ["text_encoder", "unet", "vae"])
def test_one_part_that_is_pickled_is_refused(tmp_path: Path, part: str) -> None:
    pipe = tiny_sd()
    pipe.save_pretrained(tmp_path)
    (weights,) = (tmp_path / part).glob("*.safetensors")
    weights.unlink()
    stem = "pytorch_model" if part == "text_encoder" else "diffusion_pytorch_model"
    torch.save(getattr(pipe, part).state_dict(), tmp_path / part / f"{stem}.bin")
    with pytest.raises(ModelError):
        load(str(tmp_path))


UNKNOWN = ["no such thing", "nothing", "../x", "", "a/b/c", "a\x00b", "x" * 9999]


@pytest.mark.parametrize("name", UNKNOWN, ids=range(len(UNKNOWN)))
def test_an_unknown_name_is_told_with_a_cure(name: str) -> None:
    with pytest.raises(ModelError) as caught:
        load(name)
    assert caught.value.code == "model-unknown"
    assert "pocket" in caught.value.cure


def test_a_hub_id_that_cannot_be_reached_is_told() -> None:
    with pytest.raises(ModelError) as caught:
        load("nobody/nothing-like-this")
    assert caught.value.code == "model-unreadable"


def test_a_folder_without_a_pipeline_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        load(str(tmp_path))
    assert caught.value.code == "model-no-pipeline"


@pytest.mark.parametrize("kind", ["SanaPipeline", "os.system", None])
def test_a_pipeline_of_another_kind_is_refused_before_its_weights_are_read(
    folder: Path, tmp_path: Path, kind: str | None
) -> None:
    index = json.loads((folder / "model_index.json").read_text("utf-8"))
    (tmp_path / "model_index.json").write_text(json.dumps(index | {"_class_name": kind}), "utf-8")
    with pytest.raises(ModelError) as caught:
        load(str(tmp_path))
    assert caught.value.code == "model-unsupported"


def test_a_broken_index_is_told(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text("{", "utf-8")
    with pytest.raises(ModelError) as caught:
        load(str(tmp_path))
    assert caught.value.code == "model-unreadable"


@pytest.mark.slow
def test_loading_and_running_print_nothing(folder: Path) -> None:
    code = (
        "import sys, negprompt\n"
        "negprompt.generate('a cat', 'blurry', model=sys.argv[1], steps=2, scheduler='unipc')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_scheduler_keeps_the_models_schedule(name: str) -> None:
    own = zero_snr()
    made = build(name, own.config)
    assert type(made).__name__ == SCHEDULERS[name]
    for key in ("beta_schedule", "prediction_type", "timestep_spacing", "rescale_betas_zero_snr"):
        assert made.config[key] == own.config[key]
    assert not made.config.get("clip_sample")


def test_samples_are_not_clipped_unless_the_model_says_so() -> None:
    bare = {k: v for k, v in scheduler().config.items() if k != "clip_sample"}
    assert build("ddim", bare).config["clip_sample"] is False
    assert build("ddpm", bare | {"clip_sample": True}).config["clip_sample"] is True


def test_a_scheduler_that_is_not_offered_is_refused() -> None:
    with pytest.raises(RequestError) as caught:
        build("heun", scheduler().config)
    assert caught.value.code == "scheduler-unknown"


def test_samplers_have_a1111s_names() -> None:
    names = {name: sampler_name(build(name, scheduler().config)) for name in SCHEDULERS}
    assert names == {
        "ddim": "DDIM",
        "ddpm": "DDPM",
        "dpm++": "DPM++ 2M",
        "euler": "Euler",
        "euler-a": "Euler a",
        "unipc": "UniPC",
    }
    assert sampler_name(object()) == "object"


SPACED = ("timestep_spacing", "steps_offset", "_use_default_values")


@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.parametrize("offset", [0, 1])
@pytest.mark.parametrize("steps", [998, 999, 1000])
def test_steps_that_leading_times_have_no_room_for_are_refused(
    name: str, offset: int, steps: int
) -> None:
    bare = {k: v for k, v in scheduler().config.items() if k not in SPACED}
    made = build(name, bare | {"timestep_spacing": "leading", "steps_offset": offset})
    if steps > 999 - offset:
        with pytest.raises(RequestError, match=f"at most {999 - offset}"):
            check_steps(steps, made.config)
        return
    check_steps(steps, made.config)
    made.set_timesteps(steps)
    assert 0 <= min(made.timesteps) < max(made.timesteps) < 1000


@pytest.mark.parametrize("name", SCHEDULERS)
def test_steps_at_which_trailing_times_round_past_the_end_are_refused(name: str) -> None:
    made = build(name, scheduler(timestep_spacing="trailing").config)
    refused = []
    for steps in (25, 60, 61, 62, 121, 122, 123, 998, 999, 1000):
        made.set_timesteps(steps)
        try:
            check_steps(steps, made.config)
        except RequestError:
            refused.append(steps)
            assert min(made.timesteps) < 0 or len(made.timesteps) > steps
        else:
            assert 0 <= min(made.timesteps) < max(made.timesteps) < 1000
    assert refused == [61, 121, 122, 998]
    with pytest.raises(RequestError, match="give 120"):
        check_steps(122, made.config)


@pytest.mark.parametrize("spacing", ["trailing", "linspace"])
def test_other_times_have_room_for_a_step_each(spacing: str) -> None:
    config = scheduler(timestep_spacing=spacing).config
    check_steps(1000, config)
    with pytest.raises(RequestError, match="at most 1000"):
        check_steps(1001, config)
