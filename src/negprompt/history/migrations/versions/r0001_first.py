"""The first form of the database."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make all tables."""
    _said()
    _made()
    _planned()
    if op.get_bind().dialect.name == "sqlite":
        for table in TABLES:
            _only_added_to(table)


def downgrade() -> None:
    """Drop all tables."""
    for table in reversed(TABLES):
        op.drop_table(table)


TABLES = (
    "sessions",
    "feedback",
    "decisions",
    "runs",
    "images",
    "inputs",
    "measurements",
    "layers",
    "uses",
    "words",
)


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.Integer, primary_key=True)


def _of(table: str, column: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(column, sa.Integer, sa.ForeignKey(f"{table}.id"), nullable=nullable)


def _indexed(table: str, *columns: str) -> None:
    op.create_index(f"ix_{table}_{columns[0]}", table, list(columns))


def _said() -> None:
    op.create_table("sessions", _id(), sa.Column("begun", sa.String(32), nullable=False))
    op.create_table(
        "feedback",
        _id(),
        _of("sessions", "session_id"),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("said", sa.String(32), nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("edits", sa.JSON, nullable=False),
        sa.UniqueConstraint("session_id", "number", name="uq_feedback_number"),
    )
    op.create_table(
        "decisions",
        _id(),
        _of("feedback", "feedback_id"),
        sa.Column("decided", sa.String(32), nullable=False),
        sa.Column("what", sa.String(40), nullable=False),
        sa.Column("state", sa.JSON, nullable=False),
    )
    _indexed("decisions", "feedback_id")


def _made() -> None:
    texts = ("folder", "prompt", "effective_negative", "model")
    objects = ("request", "layers", "versions", "notices")
    op.create_table(
        "runs",
        _id(),
        _of("feedback", "feedback_id", nullable=True),
        sa.Column("made", sa.String(32), nullable=False),
        sa.Column("command", sa.String(40), nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in texts),
        sa.Column("raw_negative", sa.Text),
        sa.Column("metadata", sa.String(20), nullable=False),
        sa.Column("passes", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        *(sa.Column(name, sa.JSON, nullable=False) for name in objects),
    )
    _indexed("runs", "feedback_id")
    op.create_table(
        "images",
        _id(),
        _of("runs", "run_id"),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("seed", sa.String(20), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("pixels", sa.String(64), nullable=False),
        sa.Column("path", sa.Text, nullable=False),
    )
    _indexed("images", "run_id")
    _indexed("images", "sha256")
    op.create_table(
        "inputs",
        _id(),
        _of("runs", "run_id"),
        sa.Column("field", sa.String(20), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
    )
    _indexed("inputs", "run_id")
    op.create_table(
        "measurements",
        _id(),
        _of("images", "image_id"),
        sa.Column("measured", sa.String(32), nullable=False),
        sa.Column("probe", sa.String(80), nullable=False),
        sa.Column("term", sa.Text, nullable=False),
        sa.Column("probability", sa.Float, nullable=False),
        sa.Column("present", sa.Boolean),
    )
    _indexed("measurements", "image_id")


def _planned() -> None:
    op.create_table(
        "layers",
        _id(),
        sa.Column("hash", sa.String(64), nullable=False, unique=True),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("version", sa.String(40), nullable=False),
        sa.Column("content", sa.JSON, nullable=False),
    )
    _indexed("layers", "name")
    op.create_table(
        "uses",
        sa.Column("run_id", sa.Integer, sa.ForeignKey("runs.id"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        _of("layers", "layer_id", nullable=True),
        sa.Column("negative", sa.Integer, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("weight", sa.Float, nullable=False),
    )
    _indexed("uses", "layer_id", "run_id")
    op.create_table(
        "words",
        sa.Column("words", sa.String(81), nullable=False),
        _of("runs", "run_id"),
        sa.Column("position", sa.Integer, nullable=False),
        _of("layers", "layer_id", nullable=True),
        sa.ForeignKeyConstraint(["run_id", "position"], ["uses.run_id", "uses.position"]),
    )
    _indexed("words", "words", "run_id", "position", "layer_id")


def _only_added_to(table: str) -> None:
    """Let SQLite itself refuse to change or delete a row."""
    for what in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{what.lower()} BEFORE {what} ON {table} "
            "BEGIN SELECT RAISE(ABORT, 'rows of the history are only added'); END"
        )
