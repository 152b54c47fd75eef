"""The options that say how a model is loaded, given to every command that loads one."""

from typing import Annotated, Any

import typer

from negprompt.cli.grouped import grouped
from negprompt.models.choices import Loading, lora


def _option(metavar: str, text: str, *names: str) -> Any:
    return typer.Option(*names, metavar=metavar, help=text, show_default=False)


OPTIONS: dict[str, tuple[Any, Any]] = {
    "config": (
        Annotated[
            str | None,
            _option(
                "DIR|NAME",
                "Configurations for a single file: a diffusers folder of its family, or sd1, sd2, "
                "sd2-base, sdxl.",
            ),
        ],
        None,
    ),
    "vae": (
        Annotated[
            str | None,
            _option("DIR|FILE", "Another autoencoder: a diffusers folder or .safetensors file."),
        ],
        None,
    ),
    "text_encoder": (
        Annotated[
            str | None,
            _option(
                "DIR|FILE",
                "Another CLIP text encoder: the only one of SD1 and SD2, CLIP-L of SDXL, SD3, "
                "Flux. A transformers or diffusers folder, or a .safetensors file.",
            ),
        ],
        None,
    ),
    "loras": (
        Annotated[
            list[str] | None,
            _option("NAME:W", "A LoRA on every picture, its weight after a colon.", "--lora"),
        ],
        None,
    ),
    "lora_dir": (
        Annotated[
            str | None,
            _option("DIR", "Where --lora and <lora:name:w> in the prompt find their files."),
        ],
        None,
    ),
    "device": (
        Annotated[str, _option("NAME", "auto (a GPU if there is one), cpu, cuda, cuda:1, mps.")],
        "auto",
    ),
    "dtype": (Annotated[str, _option("NAME", "auto, float32, float16 or bfloat16.")], "auto"),
    "memory": (
        Annotated[
            str,
            _option("auto|low", "low: parts wait off the GPU, few rows a pass, tiled decoding."),
        ],
        "auto",
    ),
}
"""Type and default of each option."""


def _loading(*, loras: list[str] | None, **others: Any) -> Loading:
    return Loading(loras=tuple(map(lora, loras or ())), **others)


loads = grouped("loading", OPTIONS, _loading)
"""Add the options to a command, which gets them as one value ``loading``."""
