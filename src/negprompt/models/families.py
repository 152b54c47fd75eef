"""Families of models: what sets one apart from another, in a few lines each.

A family says how text becomes a condition and where the denoiser takes it. A pipeline is recognised
by its parts, so that image-to-image, inpainting and ControlNet pipelines belong to their family.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from negprompt.encoding.clip import TextEncoder
from negprompt.encoding.condition import Encoders, Null
from negprompt.errors import ModelError
from negprompt.guidance.call import Fields


@dataclass(frozen=True, slots=True)
class Family:
    """One family: its defaults, its text encoders, its denoiser."""

    name: str
    cfg: float
    """Guidance scale where none is asked for."""
    steps: int
    """Steps where none are asked for."""
    encoders: Callable[[Any], Encoders]
    """The text encoders of a pipeline."""
    null: Callable[[Any], Null]
    """What a pipeline of this family takes for no prompt where no negative is given."""
    fields: Fields

    @staticmethod
    def denoiser(pipe: Any) -> Any:
        """The module of a pipeline that predicts."""
        return pipe.unet


def _one_encoder(pipe: Any) -> Encoders:
    return Encoders((TextEncoder(pipe.tokenizer, pipe.text_encoder),))


def _two_encoders(pipe: Any) -> Encoders:
    pairs = [(pipe.tokenizer, pipe.text_encoder), (pipe.tokenizer_2, pipe.text_encoder_2)]
    return Encoders(
        tuple(
            TextEncoder(t, e, penultimate=True) for t, e in pairs if t is not None and e is not None
        )
    )


def _zeros_if_trained_so(pipe: Any) -> Null:
    return "zeros" if pipe.config.get("force_zeros_for_empty_prompt") else "empty"


SD1 = Family(
    name="sd1",
    cfg=7.5,
    steps=25,
    encoders=_one_encoder,
    null=lambda pipe: "empty",
    fields=Fields(),
)

# One text encoder of OpenCLIP, stored without its last layer, so that its last state is the
# penultimate one; padded with another token than the end of text.
SD2 = Family(
    name="sd2",
    cfg=7.5,
    steps=25,
    encoders=_one_encoder,
    null=lambda pipe: "empty",
    fields=Fields(),
)

SDXL = Family(
    name="sdxl",
    cfg=5.0,
    steps=30,
    encoders=_two_encoders,
    null=_zeros_if_trained_so,
    fields=Fields(pooled=("added_cond_kwargs", "text_embeds")),
)

FAMILIES: Mapping[str, Family] = {family.name: family for family in (SD1, SD2, SDXL)}

PIPELINES = ("StableDiffusionPipeline", "StableDiffusionXLPipeline")
"""Pipelines that ``load`` takes."""


def family_of(pipe: Any) -> Family:
    """The family of a pipeline.

    Raises ModelError ``model-unsupported`` where it has no U-Net or no text encoder.
    """
    parts = getattr(pipe, "components", {})
    if parts.get("unet") is not None and parts.get("text_encoder_2") is not None:
        return SDXL
    if parts.get("unet") is not None and parts.get("text_encoder") is not None:
        return SD2 if pipe.unet.config.cross_attention_dim == 1024 else SD1
    raise ModelError(
        f"a {type(pipe).__name__} is of a family that is not supported",
        code="model-unsupported",
        cure=f"use a pipeline of one of the families {', '.join(FAMILIES)}",
    )
