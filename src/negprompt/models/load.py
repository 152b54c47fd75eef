"""A name → a model ready to run: the one shipped inside, a folder, or a model on the hub.

Weights are read from safetensors only, no code that comes with a model is run, and no safety
checker is loaded: what a negative prompt does is steering, and a filter belongs behind it.
"""

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from negprompt.errors import ModelError, shown
from negprompt.models.families import PIPELINES, Family, family_of
from negprompt.models.place import POCKET, blaming, place_of

__all__ = ["POCKET", "Model", "load", "quiet"]


@dataclass(frozen=True, slots=True)
class Model:
    """A pipeline with the name it was asked for by."""

    pipe: Any
    name: str
    family: Family

    @property
    def cfg(self) -> float:
        """Guidance scale where none is asked for."""
        return 4.0 if self.name == POCKET else self.family.cfg


def load(name: str = POCKET, *, device: str | None = None) -> Model:
    """Load ``pocket``, a folder with a ``model_index.json``, or a hub id ``owner/name``.

    The device is a GPU where there is one. Weights are float32, but float16 on a GPU for all models
    except the small pocket one. Raises ModelError where the model is unknown, cannot be reached, is
    not in safetensors, or is of a family that is not supported.
    """
    source = place_of(name)
    with quiet():
        import diffusers

        with blaming(name):
            config = diffusers.DiffusionPipeline.load_config(source)
        kind = _supported(name, config)
        settings: dict[str, Any] = {"use_safetensors": True}
        if kind == "StableDiffusionPipeline":
            settings |= {"safety_checker": None, "requires_safety_checker": False}
        with blaming(name):
            pipe = getattr(diffusers, kind).from_pretrained(source, **settings)
        place = torch.device(device) if device else _best_device()
        half = place.type == "cuda" and name != POCKET
        pipe = pipe.to(place, torch.float16 if half else torch.float32)
    pipe.set_progress_bar_config(disable=True)
    return Model(pipe, name, family_of(pipe))


def _supported(name: str, config: Mapping[str, Any]) -> str:
    """The pipeline class that a model asks for, if it is one that ``load`` takes."""
    kind = str(config.get("_class_name"))
    if kind not in PIPELINES:
        raise ModelError(
            f"{shown(name)} is a {kind}, which is not supported",
            code="model-unsupported",
            cure=f"use a model for {' or '.join(PIPELINES)}",
        )
    return kind


def _best_device() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep diffusers and transformers from talking about themselves; their errors still come."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from diffusers.utils import logging as of_diffusers
    from transformers.utils import logging as of_transformers

    rooms = (of_diffusers, of_transformers)
    levels = [room.get_verbosity() for room in rooms]
    bars = [room.is_progress_bar_enabled() for room in rooms]
    for room in rooms:
        room.set_verbosity_error()
        room.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        for room, level, bar in zip(rooms, levels, bars, strict=True):
            room.set_verbosity(level)
            if bar:
                room.enable_progress_bar()
