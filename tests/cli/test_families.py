"""Every command that loads a model, on every family of models: a matrix of tiny random ones."""

import io
import json
import shlex
import threading
from collections.abc import Callable
from functools import cache
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.cli.test_ablating import OWN, rater
from tests.models.test_beside import saved_lora
from tests.tiny_models import tiny_flux, tiny_sd, tiny_sd2, tiny_sd3, tiny_sdxl

from negprompt.cli import app, main
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
TEXTS = '"a cat" --negative "scarf, (blurry:1.2)" --cfg 3 --steps 2'
MODEL = "--model {model}"
PROBE = "--probe own_probe_for_tests:seen"
MAKE = f"generate {TEXTS} --out out {MODEL}"
COMMANDS: dict[str, str] = {
    "generate": f"generate {TEXTS} --negative dog {MODEL}",
    "generate --image": f"generate {TEXTS} --image in.png --mask in.png {MODEL}",
    "generate --memory": f"generate {TEXTS} --count 3 --memory low --size 32x32 {MODEL}",
    "generate --free": f"generate 'a cat' --free --count 3 --steps 2 {MODEL}",
    "generate --from": f"generate 'a cat' --from 2 --negative scarf --steps 2 {MODEL}",
    "generate --like": f"{MAKE}; generate --like out/00000-0.png --seed 8 {MODEL}",
    "generate --check": f"generate {TEXTS} --check own_probe_for_tests:never {MODEL}",
    "compare": f"compare {TEXTS} --count 1 {MODEL}",
    "explain": f"explain {TEXTS} --count 1 {MODEL}",
    "plan": f"plan {TEXTS.removesuffix(' --steps 2')} --policy text-and-watermark {MODEL}",
    "advise": f"advise 'a cat' --negative 'no text, blurry' {MODEL}",
    "tokens": f"tokens 'a (cat:1.2)' {MODEL}",
    "inspect": f"{MAKE}; inspect out/00000-0.png",
    "history": f"{MAKE}; history list; history show 1; history replay 1 --out again",
    "diagnose": f"{MAKE}; diagnose out/00000-0.png --flaw scarf --seeds 4 {PROBE} {MODEL}",
    "chat": f"chat --steps 2 --cfg 3 {MODEL}",
    "gate": "gate gate.toml",
    "ablate": f"ablate {TEXTS} --seeds 2 {PROBE} {MODEL}",
    "prune": f"prune {TEXTS} --seeds 8 --json {PROBE} {MODEL}",
    "explore": f"explore 'a cat' --count 2 --steps 1 {MODEL}",
    "blind": f"blind {TEXTS} --pairs 6 --json {MODEL}",
    "demo": f"demo {MODEL}",
    "bench": f"bench --seeds 1 --steps 1 --json {MODEL}",
    "bench --suite card": f"bench --suite card --quick {MODEL}",
}
"""Command lines, one after the other; what a chat is told stands on its standard input."""
GATE = """prompt = "a cat"
negative = "scarf"
model = {model}
probe = "own_probe_for_tests:never"
seeds = 8
steps = 1
[[expect]]
thing = "scarf"
at_most = 0.5
"""
QUICK = ("generate", "plan", "tokens")
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
    Image.linear_gradient("L").resize((32, 32)).save(tmp_path / "in.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEGPROMPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NEGPROMPT_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(demo, "PAIRS", 2)
    monkeypatch.setattr(bench, "rows", lambda: rows()[:1])
    monkeypatch.setattr(card, "STEPS", 1)
    monkeypatch.setattr(card, "QUICK", card.Extent(18, 1, 1, 4, 4))
    monkeypatch.setattr(
        "webbrowser.open",
        lambda address: threading.Thread(target=rater, args=(address,), daemon=True).start(),
    )


def test_no_command_that_loads_a_model_is_left_out() -> None:
    takes = {
        command.name or command.callback.__name__
        for command in app.registered_commands
        if command.callback is not None
        and {"model", "memory"} & set(signature(command.callback).parameters)
    }
    assert takes == {line.split()[0] for line in COMMANDS} - {"inspect", "history"}


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
    Path("gate.toml").write_text(GATE.format(model=json.dumps(name)))
    said = b"a cat\nno scarf please\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(said)))
    for line in COMMANDS[command].format(model=shlex.quote(name)).split("; "):
        status = main(shlex.split(line))
        printed = capsys.readouterr()
        assert status == 0, printed.err
        assert printed.out.strip()
        assert "Traceback" not in printed.err


def test_the_list_knows_every_family(
    folder: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    names = {family: folder(family) for family in FAMILIES}
    root = str(Path(names["sd1"]).parent)
    assert main(["models", "--dir", root, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {one["name"]: one["family"] for one in found if one["kind"] == "folder"} == {
        name: family for family, name in names.items()
    }


def test_a_gate_loads_its_model_as_it_is_told(
    folder: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    name = folder("sd1")
    Path("gate.toml").write_text(GATE.format(model=json.dumps(name)))
    asked = ["gate", "gate.toml", "--seeds", "4", "--memory", "low", "--lora"]
    assert main([*asked, "ink.safetensors"]) == 2
    assert "there is no LoRA 'ink.safetensors'" in capsys.readouterr().err
    saved_lora(tiny_sd(), Path("ink.safetensors"))
    assert main([*asked, "ink.safetensors:0.8"]) == 0
    assert main([*asked, "ink.safetensors:0.7", "--dtype", "half"]) == 2
    assert "there is no dtype 'half'" in capsys.readouterr().err
