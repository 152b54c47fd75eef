"""The GPU benchmark and the planted terms at tiny size, and their bars on figures made up."""

import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from tests.tiny_models import tiny_sd

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"
FILE = FOLDER / "gpu.py"


def loaded(name: str) -> Any:
    spec = spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def gpu() -> Any:
    return loaded("gpu")


@pytest.fixture(scope="module")
def planted() -> Any:
    return loaded("planted")


def bare(planted: Any) -> Any:
    """Half of all pictures have everything, and guidance brings the subject."""
    things = dict.fromkeys([*planted.named(), "person", "red", "beach"], 0.5)
    return planted.Bare(things, things | {"person": 0.2})


def test_a_planted_term_is_what_the_table_says(planted: Any) -> None:
    terms = planted.planted(planted.SCOUTED[0], bare(planted))
    assert len(terms) == len({term.text for term in terms}) == planted.NUMBER
    kinds = {kind: [t for t in terms if t.kind == kind] for kind in planted.EXPECTED}
    assert {term.concept for term in kinds["useful"]} == set(planted.named())
    assert kinds["harmful"]
    assert all("person" in t.text or t.concept == "person" for t in kinds["harmful"])
    assert all(term.concept in planted.CONCEPTS for term in kinds["dead"])
    for rate in (0.05, 0.9):
        same = planted.Bare(*(dict.fromkeys(things, rate) for things in [bare(planted).guided] * 2))
        assert {t.kind for t in planted.planted(planted.SCOUTED[0], same)} == {"dead"}


@pytest.mark.slow
def test_forty_planted_terms_on_a_tiny_model(planted: Any, tmp_path: Path) -> None:
    """The same pictures for every term would be a bench that measures nothing."""
    tiny_sd().save_pretrained(tmp_path / "model")
    asked = planted._arguments(
        ["--model", str(tmp_path / "model"), "--out", str(tmp_path / "out"), "--steps", "1",
         "--seeds", "8", "--prune-seeds", "8"]
    )  # fmt: skip
    place = planted.gallery(planted.loaded(asked.model), asked.out)
    terms = planted.planted(asked.spot, bare(planted))
    questions = tuple(planted.question_of(terms, asked, 8) for _ in range(2))
    data = planted._measured(terms, questions, asked, place)
    assert len(data["terms"]) == 40
    assert data["ablate"]["pictures"] == 8 * len(list(questions[0].arms())) == 8 * 82
    assert len(list((tmp_path / "out" / "pictures").iterdir())) >= 82
    text = "\n".join(planted._table(data))
    assert "cannot tell yet" in text
    assert text.count("MISSED") == sum(not bar["held"] for bar in data["bars"])
    again = planted.gallery(planted.loaded(asked.model), asked.out)
    assert planted._measured(terms, questions, asked, again) == data
    assert again.spent.made == 0


@pytest.mark.slow
def test_it_runs_on_thin_models_of_each_kind(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    arguments = ["--tiny", "--steps", "2", "--rounds", "1", "--batches", "1", "2", "--out", page]
    done = subprocess.run(
        [sys.executable, str(FILE), *map(str, arguments)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    assert len(rows) == 1 + 3 * 2 * 5  # models, batches, ways
    assert page.read_text("utf-8") == done.stdout
    assert "these figures say nothing" in done.stdout


def test_what_is_missed_is_said(gpu: Any) -> None:
    def row(model: str, negatives: int, memory: str, peak: float, ratio: float) -> Any:
        return gpu.Row(model, 1, "negprompt", negatives, memory, False, 1.0, peak, ratio)

    held = [row("sdxl", 1, "auto", 20, 0.99), row("sdxl", 3, "auto", 20, 1.9)]
    held += [row("sdxl", 3, "low", 10.9, float("nan")), row("flux", 3, "low", 30, float("nan"))]
    assert list(gpu.bars(held)) == []
    missed = [row("sd15", 1, "auto", 3, 1.01), row("sdxl", 3, "low", 11.2, float("nan"))]
    assert len(list(gpu.bars(missed))) == 2


def test_without_a_gpu_it_says_so(gpu: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu.torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu.py"])
    assert gpu.main() == 2
