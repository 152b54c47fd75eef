"""Between stages 1 and 3: pictures → latents on disk, and pictures as the autoencoder has them."""

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor

from negprompt.world.train.autoencoder import load
from negprompt.world.train.data import cache, pictures
from negprompt.world.train.loop import DEVICE, half
from negprompt.world.train.pixels import to_pictures, to_tensor

PART = 50
WORN = 0.15
"""Deviation of the noise on every second decoded latent: generated ones are not exact either."""


@torch.no_grad()
def encode(coded: int = 8000) -> None:
    """Write ``latents.npy`` for all pictures and ``autoencoded.npy`` for the first ``coded``.

    ``coded`` is rounded up to a multiple of 50.
    """
    model = load(cache() / "vae")
    torch.manual_seed(0)
    shards = pictures()
    latents: list[NDArray[np.float16]] = []
    back: list[NDArray[np.uint8]] = []
    for index, shard in enumerate(shards):
        for start in range(0, len(shard), PART):
            with half():
                mean = model.encode(to_tensor(shard[start : start + PART])).latent_dist.mean.float()
            latents.append(mean.cpu().numpy().astype(np.float16))
            if PART * len(back) < coded:
                back.append(_decoded(model, mean))
        print(f"latents {index + 1}/{len(shards)} shards", flush=True)
    _write("latents", np.concatenate(latents))
    _write("autoencoded", np.concatenate(back))


def _decoded(model: AutoencoderKL, latents: Tensor) -> NDArray[np.uint8]:
    """Latents [n, 8, 16, 16] → pictures uint8 [n, 128, 128, 3], every second latent worn."""
    odd = (torch.arange(len(latents), device=DEVICE) % 2)[:, None, None, None]
    worn = latents + WORN * torch.randn_like(latents) * odd
    with half():
        drawn = model.decode(worn).sample
    return to_pictures(drawn.float())


def _write(name: str, array: NDArray[np.float16] | NDArray[np.uint8]) -> None:
    part = cache() / f"{name}.part.npy"
    np.save(part, array)
    part.replace(cache() / f"{name}.npy")
