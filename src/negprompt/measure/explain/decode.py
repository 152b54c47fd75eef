"""Clean latents → pictures, by the autoencoder of the pipeline that they belong to."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from PIL.Image import Image


@torch.no_grad()
def decoded(pipe: Any, latents: Tensor) -> "tuple[Image, ...]":
    """Pictures of latents ``[b, c, h, w]``, as the pipeline itself makes them.

    An autoencoder that overflows in half precision works in float32 meanwhile.
    """
    vae = pipe.vae
    config, own = vae.config, vae.dtype
    careful = own == torch.float16 and config.get("force_upcast", False)
    try:
        if careful:
            vae.to(dtype=torch.float32)
        made = []
        for latent in latents.split(1):
            x = latent.to(device=vae.device, dtype=vae.dtype)
            mean, deviation = config.get("latents_mean"), config.get("latents_std")
            if mean is not None and deviation is not None:
                shape = (1, -1, 1, 1)
                x = x * torch.tensor(deviation).to(x).view(shape) / config.scaling_factor
                x = x + torch.tensor(mean).to(x).view(shape)
            else:
                x = x / config.scaling_factor + (config.get("shift_factor") or 0.0)
            made.append(vae.decode(x, return_dict=False)[0])
    finally:
        if careful:
            vae.to(dtype=own)
    pictures = pipe.image_processor.postprocess(torch.cat(made), output_type="pil")
    return tuple(pictures)
