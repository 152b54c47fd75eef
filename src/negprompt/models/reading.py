"""A name → the tokenizers of a model and nothing else of it: no networks, no torch."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from negprompt.errors import ModelError, shown
from negprompt.models.place import POCKET, blaming, place_of
from negprompt.models.single import configs, family_of_file
from negprompt.models.vocabulary import tokenizer


@dataclass(frozen=True, slots=True)
class Reader:
    """What one text encoder of a model reads with, and how wide its embeddings are."""

    name: str
    """The folder that it lies in, such as ``tokenizer_2``."""
    tokenizer: Any
    width: int


def readers(name: str = POCKET, config: str | None = None) -> tuple[Reader, ...]:
    """Return the CLIP tokenizers of the pocket model, a folder or a file, in the pipeline's order.

    ``config`` is that of ``Loading``. Raises ModelError as ``place_of``, ``family_of_file`` and
    ``configs`` do, ``model-not-local`` for a hub id, ``model-unreadable`` where files are missing
    or damaged, ``model-unsupported`` without a CLIP tokenizer.
    """
    folder = Path(place_of(name))
    if folder.is_file():
        folder = configs(family_of_file(folder), config)
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
    encoder = _json(folder / part.replace("tokenizer", "text_encoder") / "config.json")
    return Reader(part, tokenizer(folder, part), int(encoder["hidden_size"]))


def _json(file: Path) -> Mapping[str, Any]:
    read: Mapping[str, Any] = json.loads(file.read_text("utf-8"))
    return read
