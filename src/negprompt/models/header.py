"""A safetensors file → what it holds, read from its header alone: no tensors, no torch.

What a file is shows in the names of its tensors, as the tools that wrote it chose them.
"""

import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from negprompt.errors import ModelError, shown

Shapes = Mapping[str, tuple[int, ...]]
"""Shape of each tensor by name."""

_MOST: Final = 100_000_000
"""Bytes of a header, as the format itself bounds them."""

_UNET: Final = "model.diffusion_model."
_FIRST: Final = _UNET + "input_blocks.0.0.weight"
_BLOCKS: Final = {
    "single_transformer_blocks": "flux",
    "double_blocks": "flux",
    "single_blocks": "flux",
    "joint_blocks": "sd3",
}
"""Blocks that only one family has, as diffusers or the original trainers name them."""
_LORA: Final = (".lora_", "lora_unet_", "lora_te", ".hada_", ".lokr_", ".oft_")


def shapes_of(file: Path) -> Shapes:
    """The shapes of a safetensors file's tensors.

    Raises ModelError ``file-pickled`` for the kinds that are opened by running them, and
    ``file-damaged`` for anything that is not a whole safetensors file.
    """
    if file.suffix.lower() in (".ckpt", ".pt", ".pth", ".bin", ".pkl"):
        raise ModelError(
            f"{shown(file.name)} is pickled: opening it can run any code, so it is not opened",
            code="file-pickled",
            cure="take the same weights as .safetensors",
        )
    try:
        header = _header(file)
        return {name: tuple(one["shape"]) for name, one in header.items()}
    except (OSError, ValueError, struct.error, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{shown(file.name)} is no whole safetensors file",
            code="file-damaged",
            cure="download it again, and check its size",
        ) from error


def _header(file: Path) -> dict[str, dict[str, Any]]:
    """The table at the beginning of a file; ValueError where the rest does not belong to it."""
    with file.open("rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        if length > _MOST:
            raise ValueError("no header")
        header: dict[str, dict[str, Any]] = json.loads(stream.read(length))
    header.pop("__metadata__", None)
    end = max((int(one["data_offsets"][1]) for one in header.values()), default=0)
    if 8 + length + end != file.stat().st_size:
        raise ValueError("a part is missing")
    return header


def kind_of(shapes: Shapes) -> str:
    """What the tensors make up: a name of ``KINDS``, or ``unknown``."""
    return next((kind for kind, holds in KINDS.items() if holds(shapes)), "unknown")


def family_of_lora(shapes: Shapes) -> str:
    """The family that a LoRA is made for; "" where that is open.

    Told by the names of a transformer's blocks, else by the width of the text.
    """
    for name, shape in shapes.items():
        for mark, family in _BLOCKS.items():
            if mark in name:
                return family
        if "lora_te2" in name or "text_encoder_2." in name:
            return "sdxl"
        down = name.endswith(("lora_down.weight", "lora_A.weight", "lora.down.weight"))
        if down and ("attn2_to_k" in name or "attn2.to_k" in name):
            return {768: "sd1", 1024: "sd2", 2048: "sdxl"}.get(shape[1], "")
    return ""


def _any(*starts: str) -> Callable[[Shapes], bool]:
    return lambda shapes: any(name.startswith(starts) for name in shapes)


def _with_unet(*starts: str) -> Callable[[Shapes], bool]:
    text = _any(*starts)
    return lambda shapes: _FIRST in shapes and text(shapes)


KINDS: Final[Mapping[str, Callable[[Shapes], bool]]] = {
    "lora": lambda shapes: any(mark in name for name in shapes for mark in _LORA),
    "embedding": lambda shapes: 0 < len(shapes) <= 2 and max(map(len, shapes.values())) <= 2,
    "controlnet": _any("control_model.", "controlnet_"),
    "inpainting": lambda shapes: shapes.get(_FIRST, (0, 4))[1] == 9,
    "sdxl-refiner": _with_unet("conditioner.embedders.0.model."),
    "sdxl": _with_unet("conditioner.embedders.1."),
    "sd2": _with_unet("cond_stage_model.model."),
    "sd1": _with_unet("cond_stage_model.transformer."),
    "sd3": _any(_UNET + "joint_blocks.", "joint_blocks."),
    "flux": _any(_UNET + "double_blocks.", "double_blocks."),
    "unet": _any(_UNET, "down_blocks.", "input_blocks."),
    "vae": _any("first_stage_model.", "decoder.conv_in.", "encoder.conv_in."),
    "text-encoder": _any(
        "text_model.", "embeddings.token_embedding.", "transformer.text_model.", "cond_stage_model."
    ),
}
"""Kinds of files, and how each is known, the first that fits."""
