"""``negprompt policy`` and ``generate --policy`` as a user runs them."""

import json
from pathlib import Path

import pytest
from PIL import Image

from negprompt.cli import main
from negprompt.metadata import RAW_NEGATIVE, read

FLOOR = """\
name = "house-floor"
version = "1.2.0"
layer = "floor"
mode = "always"
owner = "the picture desk"
reason = "nobody wants these"
[[terms]]
text = "low quality, (blurry:1.2)"
reason = "asked for in every brief"
"""
BRAND = """\
name = "brand"
version = "1.0.0"
layer = "brand"
mode = "enforced"
visibility = "owner"
[[terms]]
text = "zyxwv logo"
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with two policies."""
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "house-floor.toml").write_text(FLOOR)
    (folder / "brand.toml").write_text(BRAND)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def made(
    model: str, capsys: pytest.CaptureFixture[str], *more: str
) -> tuple[dict[str, object], str]:
    """What ``generate --json`` says, and everything else that it says."""
    asked = ["generate", "a cat", "--model", model, "--steps", "2", "--json", *more]
    assert main(asked) == 0
    said = capsys.readouterr()
    return json.loads(said.out), said.err + said.out


@pytest.mark.usefixtures("here")
def test_list_and_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["policy", "layer", "mode", "terms", "owner", "file"]
    named = [line.split("@")[0] for line in lines[1:]]
    assert named[:2] == ["brand", "house-floor"]
    assert "quality-floor" in named, "those that ship come behind"
    assert main(["policy", "list", "--json"]) == 0
    assert [row["count"] for row in json.loads(capsys.readouterr().out)][:2] == [1, 2]
    assert main(["policy", "show", "house-floor"]) == 0
    said = capsys.readouterr().out
    assert "the picture desk" in said
    assert "1.2     blurry       asked for in every brief" in said
    assert "does not promise" not in said
    assert main(["policy", "show", "brand"]) == 0
    said = capsys.readouterr().out
    assert "does not promise" in said
    assert "nothing yet" in said
    assert "zyxwv" not in said
    assert main(["policy", "show", "brand", "--json"]) == 0
    assert "zyxwv" not in capsys.readouterr().out
    assert main(["policy", "show", "brand", "--json", "--reveal"]) == 0
    assert json.loads(capsys.readouterr().out)["terms"][0]["text"] == "zyxwv logo"


def test_check_tells_file_and_line_and_goes_on(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["policy", "check"]) == 0
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 2
    assert "brand: it has no owner" in said.err
    bad = here / "policies" / "bad.toml"
    bad.write_text(FLOOR.replace("house-floor", "bad").replace("always", "sometimes"))
    assert main(["policy", "check"]) == 2
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 2
    assert "bad.toml', line 4: `mode` is 'sometimes'" in said.err
    assert "^^^" in said.err
    assert main(["policy", "check", "nowhere"]) == 2
    assert "there is no policy 'nowhere'" in capsys.readouterr().err


def test_check_remarks_on_terms_that_say_the_same_or_the_contrary(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = here / "policies" / "odd.toml"
    file.write_text(FLOOR.replace("house-floor", "odd") + '[[terms]]\ntext = "blur, sharp"\n')
    assert main(["policy", "check", str(file)]) == 0
    said = capsys.readouterr().err
    assert "'blur' and 'blurry' name the same" in said
    assert "'blurry' and 'sharp' deny each other" in said


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "negprompt policy"


@pytest.mark.usefixtures("here")
def test_metadata_tell_raw_and_effective_apart(
    model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found, said = made(model, capsys, "--negative", "scarf", "--policy", "house-floor")
    assert found["raw_negative"] == "scarf"
    assert found["effective_negative"] == "low quality, (blurry:1.2) BREAK scarf"
    assert [t["from"].split("@")[0] for t in found["terms"]] == [  # type: ignore[attr-defined]
        "house-floor", "house-floor", "user"
    ]  # fmt: skip
    path = found["images"][0]["path"]  # type: ignore[index]
    with Image.open(path) as picture:
        written = read(picture.text["parameters"])  # type: ignore[attr-defined]
    assert written.negative == found["effective_negative"]
    assert written.fields[RAW_NEGATIVE] == "scarf"
    assert written.fields["Policies"] == found["policies"][0]  # type: ignore[index]
    assert "Traceback" not in said


def test_an_owner_only_term_stands_nowhere(
    here: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for more in ([], ["--negative", "scarf"], ["--negative", ""]):
        found, said = made(model, capsys, *more, "--policy", "brand", "--policy", "house-floor")
        assert "zyxwv" not in said
        assert "<brand@1.0.0#" in str(found["effective_negative"])
    assert main(["generate", "a cat", "--model", model, "--steps", "2", "--policy", "brand"]) == 0
    said = capsys.readouterr().err
    assert "zyxwv" not in said
    assert "brand@1.0.0#" in said, "a table of origins"
    pictures = list((here / "out").iterdir())
    assert len(pictures) == 4
    assert not [p for p in pictures if b"zyxwv" in p.read_bytes()]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--policy", "brandt"], "choose one of: brand, house-floor"),
        (["--policy", "brand", "--cfg", "1"], "could not act"),
        (["--policy", "brand", "--policy-folder", "none"], "there is no folder"),
    ],
)
def test_a_mistake_is_one_line(
    model: str, more: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["generate", "a cat", "--model", model, *more]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


@pytest.mark.usefixtures("here")
def test_a_prompt_that_asks_for_what_is_hidden_is_not_told_which_word(
    model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["generate", "a zyxwv-logo", "--model", model, "--policy", "brand"]
    assert main(asked) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "forbids" in line
    assert "zyxwv" not in line


def test_a_prompt_that_asks_for_what_all_may_see_is_pointed_at(
    here: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    public = BRAND.replace('visibility = "owner"', 'visibility = "public"')
    (here / "policies" / "brand.toml").write_text(public)
    asked = ["generate", "a zyxwv-logo", "--model", model, "--policy", "brand"]
    assert main(asked) == 2
    lines = capsys.readouterr().err.splitlines()
    assert "forbids" in lines[0]
    assert lines[-1] == "    ^^^^^^^^^^"
