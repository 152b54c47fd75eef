"""Stage 1: pictures → an AutoencoderKL whose latents have mean 0, deviation 1 in every channel."""

from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor
from torch.nn.functional import l1_loss

from negprompt.world.train.data import pictures
from negprompt.world.train.loop import DEVICE, Run, half, train
from negprompt.world.train.pixels import to_tensor

CROP = 64


def network() -> AutoencoderKL:
    """f8, 8 latent channels, no attention; wide where the map is small and width is cheap."""
    return AutoencoderKL(
        block_out_channels=(16, 32, 96, 160),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        latent_channels=8,
        norm_num_groups=8,
        mid_block_add_attention=False,
        sample_size=128,
        scaling_factor=1.0,
    )


def batch(rng: np.random.Generator, count: int, crop: int) -> Tensor:
    """``count`` random crops in [-1, 1], float32 [count, 3, crop, crop]."""
    shards = pictures()
    cut = np.empty((count, crop, crop, 3), np.uint8)
    for k in range(count):
        shard = shards[int(rng.integers(len(shards)))]
        y, x = (8 * int(at) for at in rng.integers(0, (shard.shape[1] - crop) // 8 + 1, 2))
        cut[k] = shard[int(rng.integers(len(shard))), y : y + crop, x : x + crop]
    return to_tensor(cut)


def edges(image: Tensor) -> tuple[Tensor, Tensor]:
    """Differences between neighbours, across and down."""
    return image[..., :, 1:] - image[..., :, :-1], image[..., 1:, :] - image[..., :-1, :]


def fit(run: Run) -> AutoencoderKL:
    """Train on 64-pixel crops, the last sixth of the time on whole pictures, then standardise.

    The loss is L1 on pixels and on their differences, and a small KL term (Kingma & Welling 2013).
    """
    torch.manual_seed(run.seed)
    model = network()

    def loss(progress: float, step: int) -> Tensor:
        whole = progress > 5 / 6
        count, crop = (run.batch // 4, 2 * CROP) if whole else (run.batch, CROP)
        target = batch(run.random(step), count, crop)
        with half():
            posterior = model.encode(target).latent_dist
            drawn: Tensor = model.decode(posterior.sample()).sample.float()
        pairs = zip(edges(drawn), edges(target), strict=True)
        sharp = torch.stack([l1_loss(a, b) for a, b in pairs]).sum()
        mean, log_variance = posterior.mean.float(), posterior.logvar.float()
        kl = 0.5 * (mean**2 + posterior.var.float() - 1 - log_variance).mean()
        total: Tensor = l1_loss(drawn, target) + 0.5 * sharp + 1e-4 * kl
        return total

    train(run, {"autoencoder": model}, loss)
    standardise(model)
    return model


@torch.no_grad()
def standardise(model: AutoencoderKL, *, batches: int = 16) -> None:
    """Fold every latent channel's mean m and deviation d into the 1×1 convolutions around it.

    Latents become z' = (z - m)/d with log-variance' = log-variance - 2 ln d, pictures stay what
    they were, and ``scaling_factor`` 1 is right.  m and d are measured on whole pictures, 32 a
    batch.
    """
    rng = np.random.default_rng(99)
    seen = (batch(rng, 32, 2 * CROP) for _ in range(batches))
    means = torch.cat([model.encode(x).latent_dist.mean for x in seen])
    m, d = means.mean((0, 2, 3)), means.std((0, 2, 3))
    channels = m.numel()
    quant, post = model.quant_conv, model.post_quant_conv
    quant.weight[:channels] /= d[:, None, None, None]
    quant.bias[:channels] = (quant.bias[:channels] - m) / d
    quant.bias[channels:] -= 2 * d.log()
    post.bias += (post.weight[:, :, 0, 0] * m).sum(1)
    post.weight *= d[None, :, None, None]


def load(folder: Path) -> AutoencoderKL:
    """The finished stage's autoencoder, float32, on the device."""
    return AutoencoderKL.from_pretrained(folder, torch_dtype=torch.float32).to(DEVICE).eval()
