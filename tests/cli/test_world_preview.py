"""`python -m negprompt.world preview`: a sheet that appears whole, mistakes in one line."""

from pathlib import Path

import pytest
from PIL import Image

from negprompt.world import __main__ as world
from negprompt.world.factors import SUBJECTS


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["world", "preview", *arguments])
    return world.main()


def test_a_sheet_has_a_column_for_each_subject(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new" / "world.png"
    assert run(monkeypatch, "--out", str(path), "--rows", "2", "--size", "16") == 0
    assert capsys.readouterr().out.strip() == str(path)
    with Image.open(path) as sheet:
        assert sheet.size == (16 * len(SUBJECTS), 2 * 16)
    assert list(path.parent.iterdir()) == [path]


def test_an_unwritable_place_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file, not a folder")
    assert run(monkeypatch, "--out", str(taken / "x.png"), "--rows", "1", "--size", "8") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "give another file" in line


@pytest.mark.parametrize("arguments", [["--rows", "0"], ["--size", "4"], ["--seed", "-1"]])
def test_a_value_out_of_range_is_refused(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exited:
        run(monkeypatch, *arguments)
    assert exited.value.code == 2
    assert "or more" in capsys.readouterr().err
