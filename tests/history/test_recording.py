"""What is recorded is found again, whole, and nothing of it changes."""

import json
import os
import stat
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.history.conftest import BRAND, SECRET

from negprompt.engine import Generation, save
from negprompt.errors import OutputError, PolicyError, RequestError
from negprompt.history import looking
from negprompt.history.collecting import SPARED, collect
from negprompt.history.opening import History, opened
from negprompt.history.place import SETTING, place
from negprompt.history.recording import Measurement, kept, measured, record


def recorded(history: History, made: Generation, out: Path) -> int:
    return record(history, made, save(made, out), command="generate")


def test_a_run_is_found_whole(history: History, made: Generation, tmp_path: Path) -> None:
    paths = save(made, tmp_path / "out")
    number = record(history, made, paths, command="generate", metadata="full")
    run = looking.run(history, number)
    assert (run.prompt, run.raw_negative) == ("a cat", "scarf, (Bad  hands:1.4)")
    assert run.effective_negative == made.plan.effective_negative
    assert run.policies == (BRAND.label, SECRET.label)
    assert [(use.text, use.weight, use.layer) for use in run.terms] == [
        ("rival logo", 1.2, BRAND.label),
        (f"<{SECRET.label}>", 1.0, SECRET.label),
        ("scarf", 1.0, "user"),
        ("Bad  hands", 1.4, "user"),
    ]
    assert [(image.seed, image.state, image.path) for image in run.images] == [
        (7, "whole", paths[0]), (8, "whole", paths[1])
    ]  # fmt: skip
    for image, path in zip(run.images, paths, strict=True):
        assert image.file.read_bytes() == path.read_bytes()
        assert looking.made_by(history, image.sha256) == number
    assert [one.id for one in looking.newest(history)] == [number]


def test_the_users_own_pictures_may_go(history: History, made: Generation, tmp_path: Path) -> None:
    paths = save(made, tmp_path / "out")
    number = record(history, made, paths, command="generate")
    for path in paths:
        path.unlink()
    assert {image.state for image in looking.run(history, number).images} == {"whole"}


def test_a_copy_that_is_lost_or_damaged_is_told(
    history: History, made: Generation, tmp_path: Path
) -> None:
    number = recorded(history, made, tmp_path)
    first, second = looking.run(history, number).images
    first.file.unlink()
    second.file.write_bytes(second.file.read_bytes()[:-1])
    assert [image.state for image in looking.run(history, number).images] == ["missing", "damaged"]
    recorded(history, made, tmp_path / "again")  # the same files: both are mended
    assert {image.state for image in looking.run(history, number).images} == {"whole"}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (("hands", None), ["Bad  hands"]),
        (("BAD hands", None), ["Bad  hands"]),
        (("hand", None), []),
        (("hands bad", None), []),
        (("scarf logo", None), []),
        (("secret 2 0", None), [f"<{SECRET.label}>"]),
        (("secret 2 1", None), []),
        (("logo", None), ["rival logo"]),
        (("logo", "brand@7"), ["rival logo"]),
        (("logo", "brand@7.1.0"), ["rival logo"]),
        (("logo", BRAND.label), ["rival logo"]),
        (("logo", "brand@7.0"), []),
        (("logo", "brand@71"), []),
        (("logo", "secret"), []),
        (("scarf", "brand"), []),
        (("", "brand"), ["rival logo"]),
        (("", "other"), []),
        (("", "secret@2"), [f"<{SECRET.label}>"]),
    ],
)
def test_a_term_is_found_by_its_words_and_its_policy(
    history: History,
    made: Generation,
    tmp_path: Path,
    asked: tuple[str, str | None],
    found: list[str],
) -> None:
    number = recorded(history, made, tmp_path)
    count, runs = looking.search(history, asked[0], policy=asked[1])
    assert count == len(runs) == len(found)
    assert [use.text for run in runs for use in run.terms] == found
    assert all(run.id == number and len(run.images) == 2 for run in runs)


def test_of_many_the_newest_are_shown(history: History, made: Generation, tmp_path: Path) -> None:
    numbers = [recorded(history, made, tmp_path / str(place)) for place in range(3)]
    count, runs = looking.search(history, "scarf", limit=2)
    assert (count, [run.id for run in runs]) == (3, numbers[:0:-1])
    assert [run.id for run in looking.newest(history, 1)] == numbers[-1:]


def test_what_only_an_owner_may_see_is_in_no_answer(
    history: History, made: Generation, tmp_path: Path
) -> None:
    run = looking.run(history, recorded(history, made, tmp_path))
    found = looking.search(history, "", policy="secret")[1]
    answers = [asdict(run), *map(asdict, found), *map(asdict, looking.newest(history))]
    assert "zorkmid" not in (said := json.dumps(answers, default=str))
    assert "blob" not in said
    assert SECRET.label in said
    assert looking.search(history, "zorkmid") == looking.search(history, "acme blob") == (0, ())


@pytest.mark.parametrize(
    ("term", "policy", "code"),
    [
        ("", None, "search-empty"), ("!!", None, "search-empty"), ("!!", "brand", "search-empty"),
        ("a", "A b", "policy-unreadable"),
    ],
)  # fmt: skip
def test_what_cannot_be_searched_for_is_told(
    history: History, term: str, policy: str | None, code: str
) -> None:
    with pytest.raises(RequestError) as told:
        looking.search(history, term, policy=policy)
    assert told.value.code == code


def test_rows_are_only_added(history: History, made: Generation, tmp_path: Path) -> None:
    number = recorded(history, made, tmp_path)
    tables = ("runs", "images", "uses", "words", "layers")
    deleted = [f"DELETE FROM {table}" for table in tables]  # noqa: S608 - names of ours
    for statement in [*deleted, "UPDATE runs SET prompt = 'a dog'"]:
        with pytest.raises(OutputError, match="only added"), history.writing() as connection:
            connection.execute(text(statement))
    assert looking.run(history, number).prompt == "a cat"


def test_a_run_is_recorded_all_or_not_at_all(
    history: History, made: Generation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = save(made, tmp_path)
    with pytest.raises(OutputError):
        record(history, made, [paths[0], tmp_path / "gone.png"], command="generate")
    with pytest.raises(RequestError, match="no session 5"):
        record(history, made, paths, command="chat", session=5)
    with pytest.raises(ValueError, match="zip"):  # inside the transaction, after the run's row
        record(history, made, paths[:1], command="generate")
    assert looking.newest(history) == ()
    assert looking.search(history, "scarf") == (0, ())


def test_measurements_stand_beside_their_image(
    history: History, made: Generation, tmp_path: Path
) -> None:
    number = recorded(history, made, tmp_path)
    measured(history, number, [Measurement(1, "judge", "scarf", 0.2, present=False)])
    first, second = looking.run(history, number).images
    assert first.measurements == ()
    (one,) = second.measurements
    assert (one["probe"], one["term"], one["probability"], one["present"]) == (
        "judge", "scarf", 0.2, False
    )  # fmt: skip


def test_it_is_off_by_one_setting(
    made: Generation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = save(made, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEGPROMPT_DATA", str(tmp_path / "data"))
    monkeypatch.setenv(SETTING, "off")
    assert opened() is None
    assert kept(made, paths, command="generate") == ()
    monkeypatch.delenv(SETTING)
    (tmp_path / "negprompt.toml").write_text("history = false\n")
    assert opened() is None
    assert not (tmp_path / "data").exists()
    (tmp_path / "negprompt.toml").write_text('history = "postgresql://elsewhere/x"\n')
    with pytest.raises(PolicyError, match="history"):  # a repository sends nobody's words away
        opened()


def test_another_database_has_pictures_of_its_own(
    made: Generation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SETTING, f"sqlite:///{tmp_path / 'a.db'}")
    first = opened(tmp_path)
    monkeypatch.setenv(SETTING, f"sqlite:///{tmp_path / 'b.db'}")
    second = opened(tmp_path)
    assert first is not None
    assert second is not None
    number = recorded(first, made, tmp_path / "out")
    assert looking.newest(second) == ()
    for path in first.store.files():
        os.utime(path, (0, 0))
    assert collect(second).removed == 0
    assert {image.state for image in looking.run(first, number).images} == {"whole"}


def test_only_its_user_may_read_it(history: History, made: Generation, tmp_path: Path) -> None:
    image = looking.run(history, recorded(history, made, tmp_path)).images[0].file
    file = Path(str(history.engine.url.database))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(image.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("url", ["nonsense", "no-such-database://x", "sqlite:////proc/x/y.db"])
def test_a_place_that_cannot_be_used_is_a_notice(
    made: Generation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv(SETTING, url)
    (notice,) = kept(made, save(made, tmp_path), command="generate")
    assert notice.code == "history-unwritten"


def test_a_password_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, "no-such-database://me:hunter2@host/x")
    with pytest.raises(OutputError) as told:
        opened(tmp_path)
    assert "hunter2" not in str(told.value)


def test_what_no_row_names_is_collected(history: History, made: Generation, tmp_path: Path) -> None:
    number = recorded(history, made, tmp_path)
    fresh = history.store.path(history.store.put(b"a run is about to name it"))
    old = history.store.path(history.store.put(b"left by a process that was killed"))
    part = old.with_name(f".{old.stem}.1.part")
    part.write_bytes(b"half")
    kept_copies = [image.file for image in looking.run(history, number).images]
    for path in (old, part, *kept_copies):
        os.utime(path, (0, time.time() - SPARED - 1))
    done = collect(history)
    assert (done.removed, done.left) == (2, 3)
    assert done.freed == len(b"left by a process that was killed") + len(b"half")
    assert fresh.exists()
    assert not old.exists()
    assert not part.exists()
    assert {image.state for image in looking.run(history, number).images} == {"whole"}


def test_old_copies_go_and_their_runs_stay(
    history: History, made: Generation, tmp_path: Path
) -> None:
    number = recorded(history, made, tmp_path)
    for image in looking.run(history, number).images:
        os.utime(image.file, (0, 0))
    assert collect(history, older=1).removed == 0  # the run is of today
    assert collect(history, older=-1).removed == 2
    run = looking.run(history, number)
    assert {image.state for image in run.images} == {"missing"}
    assert run.prompt == "a cat"


def test_a_plan_without_negatives_has_no_terms(
    history: History, made: Generation, tmp_path: Path
) -> None:
    plain = replace(made.request, negative=None, policies=())
    other = replace(made, request=plain, plan=plain.planned("sd1"))
    run = looking.run(history, recorded(history, other, tmp_path))
    assert run.terms == ()
    assert run.policies == ()
    assert run.raw_negative is None


def test_the_database_is_where_xdg_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEGPROMPT_DATA")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    where = place(tmp_path)
    assert where is not None
    assert where.file == tmp_path / "negprompt" / "history.db"


def test_a_file_that_is_no_database_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.db").write_bytes(b"a picture, say, or anything else" * 100)
    monkeypatch.setenv(SETTING, f"sqlite:///{tmp_path / 'x.db'}")
    with pytest.raises(OutputError, match="not a database") as told:
        opened(tmp_path)
    assert isinstance(told.value.__cause__, DBAPIError)
