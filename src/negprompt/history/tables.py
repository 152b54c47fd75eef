"""The tables of the history.  Rows are added and never changed or deleted.

::

    sessions ─< feedback ─< decisions          what was said in a chat, and what came of it
                   └──────< runs ─< images ─< measurements
                             ├───< inputs      pictures that it started from
                             └───< uses >─ layers        the effective plan: which term, from whom
                                     └──< words          by which a term is found

Times are UTC in ISO 8601, so that text sorts as time does.  A term that only its owner may see
stands here under the name that others may call it; its words are in ``layers.content`` alone.
"""

from collections.abc import Mapping
from typing import Any, Final, cast

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    insert,
)

TIME: Final = 32  # characters of a time with microseconds
SHA256: Final = 64  # hexadecimal digits

metadata = MetaData()


def _id() -> Column[int]:
    return Column("id", Integer, primary_key=True)


def _of(table: str, *, nullable: bool = False, **options: Any) -> Column[int]:
    """A reference to a row of another table."""
    column = f"{table.removesuffix('s')}_id"
    return Column(column, ForeignKey(f"{table}.id"), nullable=nullable, **options)


sessions = Table("sessions", metadata, _id(), Column("begun", String(TIME), nullable=False))

feedback = Table(
    "feedback",
    metadata,
    _id(),
    _of("sessions"),
    Column("number", Integer, nullable=False),  # within the session; 0 is the prompt
    Column("said", String(TIME), nullable=False),
    Column("words", Text, nullable=False),
    Column("edits", JSON, nullable=False),
    UniqueConstraint("session_id", "number", name="uq_feedback_number"),
)

decisions = Table(
    "decisions",
    metadata,
    _id(),
    _of("feedback", index=True),
    Column("decided", String(TIME), nullable=False),
    Column("what", String(40), nullable=False),
    Column("state", JSON, nullable=False),  # after it
)

runs = Table(
    "runs",
    metadata,
    _id(),
    _of("feedback", nullable=True, index=True),
    Column("made", String(TIME), nullable=False),
    Column("command", String(40), nullable=False),
    Column("folder", Text, nullable=False),  # where it ran, from which its relative paths are taken
    Column("prompt", Text, nullable=False),
    Column("raw_negative", Text),  # null: none was given
    Column("effective_negative", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("request", JSON, nullable=False),  # without its layers
    Column("layers", JSON, nullable=False),  # their hashes
    Column("metadata", String(20), nullable=False),  # what its files say
    Column("passes", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("versions", JSON, nullable=False),
    Column("notices", JSON, nullable=False),
)

images = Table(
    "images",
    metadata,
    _id(),
    _of("runs", index=True),
    Column("position", Integer, nullable=False),
    Column("seed", String(20), nullable=False),  # up to 2⁶³, more than a number of JSON may hold
    Column("sha256", String(SHA256), nullable=False, index=True),  # of the file
    Column("pixels", String(SHA256), nullable=False),  # of size and pixels, whatever the file says
    Column("path", Text, nullable=False),  # where it was saved
)

inputs = Table(
    "inputs",
    metadata,
    _id(),
    _of("runs", index=True),
    Column("field", String(20), nullable=False),  # of the request: image, mask
    Column("sha256", String(SHA256), nullable=False),
)

measurements = Table(
    "measurements",
    metadata,
    _id(),
    _of("images", index=True),
    Column("measured", String(TIME), nullable=False),
    Column("probe", String(80), nullable=False),
    Column("term", Text, nullable=False),
    Column("probability", Float, nullable=False),
    Column("present", Boolean),  # null: the probe abstains
)

layers = Table(
    "layers",
    metadata,
    _id(),
    Column("hash", String(SHA256), nullable=False, unique=True),
    Column("name", String(60), nullable=False, index=True),
    Column("version", String(40), nullable=False),
    Column("content", JSON, nullable=False),
)

uses = Table(
    "uses",
    metadata,
    _of("runs", primary_key=True),
    Column("position", Integer, primary_key=True),  # in the plan, from 0
    _of("layers", nullable=True),  # null: the user
    Column("negative", Integer, nullable=False),  # which of several, from 1
    Column("text", Text, nullable=False),
    Column("weight", Float, nullable=False),
    Index("ix_uses_layer_id", "layer_id", "run_id"),
)

words = Table(
    "words",
    metadata,
    Column("words", String(81), nullable=False),  # one, or two side by side, in small letters
    _of("runs"),
    Column("position", Integer, nullable=False),
    _of("layers", nullable=True),
    ForeignKeyConstraint(["run_id", "position"], ["uses.run_id", "uses.position"]),
    Index("ix_words_words", "words", "run_id", "position", "layer_id"),  # it answers by itself
)


def added(connection: Connection, table: Table, row: Mapping[str, Any]) -> int:
    """Add a row; its number."""
    new = connection.execute(insert(table).values(row)).inserted_primary_key
    return int(cast("tuple[int]", new)[0])
