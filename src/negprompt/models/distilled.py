"""Is a model made for few steps without guidance?  Told by its configuration, or by its name.

Distillation for few steps (LCM, Luo et al. 2023, arXiv:2310.04378; adversarial, Sauer et al. 2023,
arXiv:2311.17042) leaves a model whose usual scale is 1, at which no negative acts.
"""

import re
from typing import Any, Final

FEW_STEPS: Final = 4
"""Steps of such a model where none are asked for."""

EMBEDDED: Final = 8.5
"""Guidance scale for a U-Net that takes it as an input, where the pipeline does no guidance; that
of latent consistency models."""

_NAMES: Final = re.compile(
    r"(?<![a-z])(turbo|lightning|lcm|hyper-?sd(xl|15)?|dmd2?|tcd|schnell)(?![a-z])", re.IGNORECASE
)


def few_step(pipe: Any, *names: str) -> str:
    """Why a pipeline looks distilled, in a few words; "" for an ordinary one.

    ``names`` are those of the model and of the LoRAs in it.
    """
    parts = pipe.components
    if "unet" in parts and getattr(pipe.unet.config, "time_cond_proj_dim", None) is not None:
        return "its U-Net takes the guidance scale as an input"
    if "transformer" in parts and pipe.transformer.config.get("guidance_embeds") is False:
        return "its transformer takes no guidance scale, as FLUX.1-schnell's"
    kind = type(pipe.scheduler).__name__
    if kind in ("LCMScheduler", "TCDScheduler"):
        return f"its scheduler is {kind}"
    found = [mark[0] for name in names for mark in [_NAMES.search(name.replace("_", "-"))] if mark]
    return f"{found[0]!r} is in its name" if found else ""
