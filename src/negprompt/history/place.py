"""Where the history is kept: a database, and beside it a folder of pictures.

``NEGPROMPT_HISTORY`` is ``off`` or a URL as SQLAlchemy takes it; without it the history is
``history.db`` in the user's data folder: ``NEGPROMPT_DATA``, or ``negprompt`` in ``XDG_DATA_HOME``
or ``~/.local/share``.  A project file may turn the history off and not name a place: it comes with
somebody's repository, and would else say where a user's words are sent.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from negprompt.errors import OutputError
from negprompt.policy.project import found

SETTING: Final = "NEGPROMPT_HISTORY"
DATA: Final = "NEGPROMPT_DATA"


@dataclass(frozen=True, slots=True)
class Place:
    """A database, and the folder of the pictures that it refers to and no other does."""

    url: URL
    images: Path

    @property
    def file(self) -> Path | None:
        """The file of a SQLite database; None for one in memory or on a server."""
        if self.url.get_backend_name() != "sqlite" or self.url.database in (None, "", ":memory:"):
            return None
        return Path(str(self.url.database)).absolute()


def place(folder: Path) -> Place | None:
    """Return where a command that runs in this folder keeps its history; None where it is off.

    Raises OutputError ``history-unusable``, PolicyError ``project-invalid``.
    """
    said = os.environ.get(SETTING, "").strip()
    if said.lower() == "off" or not found(folder).history:
        return None
    data = _data()
    try:
        url = make_url(said) if said else URL.create("sqlite", database=str(data / "history.db"))
    except ArgumentError as error:
        raise unusable(f"{SETTING} is no URL of a database") from error
    file = Place(url, data).file
    if file is not None:
        return Place(url, file.with_name(f"{file.stem}-images"))
    mark = hashlib.sha256(url.render_as_string(hide_password=True).encode()).hexdigest()[:16]
    return Place(url, data / f"images-{mark}")


def _data() -> Path:
    """Return the user's data folder."""
    if given := os.environ.get(DATA):
        return Path(given).absolute()
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "negprompt"


def unusable(reason: str) -> OutputError:
    """Return the error of a history that cannot be opened, read or written."""
    return OutputError(
        f"the history cannot be used: {reason}",
        code="history-unusable",
        cure=f"make room, give another place with {SETTING}, or turn it off with {SETTING}=off",
    )
