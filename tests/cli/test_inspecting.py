"""``inspect``, ``--like`` and ``--metadata`` as a user runs them."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from negprompt.cli import main

FLOOR = """\
name = "house-floor"
version = "1.2.0"
layer = "floor"
mode = "always"
[[terms]]
text = "low quality, (blurry:1.2)"
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
INFOTEXT = (
    "a cat\nNegative prompt: hat, low quality\nSteps: 2, Sampler: Euler a, CFG scale: 3, Seed: 4, "
    "Size: 64x64, Model: elsewhere"
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with two policies."""
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "house-floor.toml").write_text(FLOOR)
    (tmp_path / "policies" / "brand.toml").write_text(BRAND)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *command: str) -> dict[str, Any]:
    """What a command prints with ``--json``."""
    assert main([*command, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def made(capsys: pytest.CaptureFixture[str], model: str, *more: str) -> tuple[str, dict[str, Any]]:
    found = said(capsys, "generate", "--model", model, *more)
    return found["images"][0]["path"], found


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    "negative", [["--negative", "scarf, a.Steps: 3, b"], ["--negative", ""], []]
)
def test_like_restarts_from_what_was_typed_and_doubles_nothing(
    model: str, negative: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    first, before = made(
        capsys, model, "a cat", "--steps", "2", "--seed", "5", "--policy", "house-floor",
        "--policy", "brand", "--rescale", "0.3", *negative,
    )  # fmt: skip
    again, after = made(capsys, model, "--like", first)
    twice, last = made(capsys, model, "--like", again)
    for found in (after, last):
        for what in ("effective_negative", "raw_negative", "policies", "terms"):
            assert found[what] == before[what]
    with Image.open(first) as one, Image.open(again) as other, Image.open(twice) as third:
        assert one.text == other.text == third.text  # type: ignore[attr-defined]
        assert one.tobytes() == other.tobytes() == third.tobytes()


@pytest.mark.usefixtures("here")
def test_options_replace_what_the_picture_says(
    model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    first, _ = made(
        capsys, model, "a cat", "--steps", "2", "--negative", "hat", "--negative", "scarf",
        "--negative-weight", "2", "--negative-weight", "1", "--policy", "house-floor",
    )  # fmt: skip
    again, found = made(capsys, model, "--like", first, "--seed", "9")
    assert found["images"][0]["seed"] == 9
    assert found["raw_negative"] == "hat :2 AND scarf"
    _, found = made(capsys, model, "--like", again, "--negative", "tree", "--policy", "brand")
    assert found["raw_negative"] == "tree"
    assert [label.split("@")[0] for label in found["policies"]] == ["brand"]


def test_inspect_tells_raw_and_effective_apart_and_finds_the_policies_terms(
    here: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path, before = made(
        capsys, model, "a cat", "--steps", "2", "--negative", "scarf", "--policy", "house-floor",
        "--policy", "brand",
    )  # fmt: skip
    found = said(capsys, "inspect", path)
    assert found["tool"] == "negprompt"
    assert found["raw_negative"] == "scarf"
    assert found["effective_negative"] == before["effective_negative"]
    terms = {t["text"]: t["weight"] for one in found["policies"] for t in one["terms"]}
    assert terms.pop("low quality") == 1
    assert terms.pop("blurry") == 1.2
    assert all(name.startswith("<brand@1.0.0#") for name in terms)
    changed = (here / "policies" / "house-floor.toml").read_text().replace("blurry", "noise")
    (here / "policies" / "house-floor.toml").write_text(changed)
    (here / "policies" / "brand.toml").unlink()
    assert main(["inspect", path]) == 0
    printed = capsys.readouterr()
    assert "zyxwv" not in printed.out + printed.err
    assert "typed as negative: scarf" in printed.out
    assert "found here is house-floor@1.2.0" in printed.err
    assert "which is not found here" in printed.err


@pytest.mark.usefixtures("here")
def test_metadata_says_as_much_as_it_is_told_to(
    model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["a cat", "--steps", "2", "--negative", "scarf", "--policy", "brand", "--metadata"]
    path, found = made(capsys, model, *asked, "ids")
    data = Path(path).read_bytes()
    assert found["policies"][0].encode() in data
    assert not [word for word in (b"cat", b"scarf", b"zyxwv", b"Negative") if word in data]
    path, _ = made(capsys, model, *asked, "none")
    with Image.open(path) as picture:
        assert picture.text == {}  # type: ignore[attr-defined]
    assert main(["inspect", path]) == 2
    assert "says nothing about how it was made" in capsys.readouterr().err
    assert main(["generate", "--model", model, *asked, "some"]) == 2
    assert "full, ids, none" in capsys.readouterr().err


def saved(file: Path) -> Path:
    """A picture that carries A1111's text as the kind of file does."""
    picture = Image.new("RGB", (8, 8))
    if file.suffix == ".png":
        info = PngInfo()
        info.add_itxt("parameters", INFOTEXT)
        picture.save(file, pnginfo=info)
        return file
    tags = Image.Exif()
    tags.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + INFOTEXT.encode("utf-16-be")
    picture.save(file, exif=tags)
    return file


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("ending", ["png", "jpg", "webp"])
def test_a_picture_of_another_tool_is_read_and_begun_from(
    model: str, tmp_path: Path, ending: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(saved(tmp_path / f"theirs.{ending}"))
    found = said(capsys, "inspect", file, "--policy", "quality-floor")
    assert found["tool"] == "AUTOMATIC1111"
    assert found["effective_negative"] == "hat, low quality"
    there = {t["text"]: t["weight"] for t in found["policies"][0]["terms"]}
    assert there["low quality"] == 1
    assert there["blurry"] is None
    assert main(["generate", "--like", file, "--model", model, "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["raw_negative"] == "hat, low quality"
    assert json.loads(printed.out)["images"][0]["seed"] == 4


@pytest.mark.usefixtures("here")
def test_every_format_says_how_it_was_made(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["a cat é 🐈", "--negative=scarf, (hat:1.2)", "--policy=house-floor", "--steps=1"]
    paths = [made(capsys, model, *asked, "--format", form)[0] for form in ("png", "jpeg", "webp")]
    assert [Path(path).name for path in paths] == ["00000-0.png", "00001-0.jpg", "00002-0.webp"]
    first, *others = (said(capsys, "inspect", path) for path in paths)
    assert first["raw_negative"] == "scarf, (hat:1.2)"
    assert first["raw_positive"] is None
    assert first["positive"] == "a cat é 🐈"
    assert others == [first, first]
    pixels = []
    for path in (paths[0], paths[2]):
        with Image.open(path) as picture:
            pixels.append(picture.convert("RGB").tobytes())
    assert pixels[0] == pixels[1], "WebP is without loss"
    again, _ = made(capsys, model, "--like", paths[1], "--format", "webp")
    assert said(capsys, "inspect", again) == first
    bare, _ = made(capsys, model, *asked, "--format", "jpeg", "--metadata", "none")
    assert main(["inspect", bare]) == 2
    capsys.readouterr()
    assert main(["generate", "a cat", "--model", model, "--format", "bmp"]) == 2
    assert "png, jpeg, webp" in capsys.readouterr().err
    long = ["generate", "a cat\n# " + "é" * 40_000, "--model", model, "--steps", "1"]
    assert main([*long, "--format", "jpeg"]) == 2
    assert "characters" in capsys.readouterr().err


def test_a_picture_cannot_write_to_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    info = PngInfo()
    info.add_text("Software", "NovelAI")
    info.add_text("Comment", json.dumps({"uc": "a\x1b[2J", "\x1b]0;x\x07": 1, "sampler": "\x9b1m"}))
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png", pnginfo=info)
    assert main(["inspect", str(tmp_path / "x.png")]) == 0
    printed = capsys.readouterr().out
    assert "a\\x1b[2J" in printed
    assert not [c for c in printed if not c.isprintable() and c != "\n"]


@pytest.mark.usefixtures("here")
def test_mistakes_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "no.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for command, words in {
        ("inspect", "missing.png"): "no picture that can be read",
        ("inspect", "no.png"): "no picture that can be read",
        ("generate",): "there is no prompt",
        ("generate", "--like", "no.png"): "no picture that can be read",
    }.items():
        assert main([*command]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert words in line
