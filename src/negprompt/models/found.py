"""What models lie on this machine, and of which families: headers and indexes are read, no weights.

It looks where it is told and in the hub's cache, loads nothing and fetches nothing.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from negprompt.errors import ModelError, shown
from negprompt.models.header import family_of_lora, kind_of, shapes_of
from negprompt.models.lora import files_in
from negprompt.models.place import POCKET
from negprompt.models.single import family_of_file

SINGLE: Final = ("sd1", "sd2", "sdxl", "sd3", "flux")
"""Families of which ``--model`` takes a single file."""


@dataclass(frozen=True, slots=True)
class Found:
    """One model, or one thing to be loaded beside a model."""

    name: str
    """What ``--model``, ``--vae``, ``--text-encoder`` or ``--lora`` takes."""
    kind: str
    """``folder``, ``file``, ``hub``, ``lora``, or another kind of ``header.KINDS``."""
    family: str
    """``sd1``, ``sd2``, ``sdxl``, ``sd3``, ``flux``; "" where that is not known."""


def found_in(folder: Path) -> Iterator[Found]:
    """Diffusers folders and safetensors files in a folder and below.

    Raises ModelError ``models-folder``.
    """
    if not folder.is_dir():
        raise ModelError(
            f"there is no folder {shown(str(folder))}",
            code="models-folder",
            cure="give the folder that holds your models",
        )
    indexes = sorted(folder.rglob("model_index.json"))
    whole = [index.parent for index in indexes]
    for place in whole:
        yield Found(str(place), "folder", family_of_folder(place))
    for file in files_in(folder):
        if not any(place in file.parents for place in whole):
            yield _file(file)


def in_the_hubs_cache() -> Iterator[Found]:
    """Diffusers models that were downloaded before, by their ids."""
    home = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface"))
    cache = Path(os.environ.get("HF_HUB_CACHE", home / "hub"))
    for index in sorted(cache.glob("models--*/snapshots/*/model_index.json")):
        name = index.parts[-4].removeprefix("models--").replace("--", "/")
        yield Found(name, "hub", family_of_folder(index.parent))


def family_named(name: str) -> str | None:
    """The family of what ``--model`` takes; None where its files do not say, or are not here."""
    if name == POCKET:
        return "sd1"
    place = Path(name)
    if place.is_dir():
        return family_of_folder(place) or None
    return family_of_file(place) if place.is_file() else None


def family_of_folder(folder: Path) -> str:
    """The family of a diffusers folder by its index and its U-Net's configuration."""
    try:
        kind = str(json.loads((folder / "model_index.json").read_text("utf-8"))["_class_name"])
        for start, family in _STARTS.items():
            if kind.startswith(start):
                return family
        unet = json.loads((folder / "unet" / "config.json").read_text("utf-8"))
        wide = unet["cross_attention_dim"] == 1024
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    if not kind.startswith("StableDiffusion"):
        return ""
    return "sd2" if wide else "sd1"


_STARTS: Final = {"StableDiffusionXL": "sdxl", "StableDiffusion3": "sd3", "Flux": "flux"}


def _file(file: Path) -> Found:
    try:
        shapes = shapes_of(file)
    except ModelError:
        return Found(str(file), "damaged", "")
    kind = kind_of(shapes)
    if kind in SINGLE:
        return Found(str(file), "file", kind)
    return Found(str(file), kind, family_of_lora(shapes) if kind == "lora" else "")
