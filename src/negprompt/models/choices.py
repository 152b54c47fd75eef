"""How a model is to be loaded: names and numbers only, checked when they are given.  No torch."""

import math
from dataclasses import dataclass
from typing import Final

from negprompt.errors import RequestError, shown

DTYPES: Final = ("auto", "float32", "float16", "bfloat16")
MEMORIES: Final = ("auto", "low")


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """What is loaded beside the model, where to, and in how much memory. Paths are texts.

    Raises RequestError ``dtype-unknown``, ``memory-unknown``, ``lora-weight``.
    """

    config: str | None = None
    """A folder with the configurations of a single file, or a name of ``single.CONFIGS``; of SD3
    and Flux a whole model, which gives what the file lacks."""
    vae: str | None = None
    """An autoencoder in place of the model's own: a safetensors file or a folder."""
    text_encoder: str | None = None
    """A CLIP text encoder in place of the model's first: a folder, which may hold its tokenizer, or
    a safetensors file."""
    loras: tuple[tuple[str, float], ...] = ()
    """Networks that act on every picture, each with its weight: files, or names in ``lora_dir``."""
    lora_dir: str | None = None
    """The folder in which ``<lora:name:weight>`` and ``loras`` find their files."""
    device: str = "auto"
    """``auto`` is a GPU where there is one; else a name of torch's, such as ``cuda:1``."""
    dtype: str = "auto"
    """``auto`` is float16 on a CUDA device (bfloat16 for SD3 and Flux), but float32 for the pocket
    model and elsewhere."""
    memory: str = "auto"
    """``low``: parts are on the GPU only while they work, few rows a pass, tiled decoding."""

    def __post_init__(self) -> None:
        """Check what can be checked without looking at files."""
        _one_of("dtype", self.dtype, DTYPES, code="dtype-unknown")
        _one_of("memory", self.memory, MEMORIES, code="memory-unknown")
        for name, weight in self.loras:
            if not math.isfinite(weight):
                raise RequestError(
                    f"the weight of LoRA {shown(name)} is {weight}",
                    code="lora-weight",
                    cure="give a finite number, such as ink:0.8",
                )


def lora(text: str) -> tuple[str, float]:
    """``ink:0.8`` → ("ink", 0.8), ``ink`` → ("ink", 1.0); any other colon is the name's."""
    name, colon, weight = text.rpartition(":")
    try:
        return (name, float(weight)) if colon and name else (text, 1.0)
    except ValueError:
        return text, 1.0


def _one_of(what: str, value: str, names: tuple[str, ...], code: str) -> None:
    if value not in names:
        raise RequestError(
            f"there is no {what} {shown(value)}",
            code=code,
            cure=f"choose one of {', '.join(names)}",
        )


NOTHING_BESIDE: Final = Loading()
"""The model by itself."""
