"""Families of models: what sets one apart from another, in a few lines each.

A family says how text becomes a condition and where the denoiser takes it. A pipeline is recognised
by its parts, so that image-to-image, inpainting and ControlNet pipelines belong to their family.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from negprompt.encoding.choices import Null
from negprompt.encoding.clip import TextEncoder
from negprompt.encoding.encoders import Encoders
from negprompt.encoding.lengths import t5_length
from negprompt.encoding.t5 import T5Encoder
from negprompt.errors import ModelError
from negprompt.guidance.call import Fields
from negprompt.models.distilled import EMBEDDED


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
    part: str = "unet"
    """The part of a pipeline that predicts."""
    patch: int = 1
    """Latent pixels along the side of what the denoiser takes as one."""
    embedded: Callable[[Any], float] = lambda pipe: 1.0
    """The scale that a call of the pipeline is given: an input of denoisers that take one, else 1,
    at which the pipeline's own guidance is off."""

    def denoiser(self, pipe: Any) -> Any:
        """The module of a pipeline that predicts."""
        return getattr(pipe, self.part)


def _one_encoder(pipe: Any) -> Encoders:
    return Encoders((TextEncoder(pipe.tokenizer, pipe.text_encoder),))


def _two_encoders(pipe: Any) -> Encoders:
    pairs = [(pipe.tokenizer, pipe.text_encoder), (pipe.tokenizer_2, pipe.text_encoder_2)]
    return Encoders(
        tuple(
            TextEncoder(t, e, penultimate=True) for t, e in pairs if t is not None and e is not None
        )
    )


def _clips_and_t5(pipe: Any) -> Encoders:
    pairs = [(pipe.tokenizer, pipe.text_encoder), (pipe.tokenizer_2, pipe.text_encoder_2)]
    width = pipe.transformer.config.joint_attention_dim
    return Encoders(
        tuple(TextEncoder(t, e, penultimate=True) for t, e in pairs),
        T5Encoder(pipe.tokenizer_3, pipe.text_encoder_3, t5_length("sd3"), width),
    )


def _pooled_and_t5(pipe: Any) -> Encoders:
    clip = TextEncoder(pipe.tokenizer, pipe.text_encoder, penultimate=True, pooled="pooler_output")
    width = pipe.transformer.config.joint_attention_dim
    t5 = T5Encoder(pipe.tokenizer_2, pipe.text_encoder_2, t5_length("flux"), width)
    return Encoders((clip,), t5, pooled_only=True)


def _time_cond(pipe: Any) -> float:
    return EMBEDDED if pipe.unet.config.time_cond_proj_dim else 1.0


def _zeros_if_trained_so(pipe: Any) -> Null:
    return "zeros" if pipe.config.get("force_zeros_for_empty_prompt") else "empty"


SD1 = Family(
    name="sd1",
    cfg=7.5,
    steps=25,
    encoders=_one_encoder,
    null=lambda pipe: "empty",
    fields=Fields(),
    embedded=_time_cond,
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
    embedded=_time_cond,
)

SDXL = Family(
    name="sdxl",
    cfg=5.0,
    steps=30,
    encoders=_two_encoders,
    null=_zeros_if_trained_so,
    fields=Fields(pooled=("added_cond_kwargs", "text_embeds")),
    embedded=_time_cond,
)

# Two of CLIP side by side, filled up with zeros to the width of T5, and T5 behind; a flow model.
SD3 = Family(
    name="sd3",
    cfg=7.0,
    steps=28,
    encoders=_clips_and_t5,
    null=lambda pipe: "empty",
    fields=Fields(sample="hidden_states", pooled=("pooled_projections",)),
    part="transformer",
    patch=2,
)

# T5 and the pooled embedding of CLIP; a flow model, distilled so that the guidance scale is an
# input of it, and no negative acts. True guidance, scale above 1 here, comes on top.
FLUX = Family(
    name="flux",
    cfg=1.0,
    steps=28,
    encoders=_pooled_and_t5,
    null=lambda pipe: "empty",
    fields=Fields(
        sample="hidden_states", pooled=("pooled_projections",), times=1000.0, in_two_calls=True
    ),
    part="transformer",
    patch=2,
    embedded=lambda pipe: 3.5,
)

FAMILIES: Mapping[str, Family] = {family.name: family for family in (SD1, SD2, SDXL, SD3, FLUX)}

PIPELINES: Mapping[str, Family] = {
    "StableDiffusionPipeline": SD1,
    "StableDiffusionXLPipeline": SDXL,
    "StableDiffusion3Pipeline": SD3,
    "FluxPipeline": FLUX,
}
"""Pipelines that ``load`` takes, and their families; the first one's may turn out to be SD2."""


_TRANSFORMERS = {"SD3Transformer2DModel": SD3, "FluxTransformer2DModel": FLUX}


def family_of(pipe: Any) -> Family:
    """The family of a pipeline.

    Raises ModelError ``model-unsupported`` where its parts are those of no family.
    """
    parts = getattr(pipe, "components", {})
    transformer = parts.get("transformer")
    kind = type(getattr(transformer, "_orig_mod", transformer)).__name__
    if kind in _TRANSFORMERS and parts.get("text_encoder") is not None:
        return _TRANSFORMERS[kind]
    if parts.get("unet") is not None and parts.get("text_encoder_2") is not None:
        return SDXL
    if parts.get("unet") is not None and parts.get("text_encoder") is not None:
        return SD2 if pipe.unet.config.cross_attention_dim == 1024 else SD1
    raise ModelError(
        f"a {type(pipe).__name__} is of a family that is not supported",
        code="model-unsupported",
        cure=f"use a pipeline of one of the families {', '.join(FAMILIES)}",
    )
