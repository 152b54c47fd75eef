"""The database goes up and down, and is then what the tables say."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from negprompt.errors import OutputError
from negprompt.history.migrating import SCRIPTS, downgrade, upgrade
from negprompt.history.opening import HEAD, History, open_at
from negprompt.history.place import place
from negprompt.history.tables import metadata


def test_the_newest_revision_is_known() -> None:
    assert ScriptDirectory(str(SCRIPTS)).get_current_head() == HEAD


def test_migrating_makes_what_the_tables_say(history: History) -> None:
    with history.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_it_goes_down_and_up_again(history: History) -> None:
    with history.writing() as connection:
        downgrade(connection, "base")
    with history.reading() as connection:
        assert set(inspect(connection).get_table_names()) == {"alembic_version"}
    with history.writing() as connection:
        upgrade(connection)
    with history.reading() as connection:
        assert set(metadata.tables) < set(inspect(connection).get_table_names())
        triggers = text("SELECT count(*) FROM sqlite_master WHERE type = 'trigger'")
        assert connection.scalar(triggers) == 2 * len(metadata.tables)


def test_a_migration_that_is_cut_off_leaves_nothing(history: History) -> None:
    with history.writing() as connection:
        downgrade(connection, "base")
    with suppress(KeyError), history.writing() as connection:
        upgrade(connection)
        raise KeyError
    with history.reading() as connection:
        assert set(inspect(connection).get_table_names()) == {"alembic_version"}


def test_a_newer_database_is_told(history: History, tmp_path: Path) -> None:
    with history.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    where = place(tmp_path)
    assert where is not None
    with pytest.raises(OutputError, match="newer version"):
        open_at(where)


def test_several_may_open_a_new_one_at_once(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from negprompt.history.opening import opened; "
        "from negprompt.history.sessions import begin; print(begin(opened(Path('.')), 'a', {}))"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=tmp_path,
            env=os.environ | {"NEGPROMPT_DATA": str(tmp_path / "data")},
        )
        for _ in range(3)
    ]  # fmt: skip
    said = [process.communicate(timeout=300)[0].strip() for process in started]
    assert sorted(said) == [b"1", b"2", b"3"]


def test_the_journal_is_a_write_ahead_log(history: History) -> None:
    with history.reading() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA synchronous")) == 2
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1
