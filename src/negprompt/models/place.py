"""A name → where the model lies: inside, in a folder or file, on the hub.  Loads nothing."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Final

from negprompt.errors import ModelError, shown

POCKET: Final = "pocket"
"""The model that ships inside."""

_HUB_ID: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_FILES: Final = (".safetensors", ".ckpt", ".pt", ".pth", ".bin")


def place_of(name: str) -> str:
    """Return the folder, single file or hub id behind a name.

    Raises ModelError ``model-missing``, ``model-no-pipeline`` and ``model-unknown``.
    """
    folder = Path(str(files("negprompt") / "models" / "pocket")) if name == POCKET else Path(name)
    try:
        here, whole = folder.exists(), (folder / "model_index.json").is_file()
        single = folder.is_file()
    except (OSError, ValueError):  # a name too long for a path, or with a NUL in it
        here = whole = single = False
    if name and (whole or single):
        return str(folder)
    if name == POCKET:
        raise ModelError(
            "the model that ships with negprompt is not in this installation",
            code="model-missing",
            cure="reinstall negprompt",
        )
    if name and here:
        raise ModelError(
            f"{shown(name)} holds no model_index.json",
            code="model-no-pipeline",
            cure="give the folder that a diffusers pipeline was saved into",
        )
    if not _HUB_ID.fullmatch(name) or name.endswith(_FILES):
        raise ModelError(
            f"there is no model {shown(name)}",
            code="model-unknown",
            cure="use pocket, a folder with a diffusers pipeline, a .safetensors file, or a hub id "
            "such as owner/name",
        )
    return name


@contextmanager
def blaming(name: str) -> Iterator[None]:
    """Turn whatever goes wrong with a model's files into a ModelError ``model-unreadable``."""
    try:
        yield
    except (ImportError, MemoryError, ModelError):
        raise
    except Exception as error:
        reason = str(error).strip().splitlines()
        raise ModelError(
            f"{shown(name)} cannot be loaded: {reason[0] if reason else type(error).__name__}",
            code="model-unreadable",
            cure="check the name and the connection; weights must be in safetensors",
        ) from error
