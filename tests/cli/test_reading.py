"""How the texts are read, on the commands that take a negative apart: it reaches every picture."""

import json
import shlex
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tests.cli.test_ablating import OWN, rater

from negprompt.cli import main
from negprompt.engine import Request
from negprompt.measure.ablate import gallery
from negprompt.models.load import load

Captured = pytest.CaptureFixture[str]
READING: dict[str, Any] = {
    "dialect": "compel", "scheme": "comfy", "normalise": "mean", "chunks": "comfy",
    "match": "zeros", "clip_skip": 2, "null": "zeros",
}  # fmt: skip
SAID = [
    word for name, value in READING.items() for word in (f"--{name.replace('_', '-')}", str(value))
]
WEIGHTED = {
    "a1111": "scarf, (blurry:1.3), (old, grey:1.2)",
    "comfy": "scarf, (blurry:1.3), (old, grey:1.2)",
    "compel": "scarf, (blurry)1.3, (old, grey)1.2",
}
"""The same terms with the same weights, as each dialect writes them."""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "own_probe_for_tests.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEGPROMPT_HISTORY", "off")
    return tmp_path


def asked(model: str, **settings: Any) -> Request:
    usual: dict[str, Any] = {"prompt": "a (cat)1.2", "negative": ("(hat)1.3, fog",), "steps": 1}
    return Request(model=model, **usual | READING | settings)


def were_made(folder: str, model: str, *requests: Request) -> bool:
    """Whether a folder holds the pictures of just these requests."""
    kept = gallery(load(model), folder)
    for request in requests:
        kept.batch(request)
    folders = [place for place in (Path(folder) / "pictures").iterdir() if place.is_dir()]
    return not kept.spent.made and len(folders) == len(requests)


def test_ablate_reads_as_it_is_told(model: str, capsys: Captured) -> None:
    told = ["a (cat)1.2", "--negative", "(hat)1.3, fog", "--steps", "1", "--model", model]
    assert main(["ablate", *told, *SAID, "--seeds", "2", "--no-html", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    none, full = asked(model, negative=None, count=2), asked(model, count=2)
    singles = [replace(full, negative=(text,)) for text in ("(hat)1.3", "fog")]
    assert were_made("out/ablate", model, none, full, *singles)
    assert main([*shlex.split(report["command"])[1:], "--no-html", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["command"] == report["command"]
    assert again["cost"]["pictures_made"] == 0


@pytest.mark.parametrize("dialect", WEIGHTED)
def test_a_weight_reaches_each_arm_and_a_bracket_stays_whole(
    dialect: str, model: str, capsys: Captured
) -> None:
    told = ["ablate", "a cat", "--negative", WEIGHTED[dialect], "--dialect", dialect]
    assert main([*told, "--seeds", "1", "--steps", "1", "--model", model, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    weights = {term["term"]: term["weight"] for term in report["terms"]}
    assert weights == {"scarf": 1.0, "blurry": 1.3, "old": 1.2, "grey": 1.2}
    for arm in report["arms"]:
        kept = set(weights) if "full" in arm["names"] else set()
        for name in arm["names"]:
            how, _, term = name.partition(" ")
            kept = {term} if how == "only" else set(weights) - {term} if how == "without" else kept
        texts = tuple(one["text"] for one in arm["negatives"])
        plan = Request(prompt="", negative=texts, dialect=dialect).planned()
        terms = [term for negative in plan.negatives for term in negative.terms]
        assert {term.text: term.weight for term in terms} == {one: weights[one] for one in kept}
        if {"old", "grey"} <= kept:
            assert "(old,grey" in texts[0].replace(" ", "")


def test_prune_makes_its_pictures_as_it_is_told(model: str) -> None:
    more = ["--scheduler", "euler", "--rescale", "0.5", "--rule", "cfg", "--seeds", "8"]
    told = ["a (cat)1.2", "--negative", "(hat)1.3, fog", "--steps", "1", "--model", model]
    probe = ["--probe", "own_probe_for_tests:never"]
    assert main(["prune", *told, *SAID, *more, *probe]) == 0
    full = asked(model, count=8, scheduler="euler", rescale=0.5)
    halves = [replace(full, negative=(text,)) for text in ("(hat)1.3", "fog")]
    assert were_made("out/ablate", model, full, replace(full, negative=None), *halves)


EMBEDDED: dict[str, list[str]] = {
    "ablate": ["--negative", "dream, fog", "--seeds", "2", "--no-html"],
    "prune": ["--negative", "dream, fog", "--seeds", "8", "--probe", "own_probe_for_tests:never"],
}


@pytest.mark.parametrize("command", EMBEDDED)
def test_an_inversion_acts_where_pictures_are_kept(
    command: str, model: str, here: Path, capsys: Captured
) -> None:
    told = ["a cat", *EMBEDDED[command], "--embeddings", ".", "--steps", "1", "--model", model]
    pictures = []
    for value in (-9.0, 9.0):  # another file of the same name makes other pictures
        vectors = value * torch.eye(16)[:2]
        save_file({"emb_params": vectors}, here / "dream.safetensors")
        assert main([command, *told]) == 0, capsys.readouterr().err
        pictures.append({path.read_bytes() for path in Path("out").rglob("*.png")})
    assert pictures[1] - pictures[0]
    if command == "ablate":
        capsys.readouterr()
        assert main([command, *told, "--json"]) == 0
        assert "--embeddings ." in json.loads(capsys.readouterr().out)["command"]


def test_an_unknown_rule_is_no_rule_of_prune(model: str, capsys: Captured) -> None:
    told = ["prune", "a cat", "--negative", "hat", "--model", model, "--rule", "guess"]
    assert main(told) == 2
    assert "there is no rule 'guess'" in capsys.readouterr().err


def test_explore_reads_as_it_is_told(model: str) -> None:
    told = ["a (cat)1.2", "--short", "(hat)1.3", "--template", "fog", "--count", "2"]
    assert main(["explore", *told, *SAID, "--steps", "1", "--model", model]) == 0
    base = asked(model, count=2, negative=None)
    texts = (None, ("(hat)1.3",), ("fog",))
    cells = [replace(base, cfg=s, negative=text) for s in (1.5, 2.0, 4.0, 7.0) for text in texts]
    assert were_made("out/ablate", model, replace(base, cfg=1.0), *cells)


def test_blind_reads_as_it_is_told(
    model: str, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr(
        "webbrowser.open",
        lambda address: threading.Thread(target=rater, args=(address,), daemon=True).start(),
    )
    told = ["a cat --no hat", "--dialect", "midjourney", "--steps", "1", "--model", model]
    assert main(["blind", *told, "--null", "zeros", "--pairs", "6", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pairs"] == 6
    asked = Request(prompt="a cat::1", negative=("hat",), dialect="midjourney", null="zeros",
                    model=model, steps=1, count=4)  # fmt: skip
    assert were_made("out/blind", model, asked, replace(asked, negative=None))


def test_a_gate_reads_as_its_file_says_or_as_it_is_told(model: str, capsys: Captured) -> None:
    settings = {"prompt": "a (cat)1.2", "negative": "(hat)1.3, fog", "model": model, "steps": 1,
                "seeds": 2, "probe": "own_probe_for_tests:never"} | READING  # fmt: skip
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    Path("gate.toml").write_text("\n".join(lines))
    full = asked(model, count=2)
    assert main(["gate", "gate.toml"]) == 0
    assert were_made("out/ablate", model, full, replace(full, negative=None))
    other = ["gate", "gate.toml", "--dialect", "plain", "--out", "out/plain"]
    assert main(other) == 0
    plain = replace(full, dialect="plain")
    assert were_made("out/plain", model, plain, replace(plain, negative=None))
    assert main([*other[:-3], "klingon"]) == 2
    assert "klingon" in capsys.readouterr().err


@pytest.mark.parametrize(("command", "most"), [("ablate", 40_000), ("prune", 110_000)])
def test_an_estimate_says_the_time_and_keeps_no_picture(
    command: str, most: int, model: str, capsys: Captured, here: Path
) -> None:
    told = [command, "a cat", "--negative", "scarf, hat", "--seeds", "10000", "--steps", "2"]
    assert main([*told, "--model", model, "--estimate"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    pictures, time = said.err.splitlines()
    assert f"{most} pictures" in pictures
    hours, minutes = time.removeprefix("about ").partition(" h on this machine")[0].split(":")
    assert 0 < 60 * int(hours) + int(minutes) < 0.15 * most
    assert not (here / "out").exists()


def test_prune_checks_its_labels(model: str, capsys: Captured) -> None:
    told = ["prune", "a cat", "--negative", "hat", "--steps", "1", "--model", model]
    assert main([*told, "--probe", "own_probe_for_tests:never", "--labels", "none.csv"]) == 2
    assert "labels 'none.csv' cannot be read" in capsys.readouterr().err


def test_what_a_prompt_rules_out_is_taken_apart_once(model: str, capsys: Captured) -> None:
    told = ["--dialect", "midjourney", "--steps", "1", "--seeds", "1", "--model", model, "--json"]
    assert main(["ablate", "a cat --no hat", "a dog --no hat", *told]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["prompts"] == ["a cat::1", "a dog::1"]
    assert [arm["negatives"] for arm in report["arms"]] == [[], [{"text": "hat", "weight": 1.0}]]
    assert main(["ablate", "a cat --no hat", "a dog --no fog", *told]) == 2
    assert "one prompt at a time" in capsys.readouterr().err
    assert main(["explore", "a cat --no hat", "--dialect", "midjourney", "--model", model]) == 2
    assert "--short" in capsys.readouterr().err
