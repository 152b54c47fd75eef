"""All stages for a moment each, from scenes to a pipeline folder that diffusers loads by itself."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image
from safetensors.torch import load_file
from transformers import CLIPModel, CLIPProcessor

from negprompt.world import judge
from negprompt.world.train import (
    autoencoder,
    clip,
    data,
    echoes,
    judges,
    latents,
    pocket,
    text,
    unet,
)  # fmt: skip
from negprompt.world.train.loop import Run
from negprompt.world.train.pixels import to_pictures

pytestmark = pytest.mark.slow

PARTS = ("vae", "text_encoder", "unet")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The cache folder after every stage but the judges, and the assembled pipeline's folder."""
    root = tmp_path_factory.mktemp("stages")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEGPROMPT_CACHE", str(root))
        for module in (data, text):
            patch.setattr(module, "SHARD", 40)
        data._shard(0)
        model = autoencoder.fit(Run("autoencoder", 0.001, batch=4))
        model.save_pretrained(data.cache() / "vae")
        latents.encode(40)
        text.fit(Run("pair", 0.001, batch=2))
        unet.fit(Run("unet", 0.001, batch=2))
        for name, value in (("SHARD", 20), ("PART", 4)):
            patch.setattr(echoes, name, value)
        echoes.paint(40)
        pocket.assemble(root / "pocket")
        return data.cache(), root / "pocket"


def test_plain_diffusers_loads_the_folder_in_float32(trained: tuple[Path, Path]) -> None:
    pipe = StableDiffusionPipeline.from_pretrained(trained[1])
    for name in PARTS:
        kinds = {value.dtype for value in getattr(pipe, name).state_dict().values()}
        assert kinds == {torch.float32}, name
    assert pipe.scheduler.config.prediction_type == "v_prediction"
    assert pipe.scheduler.config.rescale_betas_zero_snr
    assert pipe.scheduler.config.timestep_spacing == "trailing"
    assert pipe.scheduler.config.steps_offset == 1
    assert float(pipe.scheduler.alphas_cumprod[-1]) == 0
    assert pipe.vae.config.scaling_factor == 1
    pipe.set_progress_bar_config(disable=True)
    drawn = pipe("a red cat", negative_prompt="blurry", num_inference_steps=2, output_type="np")
    assert drawn.images.shape == (1, 128, 128, 3)
    assert np.isfinite(drawn.images).all()


def test_the_folder_holds_half_precision_safetensors_only(trained: tuple[Path, Path]) -> None:
    files = [file for file in trained[1].rglob("*") if file.is_file()]
    assert {file.suffix for file in files} == {".json", ".txt", ".safetensors"}
    weights = [file for file in files if file.suffix == ".safetensors"]
    assert {file.name for file in weights} == {
        "model.safetensors",
        "diffusion_pytorch_model.safetensors",
    }
    for file in weights:
        assert {value.dtype for value in load_file(file).values()} == {torch.float16}
    assert sum(file.stat().st_size for file in files) < 27e6


def test_the_pipeline_holds_the_moving_averages(trained: tuple[Path, Path]) -> None:
    cache, folder = trained
    held = load_file(cache / "unet.safetensors")
    stored = load_file(folder / "unet" / "diffusion_pytorch_model.safetensors")
    assert stored.keys() == {
        name.removeprefix("ema.unet.") for name in held if name.startswith("ema.unet.")
    }
    for name, value in stored.items():
        assert torch.equal(value, held[f"ema.unet.{name}"].half()), name


def test_the_text_encoder_starts_from_the_contrastive_pair(trained: tuple[Path, Path]) -> None:
    pair = load_file(trained[0] / "pair" / "model.safetensors")
    stored = load_file(trained[1] / "text_encoder" / "model.safetensors")
    name = "token_embedding.weight"
    one = next(value for key, value in pair.items() if key.endswith(name))
    other = next(value for key, value in stored.items() if key.endswith(name))
    assert torch.allclose(one, other.float(), atol=0.02)


def test_latents_have_mean_nought_and_deviation_one(trained: tuple[Path, Path]) -> None:
    stored = np.load(trained[0] / "latents.npy").astype(np.float32)
    assert np.abs(stored.mean((0, 2, 3))).max() < 0.2
    assert np.abs(stored.std((0, 2, 3)) - 1).max() < 0.2


def test_echoes_are_pictures_some_of_them_autoencoded_alone(trained: tuple[Path, Path]) -> None:
    painted = np.concatenate([np.load(path) for path in sorted(trained[0].glob("echoes-*.npy"))])
    assert painted.shape == (40, 128, 128, 3)
    assert painted.dtype == np.uint8
    model = autoencoder.load(trained[0] / "vae")
    z = torch.from_numpy(np.load(trained[0] / "latents.npy")).float()
    with torch.no_grad():
        parts = [to_pictures(model.decode(z[k : k + 4]).sample) for k in range(0, 40, 4)]
    plain = np.concatenate(parts)
    far = np.abs(painted.astype(int) - plain).mean((1, 2, 3)).reshape(10, 4).mean(1)
    assert (far < 0.5).any(), "some parts are painted from no noise"
    assert (far > 1).any(), "and some from a good deal"


def test_painting_goes_on_where_it_stopped(
    trained: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEGPROMPT_CACHE", str(trained[0].parent))
    for name, value in (("SHARD", 20), ("PART", 4)):
        monkeypatch.setattr(echoes, name, value)
    first, second = sorted(trained[0].glob("echoes-*.npy"))
    before, stamp = np.load(second), first.stat().st_mtime_ns
    second.unlink()
    echoes.paint(40)
    assert first.stat().st_mtime_ns == stamp
    assert np.array_equal(np.load(second), before)


@pytest.mark.parametrize("name", list(judge.NETWORKS))
def test_a_judges_stage_writes_weights_that_the_judge_loads(
    trained: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("NEGPROMPT_CACHE", str(trained[0].parent))
    for module in (judge, judges):
        monkeypatch.setattr(module, "FOLDER", tmp_path)
    network = judges.fit(Run(f"judge-{name}", 0.001, batch=4))
    judge.load.cache_clear()
    loaded = judge.load(name)
    judge.load.cache_clear()
    for key, value in loaded.network.state_dict().items():
        assert torch.equal(value, network.state_dict()[key].half().to(value.dtype)), key


def test_the_clip_stage_writes_a_pair_that_transformers_loads(
    trained: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEGPROMPT_CACHE", str(trained[0].parent))
    network = clip.fit(Run("clip", 0.001, batch=4), tmp_path)
    loaded = CLIPModel.from_pretrained(tmp_path)
    for key, value in loaded.state_dict().items():
        if not key.endswith("position_ids"):
            assert torch.equal(value, network.state_dict()[key].half().float()), key
    pictures = [Image.fromarray(picture) for picture in data.pictures()[0][:2]]
    processor = CLIPProcessor.from_pretrained(tmp_path)
    inputs = processor(text=["a red cat"], images=pictures, return_tensors="pt")
    assert inputs.pixel_values.shape == (2, 3, clip.SIZE, clip.SIZE)
    assert loaded(**inputs).logits_per_image.shape == (2, 1)


def test_shipped_weights_can_be_trained_on(
    trained: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEGPROMPT_CACHE", str(tmp_path))
    pocket.restore(trained[1])
    shutil.copy(trained[0] / "latents.npy", data.cache())
    stored = load_file(trained[1] / "unet" / "diffusion_pytorch_model.safetensors")
    before = pocket.averages("unet", "unet")
    assert all(torch.equal(before[name].half(), value) for name, value in stored.items())
    unet.fit(Run("unet", 0.001, batch=2))
    after = pocket.averages("unet", "unet")
    assert before.keys() == after.keys()
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert all(torch.allclose(before[name], after[name], atol=0.05) for name in before)
    with pytest.raises(FileExistsError):
        pocket.restore(trained[1])
