"""Bytes → a file that appears whole or not at all."""

import os
import re
from contextlib import suppress
from pathlib import Path

from negprompt.errors import OutputError, shown


def write(path: Path, data: bytes) -> Path:
    """Write beside the place and move there; the path.

    Raises OutputError ``file-unwritable``.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        raise OutputError(
            f"{shown(str(path))} cannot be written: {error.strerror or error}",
            code="file-unwritable",
            cure="make room, or give another folder",
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return path


def following(folder: Path, stem: str) -> Path:
    """``STEM-NNNNN.png``, counting on from what the folder holds."""
    pattern = re.compile(rf"{re.escape(stem)}-(\d+)\.png")
    numbers = [pattern.fullmatch(path.name) for path in folder.iterdir()]
    number = max((int(found[1]) for found in numbers if found), default=-1) + 1
    return folder / f"{stem}-{number:05d}.png"
