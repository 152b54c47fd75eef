"""The benchmark of whole processes: both sides draw the same pictures, and bars can be missed."""

import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

FILE = Path(__file__).resolve().parents[1] / "benchmarks" / "process.py"


@pytest.fixture(scope="module")
def process() -> Any:
    spec = spec_from_file_location("process", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["process"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_a_figure_is_a_ratio_or_a_difference(process: Any) -> None:
    parts = process.parts("", 100, 25)
    assert parts["one"].of(3.0, 2.0) == 1.5
    assert parts["help"].of(3.0, 2.0) == 1.0
    assert {name: part.most for name, part in parts.items()} == {
        "import": 0.06,
        "help": 0.4,
        "one": 1.0,
        "hundred": 0.9,
        "lists": 1.0,
    }


def test_the_time_is_that_of_each_process(process: Any) -> None:
    busy = [sys.executable, "-c", "import time\nwhile time.process_time() < 0.5: pass"]
    part = process.Part(busy, [sys.executable, "-c", "pass"], 1.0, "times")
    for ours, theirs in process.compared(part, 2):
        assert ours.processor >= 0.5 > theirs.processor
        assert ours.wall >= 0.5


@pytest.mark.slow
@pytest.mark.parametrize("size", ["1", "8"])
def test_both_sides_draw_the_same_pictures(process: Any, tmp_path: Path, size: str) -> None:
    folders = [tmp_path / "ours", tmp_path / "theirs"]
    for folder, script in zip(folders, (process.NEGPROMPT, process.DIFFUSERS), strict=True):
        folder.mkdir()
        subprocess.run([sys.executable, "-c", script, str(folder), "2", "3", size], check=True)
    for name in ("0.png", "1.png"):
        one, two = (np.asarray(Image.open(folder / name), dtype=int) for folder in folders)
        assert np.abs(one - two).max() <= 1
