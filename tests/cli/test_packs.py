"""`bench --suite packs` as a user runs it, on a tiny random model with untrained judges."""

import json
from pathlib import Path

import pytest

from negprompt.cli import main
from negprompt.measure.arms import Setting
from negprompt.measure.packs.run import CHOSEN, arms
from negprompt.policy.files import folders, listed, read

Captured = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("untrained_judges")
SUITE = ["bench", "--suite", "packs", "--steps", "1", "--seeds", "1"]
PICTURES = len(arms(Setting(n=1)))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEGPROMPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_page_and_data_are_written(model: str, here: Path, capsys: Captured) -> None:
    assert main([*SUITE, "--model", model]) == 0
    said = capsys.readouterr()
    page, data = (Path(line) for line in said.out.splitlines())
    assert f"{PICTURES} pictures, about {2 * PICTURES} model passes at most" in said.err
    assert "pocket-brand: neon, cluttered background, logo\n" in said.err
    assert "  clinical style?: open, " in said.err
    found = json.loads(data.read_text("utf-8"))
    assert (found["n"], found["steps"], found["judge"]) == (1, 1, "first")
    assert list(found["packs"]) == list(CHOSEN)
    assert f"`{found['id']}`" in page.read_text("utf-8")
    kept = {path: path.stat().st_mtime_ns for path in (here / "cache").rglob("*.json")}
    assert len(kept) == PICTURES
    assert main([*SUITE, "--model", model, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == found
    assert {p: p.stat().st_mtime_ns for p in (here / "cache").rglob("*.json")} == kept


def test_an_estimate_writes_nothing(model: str, here: Path, capsys: Captured) -> None:
    assert main([*SUITE, "--model", model, "--estimate"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert " on this machine" in said.err.splitlines()[-1]
    assert not list(here.rglob("packs.*"))


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (["--scale", "1.2"], "pocket-brand"),
        (["--only", "naming"], "--only"),
        (["--rules", "cfg"], "--rules"),
        (["--seeds", "0"], "seeds"),
    ],
)
def test_a_mistake_is_one_line(more: list[str], word: str, capsys: Captured) -> None:
    assert main([*SUITE, *more]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert word in line
    assert " — " in line


def test_evidence_is_shown_whole(here: Path, capsys: Captured) -> None:
    said = "alone .25 [.18, .37] → .09 [.05, .21], " + ", ".join(["n 192"] * 20)
    text = listed(folders()[-1:])["pocket-floor"].read_text("utf-8")
    lines = (f'evidence = "{said}"' if line.startswith("evidence") else line
             for line in text.splitlines())  # fmt: skip
    (here / "pocket-floor.toml").write_text("\n".join(lines), "utf-8")
    assert main(["policy", "show", "pocket-floor.toml"]) == 0
    assert capsys.readouterr().out.count(said) == 4


def test_what_was_measured_of_a_pack_stands_beside_its_terms(here: Path, capsys: Captured) -> None:
    asked = ["generate", "a hand, plain background", "--policy", "pocket-floor", "--steps", "1"]
    assert main(asked) == 0
    rows = capsys.readouterr().err.splitlines()
    for term in read(listed(folders()[-1:])["pocket-floor"]).terms:
        (row,) = (row for row in rows if f"  {term.text}  " in row)
        assert row.endswith(term.evidence.partition(";")[0])
        assert " → " in row
