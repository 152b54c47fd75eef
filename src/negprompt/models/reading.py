"""A name → the tokenizers of a model and nothing else of it: no networks, no torch."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from negprompt.errors import ModelError, shown
from negprompt.models.place import POCKET, blaming, place_of


@dataclass(frozen=True, slots=True)
class Reader:
    """What one text encoder of a model reads with, and how wide its embeddings are."""

    name: str
    """The folder that it lies in, such as ``tokenizer_2``."""
    tokenizer: Any
    width: int


def readers(name: str = POCKET) -> tuple[Reader, ...]:
    """Return the CLIP tokenizers of the pocket model or of a folder, in the pipeline's order.

    Raises ModelError as ``place_of`` does, ``model-not-local`` for a hub id, ``model-unreadable``
    where files are missing or damaged, ``model-unsupported`` without a CLIP tokenizer.
    """
    folder = Path(place_of(name))
    if not folder.is_dir():
        raise ModelError(
            f"{shown(name)} is no folder on this machine, and nothing is fetched for its tokens",
            code="model-not-local",
            cure="download it and give its folder, or use pocket",
        )
    with blaming(name):
        index = _json(folder / "model_index.json")
        found = sorted(part for part, value in index.items() if _is_clip(value))
        read = tuple(_reader(folder, part) for part in found)
    if not read:
        raise ModelError(
            f"{shown(name)} has no CLIP tokenizer",
            code="model-unsupported",
            cure="use a Stable Diffusion 1, 2 or XL pipeline",
        )
    return read


def _is_clip(value: object) -> bool:
    return isinstance(value, list) and str(value[-1]).startswith("CLIPTokenizer")


def _reader(folder: Path, part: str) -> Reader:
    from transformers import CLIPTokenizer

    encoder = _json(folder / part.replace("tokenizer", "text_encoder") / "config.json")
    tokenizer = CLIPTokenizer.from_pretrained(folder / part)
    return Reader(part, tokenizer, int(encoder["hidden_size"]))


def _json(file: Path) -> Mapping[str, Any]:
    read: Mapping[str, Any] = json.loads(file.read_text("utf-8"))
    return read
