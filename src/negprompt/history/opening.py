"""A place → an open history: its database brought to the newest form, its pictures beside it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, NullPool, create_engine, event, inspect, text
from sqlalchemy.exc import ArgumentError, DBAPIError

from negprompt.history.place import Place, place, unusable
from negprompt.history.store import Store

HEAD = "0001"
"""The newest revision in ``migrations/versions``."""
PATIENCE = 10
"""Seconds to wait for another process that writes."""


@dataclass(frozen=True, slots=True)
class History:
    """An open history."""

    engine: Engine
    store: Store

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view. Raises OutputError ``history-unusable``."""
        with _told(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """All or nothing. Raises OutputError ``history-unusable``."""
        with (
            _told(),
            self.engine.connect().execution_options(writes=True) as connection,
            connection.begin(),
        ):
            yield connection


def opened(folder: Path | None = None) -> History | None:
    """Open the history of commands that run in a folder, by default the current one.

    None where it is turned off. Raises OutputError ``history-unusable``, PolicyError
    ``project-invalid``.
    """
    where = place(folder or Path.cwd())
    return None if where is None else open_at(where)


def open_at(where: Place) -> History:
    """Open the history at a place, made or migrated if need be.

    Raises OutputError ``history-unusable``.
    """
    if where.file is not None:
        _made(where.file)
    try:
        history = History(_engine(where), Store(where.images))
    except (ArgumentError, ImportError) as error:
        raise unusable(f"{where.url.drivername} cannot be loaded ({error})") from error
    with history.reading() as connection:
        current = _revision(connection)
    if current != HEAD:
        from negprompt.history.migrating import upgrade

        with history.writing() as connection:
            upgrade(connection)
    return history


def now() -> str:
    """Return the time as the tables hold it."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _made(file: Path) -> None:
    """Make an empty database that only its user may read."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.touch(mode=0o600)
    except OSError as error:
        raise unusable(f"{file} cannot be written: {error.strerror or error}") from error


def _engine(where: Place) -> Engine:
    if where.url.get_backend_name() != "sqlite":
        return create_engine(where.url, pool_pre_ping=True)
    engine = create_engine(where.url, poolclass=NullPool, connect_args={"timeout": PATIENCE})
    event.listen(engine, "connect", _settled)
    event.listen(engine, "begin", _begun)
    return engine


def _settled(connection: Any, record: Any) -> None:
    """Set up SQLite: readers beside a writer, durable commits, references that hold."""
    connection.isolation_level = None  # the driver's own transactions would leave out DDL
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begun(connection: Connection) -> None:
    """Begin in SQLite; who will write takes the lock at once, else two of them could meet."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


@contextmanager
def _told() -> Iterator[None]:
    """Turn what a database says into an error of ours."""
    try:
        yield
    except DBAPIError as error:
        raise unusable(str(error.orig)) from error
