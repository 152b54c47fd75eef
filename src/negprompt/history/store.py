"""Pictures by the SHA-256 of their file: each is there whole or not at all, and once."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

State = Literal["whole", "damaged", "missing"]


@dataclass(frozen=True, slots=True)
class Store:
    """A folder of files ``ab/abcdef….png``, named by what is in them."""

    folder: Path

    def put(self, data: bytes) -> str:
        """Keep a file; its SHA-256. What is on disk when this returns survives a power cut.

        A file that is there already counts as new, so that ``collecting`` leaves it alone. Raises
        OSError.
        """
        digest = hashlib.sha256(data).hexdigest()
        path = self.path(digest)
        if self.state(digest) == "whole":
            os.utime(path)
            return digest
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = path.with_name(f".{digest}.{os.getpid()}.part")
        try:
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
        return digest

    def path(self, digest: str) -> Path:
        """Where the file of this SHA-256 is, or would be."""
        return self.folder / digest[:2] / f"{digest}.png"

    def state(self, digest: str) -> State:
        """Whether a file is there and what its name says it is."""
        try:
            data = self.path(digest).read_bytes()
        except OSError:
            return "missing"
        return "whole" if hashlib.sha256(data).hexdigest() == digest else "damaged"

    def files(self) -> Iterator[Path]:
        """Yield every file, those of writes that were cut off among them."""
        yield from (path for path in sorted(self.folder.glob("??/*")) if path.is_file())
