"""A name → a model ready to run: the one shipped inside, a folder, a file, a model on the hub.

Weights are read from safetensors only, no code that comes with a model is run, and no safety
checker is loaded: what a negative prompt does is steering, and a filter belongs behind it.
"""

import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from negprompt.encoding.encoders import Encoders
from negprompt.errors import ModelError, shown
from negprompt.models.autoencoders import autoencoder
from negprompt.models.choices import NOTHING_BESIDE, Loading
from negprompt.models.distilled import FEW_STEPS, few_step
from negprompt.models.families import PIPELINES, Family, family_of
from negprompt.models.lora import Worn, fuse
from negprompt.models.memory import ROWS, device_of, dtype_of, enough, settle
from negprompt.models.place import POCKET, blaming, place_of
from negprompt.models.single import FLOWS, configs, family_of_file, single
from negprompt.models.text_encoders import exchange
from negprompt.models.uncollected import uncollected

__all__ = ["POCKET", "Model", "load", "quiet"]


@dataclass(frozen=True, slots=True)
class Model:
    """A pipeline with the name it was asked for by."""

    pipe: Any
    name: str
    family: Family
    loading: Loading = NOTHING_BESIDE
    _encoders: list[Encoders] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def encoders(self) -> Encoders:
        """Its text encoders, which remember what they said before.

        While LoRAs are on the pipeline nothing is remembered. Whoever changes the weights of a text
        encoder otherwise makes a new Model.
        """
        if getattr(self.pipe, "get_list_adapters", dict)():
            return self.family.encoders(self.pipe)
        if not self._encoders:
            self._encoders.append(self.family.encoders(self.pipe))
        return self._encoders[0]

    @property
    def few_step(self) -> str:
        """Why the model looks distilled for few steps; "" for an ordinary one."""
        loras = (Path(name).name for name, _ in self.loading.loras)
        return few_step(self.pipe, Path(self.name).name, *loras)

    @property
    def cfg(self) -> float:
        """Guidance scale where none is asked for."""
        if self.few_step:
            return 1.0
        return 4.0 if self.name == POCKET else self.family.cfg

    @property
    def steps(self) -> int:
        """Steps where none are asked for."""
        return FEW_STEPS if self.few_step else self.family.steps

    @property
    def rows(self) -> int | None:
        """Most rows in one pass; None for no bound."""
        return ROWS if self.loading.memory == "low" else None


@uncollected()
def load(
    name: str = POCKET, *, device: str | None = None, loading: Loading = NOTHING_BESIDE
) -> Model:
    """Load ``pocket``, a folder with a ``model_index.json``, a safetensors file, or a hub id.

    ``device`` overrides that of ``loading``. Raises ModelError where the model is unknown, cannot
    be reached, is not in safetensors, or is of a family that is not supported, and where anything
    that is loaded beside it is missing or does not fit.
    """
    source = place_of(name)
    if device is not None:
        loading = replace(loading, device=device)
    place = device_of(loading.device)
    with quiet(), enough(loading):
        if Path(source).is_file():
            flows = family_of_file(Path(source)) in FLOWS
            dtype = dtype_of(loading.dtype, place, wide=flows)
            pipe = _from_file(Path(source), loading, dtype)
        else:
            pipe, dtype = _from_folder(name, source, loading, place)
        family = family_of(pipe)
        if loading.text_encoder is not None:
            exchange(pipe, loading.text_encoder, dtype=dtype)
        loras = [Worn(lora, weight, weight) for lora, weight in loading.loras]
        fuse(pipe, family.name, loras, loading.lora_dir)
        settle(pipe.to(dtype), place, loading)
    pipe.set_progress_bar_config(disable=True)
    return Model(pipe, name, family, loading)


def _from_file(file: Path, loading: Loading, dtype: torch.dtype) -> Any:
    vae = None
    if loading.vae is not None:
        folder = configs(family_of_file(file), loading.config)
        vae = autoencoder(loading.vae, str(folder), dtype=dtype)
    with blaming(file.name):
        return single(file, loading.config, dtype=dtype, vae=vae)


def _from_folder(
    name: str, source: str, loading: Loading, place: torch.device
) -> tuple[Any, torch.dtype]:
    import diffusers

    with blaming(name):
        config = diffusers.DiffusionPipeline.load_config(source)
    kind = _supported(name, config)
    flows = PIPELINES[kind].part == "transformer"
    dtype = dtype_of(loading.dtype, place, small=name == POCKET, wide=flows)
    settings: dict[str, Any] = {"use_safetensors": True}
    if flows:
        settings |= {"torch_dtype": dtype}  # too large to be in float32 first
    if kind == "StableDiffusionPipeline":
        settings |= {"safety_checker": None, "requires_safety_checker": False}
    with blaming(name):
        pipe = getattr(diffusers, kind).from_pretrained(source, **settings)
    if loading.vae is not None:
        pipe.register_modules(vae=autoencoder(loading.vae, source, dtype=dtype))
    return pipe, dtype


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


@contextmanager
def quiet() -> Iterator[None]:
    """Keep diffusers and transformers from talking; what they raise still comes."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from diffusers.utils import logging as of_diffusers
    from transformers.utils import logging as of_transformers

    rooms = (of_diffusers, of_transformers)
    levels = [room.get_verbosity() for room in rooms]
    bars = [room.is_progress_bar_enabled() for room in rooms]
    for room in rooms:
        room.set_verbosity(logging.CRITICAL)
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
