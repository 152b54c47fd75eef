"""The command `explain` on a tiny random model."""

import json
from pathlib import Path

import pytest

from negprompt.cli import main
from negprompt.cli.explain import bars
from negprompt.measure.explain import page

Captured = pytest.CaptureFixture[str]


def test_explain_writes_its_files_and_prints_three_lines(
    model: str, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "DPI", 20)
    arguments = [
        "explain", "a cat on a beach", "--negative", "scarf, (blurry:1.3)", "--model", model,
        "--steps", "2", "--count", "1", "--out", str(tmp_path),
    ]  # fmt: skip
    assert main(arguments) == 0
    said = capsys.readouterr()
    names = [Path(line).name for line in said.out.splitlines()]
    assert names == ["explain.png", "baseline.png", "explain.json"]
    assert [line.split(":")[0] for line in said.err.splitlines()[-3:]] == [
        "leverage", "cost", "risk",
    ]  # fmt: skip
    assert "blurry" in said.err
    assert main([*arguments, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer == json.loads((tmp_path / "explain.json").read_text("utf-8"))


def test_explain_needs_a_negative(model: str, tmp_path: Path, capsys: Captured) -> None:
    assert main(["explain", "a cat", "--model", model, "--out", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--negative" in line


def test_bars_show_the_largest_in_full_and_are_never_too_many() -> None:
    assert bars([0, 1, 2, 4]) == "▁▃▅█"
    assert bars([0.0]) == "▁"
    assert len(bars([1.0] * 1000)) == 25
