"""Files of the store that no row needs → room."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import select

from negprompt.history.opening import History
from negprompt.history.place import unusable
from negprompt.history.tables import images, inputs, runs

SPARED: Final = 3600
"""Seconds for which a file that no row names yet is left alone: its run may be about to."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What was removed, and what is left."""

    removed: int
    freed: int
    """Bytes."""
    left: int
    bytes: int


def collect(history: History, *, older: int | None = None) -> Collected:
    """Remove what no row names; with ``older`` also copies of images of runs so many days old.

    Rows stay, so such a run can be replayed.  What a run started from stays, too.  Raises
    OutputError ``history-unusable``.
    """
    needed = _needed(history, older)
    latest = time.time() - SPARED
    removed = freed = left = held = 0
    for path, size, touched in _files(history):
        if path.stem in needed or touched > latest:
            left, held = left + 1, held + size
            continue
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise unusable(f"{path}: {error.strerror or error}") from error
        removed, freed = removed + 1, freed + size
    return Collected(removed, freed, left, held)


def _files(history: History) -> Iterator[tuple[Path, int, float]]:
    """Each file with its bytes and when it was last written or named anew."""
    for path in history.store.files():
        with suppress(FileNotFoundError):  # another process collects, or has finished a write
            said = path.stat()
            yield path, said.st_size, said.st_mtime


def _needed(history: History, older: int | None) -> set[str]:
    """The SHA-256 of every file that must stay."""
    made = select(images.c.sha256).distinct()
    if older is not None:
        oldest = datetime.now(UTC) - timedelta(days=older)
        since = runs.c.made >= oldest.isoformat(timespec="microseconds")
        made = made.join(runs, images.c.run_id == runs.c.id).where(since)
    with history.reading() as connection:
        return {*connection.scalars(made), *connection.scalars(select(inputs.c.sha256))}
