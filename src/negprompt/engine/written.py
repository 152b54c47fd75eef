"""Bytes → a file that appears whole or not at all."""

import os
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
