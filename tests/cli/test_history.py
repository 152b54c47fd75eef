"""`negprompt history` as a user runs it, after `negprompt generate`."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from negprompt.cli import main
from negprompt.engine.run import _loaded

POLICY = """
name = "brand"
version = "7.1.0"
layer = "brand"
mode = "enforced"
visibility = "owner"
terms = [{ text = "zorkmid", weight = 1.3 }, { text = "acme blob" }]
"""


@pytest.fixture(autouse=True)
def _own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEGPROMPT_DATA", str(tmp_path / "data"))


@pytest.fixture
def pictures(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> list[Path]:
    """Two pictures under a policy that only its owner may see."""
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "brand.toml").write_text(POLICY)
    arguments = [
        "generate", "a cat", "--negative", "scarf, bad hands", "--count", "2", "--seed", "7",
        "--model", model, "--steps", "2", "--out", str(tmp_path / "out"),
        "--policy", "brand", "--policy-folder", str(tmp_path / "policies"),
    ]  # fmt: skip
    assert main(arguments) == 0
    return [Path(line) for line in capsys.readouterr().out.splitlines()]


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main(["history", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_run_is_listed_shown_and_found(
    pictures: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    (run,) = answer(capsys, "list")["runs"]
    assert [image["path"] for image in run["images"]] == [str(path) for path in pictures]
    shown = answer(capsys, "show", str(pictures[1]))
    assert (shown["id"], shown["prompt"]) == (run["id"], "a cat")
    assert [image["state"] for image in shown["images"]] == ["whole", "whole"]
    found = answer(capsys, "search", "hands")
    assert (found["count"], found["runs"][0]["id"]) == (1, run["id"])
    assert answer(capsys, "search", "--policy", "brand@7")["count"] == 1
    assert answer(capsys, "search", "--policy", "brand@6")["count"] == 0


def test_nothing_says_what_only_an_owner_may_see(
    pictures: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [["list"], ["show", "1"], ["search", "brand"], ["search", "--policy", "brand"]]
    for arguments in [*asked, *([*one, "--json"] for one in asked)]:
        assert main(["history", *arguments]) == 0
        said = capsys.readouterr()
        assert "brand@7.1.0#" in said.out
        assert "zorkmid" not in said.out + said.err
        assert "blob" not in said.out + said.err
    assert answer(capsys, "search", "zorkmid")["count"] == 0


def test_a_replay_is_the_same_file(
    pictures: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = [path.read_bytes() for path in pictures]
    (tmp_path / "policies" / "brand.toml").unlink()
    out = ["--out", str(tmp_path / "again")]
    again = answer(capsys, "replay", "1", *out)
    assert again["same"] is True
    assert again["changed"] == []
    assert [Path(image["path"]).read_bytes() for image in again["images"]] == before
    assert len(answer(capsys, "list")["runs"]) == 1  # a replay is no run of its own
    assert main(["history", "replay", str(pictures[0]), *out]) == 0
    assert "the same, bit for bit" in capsys.readouterr().err


def test_a_model_that_changed_is_told(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The prompt is read by another model of the same name."""
    monkeypatch.chdir(tmp_path)
    Path("mine").symlink_to(model)
    arguments = ["generate", "a cat", "--model", "mine", "--steps", "2"]
    assert main(arguments) == 0
    Path("mine").unlink()
    Path("mine").symlink_to(Path(__file__).parents[2] / "src" / "negprompt" / "models" / "pocket")
    _loaded.cache_clear()
    assert main(["history", "replay", "1", "--json"]) == 3
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["same"] is False


def test_a_checked_picture_is_recorded_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        "generate", "a cat", "--negative", "scarf", "--check", "--tries", "1", "--steps", "1",
        "--out", str(tmp_path), "--json",
    ]  # fmt: skip
    assert main(arguments) in (0, 3)
    (image,) = json.loads(capsys.readouterr().out)["images"]
    assert answer(capsys, "show", image["path"])["images"][0]["state"] == "whole"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "12"], "no run 12"), (["show", "no.png"], "neither a number nor a picture"),
        (["show", __file__], "no run"), (["search", "!"], "no word"), (["search"], "no word"),
        (["search", "a", "--policy", "A b"], "cannot be read"), (["replay", "5"], "no run 5"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_in_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["history", *arguments]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


def test_turned_off_it_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEGPROMPT_HISTORY", "off")
    assert main(["history", "list"]) == 2
    assert "turned off" in capsys.readouterr().err


def test_a_history_that_cannot_be_written_fails_no_command(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("NEGPROMPT_DATA", str(tmp_path / "file"))
    arguments = ["generate", "a cat", "--model", model, "--steps", "2", "--out", str(tmp_path)]
    assert main([*arguments, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert [notice["code"] for notice in made["notices"]] == ["history-unwritten"]
    assert Path(made["images"][0]["path"]).is_file()


def test_collecting_says_what_it_freed(
    pictures: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left = tmp_path / "data" / "history-images" / "ab" / "abc.png"
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(b"x" * 10)
    os.utime(left, (0, 0))
    done = answer(capsys, "gc")
    assert (done["removed"], done["freed"], done["left"]) == (1, 10, 2)


def test_a_search_loads_no_model_library(tmp_path: Path) -> None:
    code = (
        "from negprompt.cli import main; import sys; main(['history', 'search', 'hands']); "
        "print(*[m for m in ('torch', 'diffusers', 'transformers', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.split() == []
