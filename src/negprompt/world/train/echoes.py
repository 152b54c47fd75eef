"""Between stages 3 and 4: pictures → the same as the pocket model would paint them.

A judge that has seen renders alone takes what a denoiser does to every picture, softness and stray
blots, for blur, grain and bees. An echo is a picture whose truth is known and that was painted by
the denoiser: noise is laid over its latent, not so much that what is there is lost, and taken away
again under the full true caption (SDEdit, Meng et al. 2108.01073).
"""

import numpy as np
import torch
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from negprompt.world.captions import truth
from negprompt.world.train import autoencoder, together
from negprompt.world.train import unet as denoiser
from negprompt.world.train.data import cache, latents, scene, write
from negprompt.world.train.loop import DEVICE
from negprompt.world.train.pixels import to_pictures
from negprompt.world.train.pocket import averaged
from negprompt.world.train.text import text_config

PART, SHARD = 25, 500
STEPS = 12
STARTS = (STEPS, 6, 7, 8, 9)
"""Steps that are left out before a part's first one: all (autoencoded only), or half and more."""
SCALES = (1.0, 2.0)


@torch.no_grad()
def paint(count: int) -> None:
    """Write ``echoes-NNNN.npy``, the echoes of seeds 0 … ``count`` - 1, 500 a file.

    ``count`` is rounded up to a multiple of 500; files that are there are kept. Under torchrun
    each process paints its share of the files.
    """
    folder = cache()
    bpe = CLIPTokenizer.from_pretrained(folder / "tokenizer")
    networks = (
        averaged(denoiser.network(), "unet").to(DEVICE).eval(),
        averaged(CLIPTextModel(text_config(bpe)), "text").to(DEVICE).eval(),
    )
    model = autoencoder.load(folder / "vae")
    stored = latents()
    for shard in range(together.rank(), -(-min(count, len(stored)) // SHARD), together.count()):
        path = folder / f"echoes-{shard:04d}.npy"
        if path.exists():
            continue
        seeds = np.arange(shard * SHARD, min(len(stored), (shard + 1) * SHARD))
        painted = []
        for part in np.array_split(seeds, -(-len(seeds) // PART)):
            z = _echo(networks, bpe, torch.from_numpy(stored[part]).float(), [int(k) for k in part])
            painted.append(to_pictures(model.decode(z).sample))
        write(path, np.concatenate(painted))
        print(f"echoes {int(seeds[-1]) + 1}", flush=True)


def _echo(
    networks: tuple[torch.nn.Module, CLIPTextModel],
    bpe: CLIPTokenizer,
    clean: Tensor,
    seeds: list[int],
) -> Tensor:
    """Latents [n, 8, 16, 16] → the same, painted again from a start and at a scale by chance."""
    unet, text = networks
    rng = np.random.default_rng((seeds[0], 3))
    start, scale = int(rng.choice(STARTS)), float(rng.choice(SCALES))
    scheduler = denoiser.scheduler()
    scheduler.set_timesteps(STEPS)
    times = scheduler.timesteps[start:]
    if not len(times):
        return clean.to(DEVICE)
    captions = [truth(scene(seed)[0]) for seed in seeds] + [""] * (len(seeds) * (scale > 1))
    context = denoiser.states(text, bpe, captions)
    torch.manual_seed(seeds[0])
    z: Tensor = scheduler.add_noise(clean, torch.randn_like(clean), times[:1]).to(DEVICE)
    for t in times:
        rows = unet(torch.cat([z] * (len(captions) // len(z))), t, context).sample
        p, u = rows[: len(z)], rows[-len(z) :]
        z = scheduler.step(u + scale * (p - u), t, z).prev_sample
    return z
