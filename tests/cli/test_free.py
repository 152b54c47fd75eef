"""`generate --free` and `--from`: the model speaks first, then one seed is guided gently."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from negprompt.cli import main
from negprompt.engine.written import following

Captured = pytest.CaptureFixture[str]


def asked(model: str, out: Path, *more: str) -> list[str]:
    return ["generate", "a cat", "--model", model, "--steps", "2", "--out", str(out), *more]


def made(capsys: Captured, arguments: list[str]) -> dict[str, Any]:
    assert main([*arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_free_is_many_seeds_one_pass_a_step_and_a_sheet(
    model: str, tmp_path: Path, capsys: Captured
) -> None:
    free = made(capsys, asked(model, tmp_path, "--free"))
    assert [image["seed"] for image in free["images"]] == list(range(16))
    assert free["cost"]["passes_per_step"] == 1
    assert [notice["code"] for notice in free["notices"]] == ["scale-one"]
    assert Path(free["sheet"]) == tmp_path / "free-00000.png"
    with Image.open(free["sheet"]) as sheet:
        assert sheet.width > 8 * 192
        assert sheet.height > 2 * 192
    assert main(asked(model, tmp_path, "--free", "--count", "3", "--seed", "5")) == 0
    said = capsys.readouterr()
    assert [Path(line).name for line in said.out.splitlines()] == [
        "00016-5.png", "00017-6.png", "00018-7.png", "free-00001.png"
    ]  # fmt: skip


def test_from_guides_one_of_them_gently(model: str, tmp_path: Path, capsys: Captured) -> None:
    free = made(capsys, asked(model, tmp_path, "--free", "--count", "3"))
    alone = made(capsys, asked(model, tmp_path, "--from", "2", "--cfg", "1"))
    pictures = [Image.open(found["images"][-1]["path"]) for found in (free, alone)]
    first, again = (np.asarray(picture, dtype=int) for picture in pictures)
    assert np.abs(first - again).max() <= 2  # another batch shape
    gentle = made(capsys, asked(model, tmp_path, "--from", "2", "--negative", "blurry"))
    assert [image["seed"] for image in gentle["images"]] == [2]
    assert gentle["cost"]["passes_per_step"] == 2
    with Image.open(gentle["images"][0]["path"]) as picture:
        assert "CFG scale: 1.5," in picture.text["parameters"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("more", "cure"),
    [
        (["--free", "--negative", "x"], "--from SEED"),
        (["--free", "--cfg", "2"], "--from SEED"),
        (["--free", "--policy", "house-floor"], "--from SEED"),
        (["--free", "--from", "3"], "leave out"),
        (["--from", "3", "--seed", "4"], "leave out"),
        (["--from", "3", "--count", "4"], "leave out"),
        (["--from", "-3"], "whole number"),
    ],
)
def test_what_does_not_go_together_is_told(
    model: str, tmp_path: Path, capsys: Captured, more: list[str], cure: str
) -> None:
    assert main(asked(model, tmp_path / "out", *more)) == 2
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert cure in line
    assert said.out == ""
    assert not (tmp_path / "out").exists()


def test_names_count_on(tmp_path: Path) -> None:
    assert following(tmp_path, "free").name == "free-00000.png"
    (tmp_path / "free-00041.png").touch()
    (tmp_path / "compare-00050.png").touch()
    assert following(tmp_path, "free").name == "free-00042.png"
