"""The steps from one form of the database to the next, run by Alembic inside a transaction."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection

from negprompt.history.place import unusable

SCRIPTS = Path(__file__).parent / "migrations"


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Bring a database up to a revision. OutputError ``history-unusable`` for a newer one."""
    try:
        command.upgrade(_config(connection), revision)
    except CommandError as error:
        raise unusable("a newer version of negprompt wrote it") from error


def downgrade(connection: Connection, revision: str) -> None:
    """Bring a database down to a revision; ``base`` is an empty one."""
    command.downgrade(_config(connection), revision)


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
