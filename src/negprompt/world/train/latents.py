"""Between stages 1 and 3: pictures → latents on disk."""

import numpy as np
import torch

from negprompt.world.train.autoencoder import load
from negprompt.world.train.data import SHARD, cache, pictures, write
from negprompt.world.train.loop import half
from negprompt.world.train.pixels import to_tensor

PART = 50


@torch.no_grad()
def encode(count: int) -> None:
    """Write ``latents.npy`` for the pictures of seeds 0 … ``count`` - 1, or all that there are.

    ``count`` is rounded up to a multiple of 1000.
    """
    model = load(cache() / "vae")
    shards = pictures()[: -(-count // SHARD)]
    latents = []
    for index, shard in enumerate(shards):
        for start in range(0, len(shard), PART):
            with half():
                mean = model.encode(to_tensor(shard[start : start + PART])).latent_dist.mean.float()
            latents.append(mean.cpu().numpy().astype(np.float16))
        print(f"latents {index + 1}/{len(shards)} shards", flush=True)
    write(cache() / "latents.npy", np.concatenate(latents))
