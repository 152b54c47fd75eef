"""Between stages 1 and 3: pictures → latents on disk, and some pictures as the autoencoder returns them."""

import numpy as np
import torch

from negprompt.world.train.autoencoder import load
from negprompt.world.train.data import cache, pictures
from negprompt.world.train.loop import DEVICE, half

WORN = 0.15
"""Deviation of the noise on every second autoencoded latent: generated latents are not exact either."""


@torch.no_grad()
def encode(coded: int = 8000) -> None:
    """Write ``latents.npy`` for all pictures and ``autoencoded.npy`` for the first ``coded``."""
    model = load(cache() / "vae")
    torch.manual_seed(0)
    shards = pictures()
    found, back = [], []
    for index, shard in enumerate(shards):
        for start in range(0, len(shard), 50):
            x = (
                torch.from_numpy(shard[start : start + 50]).to(DEVICE).permute(0, 3, 1, 2).float()
                / 127.5
                - 1
            )
            with half():
                z = model.encode(x.contiguous()).latent_dist.mean.float()
            found.append(z.cpu().numpy().astype(np.float16))
            if sum(map(len, back)) < coded:
                worn = (
                    z
                    + WORN
                    * torch.randn_like(z)
                    * (torch.arange(len(z), device=DEVICE) % 2)[:, None, None, None]
                )
                with half():
                    image = model.decode(worn).sample.float()
                back.append(
                    ((image + 1) * 127.5)
                    .round()
                    .clamp(0, 255)
                    .byte()
                    .permute(0, 2, 3, 1)
                    .cpu()
                    .numpy()
                )
        print(f"latents {index + 1}/{len(shards)} shards", flush=True)
    for name, arrays in (("latents", found), ("autoencoded", back)):
        part = cache() / f"{name}.part.npy"
        np.save(part, np.concatenate(arrays))
        part.replace(cache() / f"{name}.npy")
