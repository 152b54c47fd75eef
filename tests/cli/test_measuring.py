"""`compare`, `demo` and `bench` on a tiny random model with judges that learned nothing."""

import json
from pathlib import Path

import pytest
from PIL import Image

from negprompt.cli import main
from negprompt.measure import bench, card, demo
from negprompt.measure.suite import rows

Captured = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("untrained_judges")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEGPROMPT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_compare_prints_the_path_of_a_sheet(model: str, tmp_path: Path, capsys: Captured) -> None:
    arguments = [
        "compare", "a cat on a beach", "--negative", "scarf, (blurry:1.2), sparkles",
        "--count", "2", "--steps", "1", "--model", model, "--out", str(tmp_path / "out"),
    ]  # fmt: skip
    for name in ("compare-00000.png", "compare-00001.png"):
        assert main(arguments) == 0
        said = capsys.readouterr()
        path = Path(said.out.strip())
        assert path.name == name
        with Image.open(path) as sheet:
            assert sheet.width > 2 * 192
        for word in ("seed 0", "seed 1", "scarf: in ", "blurry: in ", "scarf or blurry: in "):
            assert word in said.err
        assert "sparkles: nothing that the judge knows" in said.err
        assert "[judge-foreign]" in said.err
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_compare_needs_a_negative(model: str, tmp_path: Path, capsys: Captured) -> None:
    assert main(["compare", "a cat", "--model", model, "--out", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--negative" in line


def test_demo_writes_its_picture_and_counts(
    model: str, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "PAIRS", 3)
    assert main(["demo", "--model", model, "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    assert Path(said.out.strip()) == tmp_path / "out" / "demo.png"
    assert "; 3 seeds, " in said.err
    with Image.open(tmp_path / "out" / "demo.png") as sheet:
        assert sheet.width > 3 * 192


def test_bench_prints_its_contract(model: str, capsys: Captured, cache: Path) -> None:
    assert main(["bench", "--seeds", "1", "--steps", "1", "--model", model, "--json"]) == 0
    said = capsys.readouterr()
    report = json.loads(said.out)
    assert list(report) == ["scale", "n", "rows", "summary"]
    assert (report["scale"], report["n"]) == (2, 1)
    assert [row["negative"] for row in report["rows"]] == [row.negative for row in rows()]
    assert list(report["summary"]) == ["without", "with", "subject_change", "colour_change"]
    assert len(list(cache.rglob("*.json"))) == len(rows()) + len({r.prompt for r in rows()})
    assert len(said.err.splitlines()) >= len(rows()) + 3


def test_an_interrupted_bench_says_that_it_goes_on(
    model: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    """A function is replaced so that the interrupt falls on the same place in every run."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bench, "finding", interrupted)
    assert main(["bench", "--seeds", "1", "--steps", "1", "--model", model, "--json"]) == 130
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[-2:] == [
        "what is measured is kept: the same command goes on from here",
        "negprompt: interrupted",
    ]
    assert len(list(cache.rglob("*.json"))) == 2


def test_quick_is_eight_seeds(
    model: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "rows", lambda: rows()[:1])
    arguments = ["bench", "--quick", "--judge", "second", "--steps", "1", "--model", model]
    assert main([*arguments, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["n"] == 8
    assert len(report["rows"]) == 1


@pytest.mark.slow
def test_the_card_is_written_as_a_page_and_as_data(
    model: str, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(card, "STEPS", 1)
    monkeypatch.setattr(card, "QUICK", card.Extent(18, 1, 1, 4, 4))
    arguments = ["bench", "--suite", "card", "--quick", "--model", model, "--out", str(tmp_path)]
    assert main(arguments) == 0
    page, data = (Path(line) for line in capsys.readouterr().out.splitlines())
    assert "| subject right |" in page.read_text("utf-8")
    figures = json.loads(data.read_text("utf-8"))["figures"]
    assert {name for figure in figures for name in figure["judges"]} == {"first", "second"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--suite", "all"],
        ["--judge", "third"],
        ["--seeds", "0"],
        ["--steps", "0"],
        ["--scale", "0.5"],
        ["--model", "/no/such/model"],
        ["--suite", "card", "--seeds", "5"],
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], tmp_path: Path, capsys: Captured) -> None:
    assert main(["bench", *arguments, "--out", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert " — " in said.err.splitlines()[-1]


def test_a_cache_that_cannot_be_made_is_told(
    model: str, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    monkeypatch.setenv("NEGPROMPT_CACHE", str(tmp_path / "taken"))
    assert main(["bench", "--seeds", "1", "--steps", "1", "--model", model]) == 2
    assert "NEGPROMPT_CACHE" in capsys.readouterr().err
