"""Stage 1 and latents: standardising is exact, pictures survive the way to a tensor and back."""

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from torch import Tensor

from negprompt.world.render import render
from negprompt.world.scenes import sample
from negprompt.world.train import autoencoder, data, latents
from negprompt.world.train.loop import DEVICE
from negprompt.world.train.pixels import to_pictures, to_tensor

BATCHES = 3


def tiny() -> AutoencoderKL:
    """The stage's autoencoder with narrow layers and latents that need standardising."""
    torch.manual_seed(2)
    model = AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        latent_channels=8,
        norm_num_groups=4,
        mid_block_add_attention=False,
        sample_size=128,
        scaling_factor=1.0,
    )
    with torch.no_grad():
        model.quant_conv.bias[:8] += torch.linspace(-2, 2, 8)
        model.quant_conv.weight[:8] *= torch.linspace(0.5, 4, 8)[:, None, None, None]
    return model.to(DEVICE).eval()


@torch.no_grad()
def measured(model: AutoencoderKL) -> tuple[Tensor, Tensor]:
    """Mean and deviation of every latent channel over the pictures that standardising looks at."""
    rng = np.random.default_rng(99)
    means = torch.cat(
        [model.encode(autoencoder.batch(rng, 32, 128)).latent_dist.mean for _ in range(BATCHES)]
    )
    return means.mean((0, 2, 3)), means.std((0, 2, 3))


@torch.no_grad()
def test_standardising_folds_mean_and_deviation_exactly(pictures: Path) -> None:
    model = tiny()
    x = to_tensor(np.stack([render(sample(seed)) for seed in range(4)]))
    before = model.encode(x).latent_dist
    drawn = model.decode(before.mean).sample
    mean, deviation = measured(model)
    assert float(deviation.max() / deviation.min()) > 2
    autoencoder.standardise(model, batches=BATCHES)
    after = model.encode(x).latent_dist
    shape = (1, 8, 1, 1)
    expected = (before.mean - mean.reshape(shape)) / deviation.reshape(shape)
    assert torch.allclose(after.mean, expected, atol=1e-5)
    assert torch.allclose(after.std, before.std / deviation.reshape(shape), rtol=1e-5)
    error = float((model.decode(after.mean).sample - drawn).abs().max())
    assert error < 1e-5 * float(before.mean.abs().max())  # float32 rounds at the latents' size
    new_mean, new_deviation = measured(model)
    assert torch.allclose(new_mean, torch.zeros_like(new_mean), atol=1e-4)
    assert torch.allclose(new_deviation, torch.ones_like(new_deviation), atol=1e-4)
    assert model.config.scaling_factor == 1.0


def test_the_shipped_shape_is_eight_channels_at_an_eighth() -> None:
    model = autoencoder.network().eval()
    with torch.no_grad():
        z = model.encode(torch.zeros(1, 3, 128, 128)).latent_dist.mean
    assert z.shape == (1, 8, 16, 16)
    assert sum(p.numel() for p in model.parameters()) * 2 < 12e6, "bytes in float16"


def test_crops_are_pictures_on_an_eight_pixel_grid(pictures: Path) -> None:
    crops = autoencoder.batch(np.random.default_rng(0), 6, 64)
    assert crops.shape == (6, 3, 64, 64)
    assert crops.min() >= -1
    assert crops.max() <= 1
    shard = data.pictures()[0][:20]
    places = [(y, x) for y in range(0, 72, 8) for x in range(0, 72, 8)]
    for crop in to_pictures(crops):
        assert any(
            np.array_equal(picture[y : y + 64, x : x + 64], crop)
            for picture in shard
            for y, x in places
        )


def test_every_byte_survives_the_way_to_a_tensor_and_back() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, -1)
    levels[..., 1] = levels[..., 1][..., ::-1]
    x = to_tensor(levels)
    assert x.shape == (1, 3, 16, 16)
    assert (float(x.min()), float(x.max())) == (-1.0, 1.0)
    assert np.array_equal(to_pictures(x), levels)
    assert (to_pictures(x * 3) >= 0).all()
    assert to_pictures(torch.full((1, 3, 1, 1), 7.0)).max() == 255


def test_latents_of_as_many_pictures_as_were_asked_for(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shards = [np.stack([render(sample(seed)) for seed in range(k, k + 20)]) for k in (0, 20)]
    for index, shard in enumerate(shards):
        np.save(cache / f"pictures-{index:04d}.npy", shard)
    model = tiny()
    model.save_pretrained(cache / "vae")
    monkeypatch.setattr(latents, "SHARD", 20)
    latents.encode(1)
    assert len(data.latents()) == 20
    latents.encode(1000)
    stored = data.latents()
    assert stored.shape == (40, 8, 16, 16)
    assert stored.dtype == np.float16
    with torch.no_grad():
        expected = model.encode(to_tensor(np.concatenate(shards))).latent_dist.mean.cpu().numpy()
    assert np.abs(stored - expected).mean() < 0.02, "bfloat16 and float16"


def test_before_any_stage_has_run_there_is_nothing(cache: Path) -> None:
    assert data.pictures() == []
    assert data.echoes() == []
    with pytest.raises(FileNotFoundError):
        data.latents()


def test_shards_are_read_in_seed_order_up_to_the_first_gap(cache: Path) -> None:
    for index in (0, 1, 3):
        np.save(cache / f"pictures-{index:04d}.npy", np.full((2, 8, 8, 3), index, np.uint8))
    shards = data.pictures()
    assert [int(shard[0, 0, 0, 0]) for shard in shards] == [0, 1]
    assert not shards[0].flags.writeable
