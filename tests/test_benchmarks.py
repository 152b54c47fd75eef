"""The GPU benchmark at tiny size on whatever is here, and its bars on figures made up."""

import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

FILE = Path(__file__).resolve().parents[1] / "benchmarks" / "gpu.py"


@pytest.fixture(scope="module")
def gpu() -> Any:
    spec = spec_from_file_location("gpu", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["gpu"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


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
