"""Every command that loads a model, on every family of models: a matrix of tiny random ones."""

import json
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.cli.test_ablating import OWN, rater
from tests.tiny_models import tiny_flux, tiny_sd, tiny_sd2, tiny_sd3, tiny_sdxl

from negprompt.cli import main
from negprompt.engine import loaded
from negprompt.measure import bench, card, demo
from negprompt.measure.suite import rows

FAMILIES: dict[str, Callable[[], Any]] = {
    "sd1": tiny_sd,
    "sd2": tiny_sd2,
    "sdxl": tiny_sdxl,
    "sd3": tiny_sd3,
    "flux": tiny_flux,
}
TEXTS = ["a cat", "--negative", "scarf, (blurry:1.2)", "--cfg", "3", "--steps", "2"]
PROBE = ["--probe", "own_probe_for_tests:seen"]
COMMANDS: dict[str, list[str]] = {
    "generate": [*TEXTS, "--negative", "dog"],
    "compare": [*TEXTS, "--count", "1"],
    "explain": [*TEXTS, "--count", "1"],
    "ablate": [*TEXTS, "--seeds", "2", *PROBE],
    "tokens": ["a (cat:1.2)"],
    "prune": [*TEXTS, "--seeds", "8", "--json", *PROBE],
    "explore": ["a cat", "--count", "2", "--steps", "1"],
    "blind": [*TEXTS, "--pairs", "6", "--json"],
    "demo": [],
    "bench": ["--seeds", "1", "--steps", "1", "--json"],
    "bench card": ["--suite", "card", "--quick"],
}
QUICK = ("generate", "explain", "tokens")
EVERY = [
    pytest.param(family, command, marks=[] if command in QUICK else pytest.mark.slow)
    for family in FAMILIES
    for command in COMMANDS
]

pytestmark = pytest.mark.usefixtures("untrained_judges")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """The folder of a tiny model of a family, saved when it is first asked for."""
    root = tmp_path_factory.mktemp("families")

    @cache
    def saved(family: str) -> str:
        FAMILIES[family]().save_pretrained(root / family)
        return str(root / family)

    return saved


@pytest.fixture(autouse=True)
def _small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of the user's own with a probe in it, few pictures, someone who rates them."""
    (tmp_path / "own_probe_for_tests.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEGPROMPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(demo, "PAIRS", 2)
    monkeypatch.setattr(bench, "rows", lambda: rows()[:1])
    monkeypatch.setattr(card, "STEPS", 1)
    monkeypatch.setattr(card, "QUICK", card.Extent(18, 1, 1, 4, 4))
    monkeypatch.setattr(
        "webbrowser.open",
        lambda address: threading.Thread(target=rater, args=(address,), daemon=True).start(),
    )


@pytest.mark.parametrize(("family", "command"), EVERY)
def test_a_command_works_with_a_family(
    family: str,
    command: str,
    folder: Callable[[str], str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = folder(family)
    if family == "flux":  # its size is a constant of the pipeline, which is too large for a test
        monkeypatch.setattr(loaded(name).pipe, "default_sample_size", 16)
    status = main([command.split(maxsplit=1)[0], *COMMANDS[command], "--model", name])
    said = capsys.readouterr()
    assert status == 0, said.err
    assert said.out.strip()
    assert "Traceback" not in said.err


def test_a_gate_and_the_list_know_every_family(
    folder: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {family: folder(family) for family in FAMILIES}
    root = str(Path(names["sd1"]).parent)
    assert main(["models", "--dir", root, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {one["name"]: one["family"] for one in found if one["kind"] == "folder"} == {
        name: family for family, name in names.items()
    }
    file = tmp_path / "gate.toml"
    for name in (names["sd2"], names["sd3"]):
        file.write_text(
            f"""prompt = "a cat"
negative = "scarf"
model = {json.dumps(name)}
probe = "own_probe_for_tests:never"
seeds = 8
steps = 1
[[expect]]
thing = "scarf"
at_most = 0.5
"""
        )
        assert main(["gate", str(file)]) == 0
        capsys.readouterr()
