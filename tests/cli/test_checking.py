"""`negprompt generate --check`: who looks, what is printed and written, and the exit status."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from negprompt.cli import main
from negprompt.cli.checking import _spelled
from negprompt.metadata import RAW_NEGATIVE, read

Captured = pytest.CaptureFixture[str]
EYES = """
calls = []

def always(images, term):
    return [0.9] * len(images)

def once(images, term):
    calls.append(term)
    return [0.9 if len(calls) == 1 else 0.1] * len(images)

def blind(images, term):
    return [None] * len(images)
"""


@pytest.fixture(autouse=True)
def eyes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of the user's own, where the command runs."""
    monkeypatch.chdir(tmp_path)
    name = f"eyes_{abs(hash(tmp_path))}"
    (tmp_path / f"{name}.py").write_text(EYES)
    return name


def asked(model: str, *more: str) -> list[str]:
    return ["generate", *more, "--negative", "scarf", "--model", model, "--steps", "2"]


def test_json_has_one_more_key(model: str, eyes: str, capsys: Captured) -> None:
    assert main(asked(model, "a cat", "--json", "--check", f"{eyes}:once")) == 0
    made = json.loads(capsys.readouterr().out)
    assert list(made)[-2:] == ["cost", "check"]
    check: dict[str, Any] = made["check"]
    assert check["probe"] == f"{eyes}:once"
    assert check["clean"] is True
    assert (check["residual_first"]["rate"], check["residual"]["rate"], check["n"]) == (1, 0, 1)
    (image,) = check["images"]
    assert (image["clean"], image["kept"]) == (True, 2)
    first, second = image["tries"]
    assert first["found"] == [{"term": "scarf", "p": 0.9, "weight": 1.0}]
    assert second["effective_negative"] == "(scarf:1.3) BREAK scarf"
    assert second["found"] == []
    assert check["passes"] == first["passes"] + second["passes"] == 8
    assert made["images"] == [{"path": image["path"], "seed": 0}]
    with Image.open(image["path"]) as picture:
        said = read(picture.text["parameters"])  # type: ignore[attr-defined]
    assert said.negative == second["effective_negative"]
    assert said.fields[RAW_NEGATIVE] == "scarf"


def test_what_is_left_is_status_3_and_told(model: str, eyes: str, capsys: Captured) -> None:
    command = asked(model, "--check", f"{eyes}:always", "a cat", "--count", "2", "--tries", "2")
    assert main(command) == 3
    said = capsys.readouterr()
    assert [Path(line).name for line in said.out.splitlines()] == ["00000-0.png", "00001-1.png"]
    assert "seed 1: scarf 0.90 at weight 1; scarf 0.90 at weight 1.3; try 1 is kept" in said.err
    assert "100 % [34, 100] of 2 not clean at the first try, 100 % [34, 100] in the end" in said.err
    assert "not a safety filter" in said.err


def test_what_nobody_can_read_is_not_clean(model: str, eyes: str, capsys: Captured) -> None:
    assert main(asked(model, "a cat", "--check", f"{eyes}:blind", "--json")) == 3
    made = json.loads(capsys.readouterr().out)
    assert made["notices"][-1]["code"] == "check-unread"
    assert made["check"]["images"][0]["tries"][0]["unread"] == ["scarf"]


def test_a_kept_picture_begins_again_from_what_was_typed(
    model: str, eyes: str, capsys: Captured
) -> None:
    assert main(asked(model, "a cat", "--check", f"{eyes}:once")) == 0
    path = capsys.readouterr().out.strip()
    assert main(["generate", "--like", path, "--model", model, "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["effective_negative"] == "scarf"
    assert "the terms of retry-1@1#" in said.err


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (["a cat", "--tries", "3"], "add --check"),
        (["a cat", "--new-seed"], "add --check"),
        (["a cat", "--check"], "--check clip:MODEL"),
        (["--check", "a cat"], "--check clip:MODEL"),
        (["a cat", "--check", "none"], "--check clip:MODEL"),
        (["a cat", "--check", "judge:third"], "choose judge"),
    ],
)
def test_mistakes_are_told_in_one_line(
    model: str, more: list[str], code: str, capsys: Captured
) -> None:
    assert main(asked(model, *more)) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert code in said.err
    assert not Path("out/00000-0.png").exists()


def test_a_word_that_names_no_probe_is_the_prompt() -> None:
    assert list(_spelled(["--check", "a cat: red"])) == ["--check", "", "a cat: red"]
    assert list(_spelled(["x", "--check"])) == ["x", "--check", ""]
    for name in ("judge", "judge:second", "clip:DIR/m", "vision:m@http://localhost/v1", "a.b:f"):
        assert list(_spelled(["--check", name, "cat"])) == ["--check", name, "cat"]


@pytest.mark.slow
def test_the_judge_looks_at_the_pocket_models_pictures(capsys: Captured) -> None:
    command = ["generate", "a cat on a beach", "--negative", "scarf", "--cfg", "1.5"]
    status = main([*command, "--count", "8", "--seed", "1000", "--check", "--json"])
    check = json.loads(capsys.readouterr().out)["check"]
    assert check["probe"] == "judge"
    assert status == (0 if check["clean"] else 3)
    assert any(len(image["tries"]) > 1 for image in check["images"])
