"""The commands about single terms as a user runs them, on a tiny random model."""

import io
import json
import shlex
import threading
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from negprompt.cli import main

Captured = pytest.CaptureFixture[str]
OWN = """
import numpy as np

def seen(images, term):
    return [float(np.asarray(i)[..., 0].mean() > 127) for i in images]

def never(images, term):
    return [0.0] * len(images)
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the user's own, with a probe in it."""
    (tmp_path / "own_probe_for_tests.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ablate(model: str, *more: str) -> int:
    return main(
        ["ablate", "a cat", "--negative", "scarf, (blurry:1.2)", "--seeds", "2", "--steps", "1",
         "--model", model, *more]
    )  # fmt: skip


def test_ablate_writes_page_json_and_csv(model: str, capsys: Captured, here: Path) -> None:
    assert ablate(model, "--probe", "own_probe_for_tests:seen") == 0
    said = capsys.readouterr()
    assert [Path(line).name for line in said.out.splitlines()] == [
        "ablate.html", "ablate.json", "ablate.csv"
    ]  # fmt: skip
    assert said.err.startswith("2 terms, 4 arms × 1 prompts × 2 seeds: at most 8 pictures")
    assert "2 seeds: " in said.err
    report = json.loads((here / "out" / "ablate" / "ablate.json").read_text("utf-8"))
    assert [term["term"] for term in report["terms"]] == ["scarf", "blurry"]
    assert report["cost"]["pictures_made"] == 8
    for arm in report["arms"]:
        assert all((here / "out" / "ablate" / path).exists() for path in arm["pictures"])

    assert ablate(model, "--probe", "own_probe_for_tests:seen", "--json") == 0
    again = json.loads(capsys.readouterr().out)
    assert again["cost"]["pictures_made"] == 0
    assert again["terms"] == report["terms"]
    assert ablate(model, "--csv", "--no-html") == 0
    assert capsys.readouterr().out.startswith("term,verdict,")


def test_the_command_of_a_report_gives_it_again(model: str, capsys: Captured, here: Path) -> None:
    """With labels that turn the probe round, and all seeds taken."""
    rows = ["image,term,present"]
    for k in range(30):
        Image.new("RGB", (8, 8), (255 * (k % 2), 0, 0)).save(here / f"{k}.png")
        rows.append(f"{k}.png,scarf,{1 - k % 2}")
    (here / "labels.csv").write_text("\n".join(rows))
    own = ("--probe", "own_probe_for_tests:seen", "--json", "--all-seeds")
    found = []
    for more in (own, (*own, "--calibrate", "labels.csv")):
        assert ablate(model, *more) == 0
        found.append(json.loads(capsys.readouterr().out))
    rates = [one["terms"][0]["alone"]["concept"]["without"]["rate"] for one in found]
    assert rates[1] == 1 - rates[0]
    assert main([*shlex.split(found[1]["command"])[1:], "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert (again["terms"], again["command"]) == (found[1]["terms"], found[1]["command"])


def test_an_estimate_makes_nothing(model: str, capsys: Captured, here: Path) -> None:
    assert ablate(model, "--estimate") == 0
    assert "at most 8 pictures" in capsys.readouterr().err
    assert not (here / "out").exists()


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (("--probe", "guess"), "probe"),
        (("--probe", "none", "--labels", "x.csv"), "--probe"),
        (("--margin", "2"), "margin"),
        (("--probe", "own_probe_for_tests:seen", "--labels", "x.csv"), "labels"),
    ],
)
def test_a_mistake_is_one_line(
    model: str, capsys: Captured, more: tuple[str, ...], word: str
) -> None:
    assert ablate(model, *more) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert word in said.err.splitlines()[-1]
    assert " — " in said.err.splitlines()[-1]


def test_prune_prints_the_shorter_negative(model: str, capsys: Captured) -> None:
    arguments = [
        "prune", "a cat", "--negative", "scarf, blurry", "--seeds", "8", "--steps", "1",
        "--model", model, "--probe", "own_probe_for_tests:never",
    ]  # fmt: skip
    assert main(arguments) == 0
    said = capsys.readouterr()
    assert said.out == "\n"
    assert "drop it" in said.err
    assert main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kept"] == []
    assert main([*arguments[:-2], "--probe", "none"]) == 2


def test_gate_has_an_exit_status(model: str, capsys: Captured, here: Path) -> None:
    file = here / "gate.toml"
    head = f"""prompt = "a cat"
negative = "scarf"
model = {json.dumps(model)}
probe = "own_probe_for_tests:never"
seeds = 8
steps = 1
[[expect]]
thing = "scarf"
"""
    for limit, strict, status, outcome in (
        ("at_most = 0.5", (), 0, "holds"),
        ("at_least = 0.9", (), 3, "fails"),
        ("at_most = 0.01", (), 0, "open"),
        ("at_most = 0.01", ("--strict",), 3, "open"),
    ):
        file.write_text(head + limit)
        assert main(["gate", str(file), *strict, "--json"]) == status
        report = json.loads(capsys.readouterr().out)
        assert report["passed"] == (status == 0)
        assert [one["outcome"] for one in report["expectations"]] == [outcome]


def test_explore_writes_a_sheet(model: str, capsys: Captured) -> None:
    arguments = ["explore", "a cat", "--count", "2", "--steps", "1", "--model", model]
    assert main([*arguments, "--short", "scarf"]) == 0
    sheet, data = (Path(line) for line in capsys.readouterr().out.splitlines())
    with Image.open(sheet) as drawn:
        assert drawn.width > 6 * 192
    assert len(json.loads(data.read_text("utf-8"))["cells"]) == 15
    further = [*arguments, "--from", "b4", "--add", "hat"]
    assert main(further) == 0
    assert "explore-further.png" in capsys.readouterr().out
    for words, negative in (((), "scarf"), (("--short", "blurry"), "blurry")):
        assert main([*further, *words, "--json"]) == 0
        cells = json.loads(capsys.readouterr().out)["cells"]
        assert [cell["negative"] for cell in cells] == [negative, f"{negative}, hat"]
    assert main([*arguments, "--from", "b4"]) == 2


def test_label_asks_on_the_terminal(
    here: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    for k in range(3):
        Image.new("RGB", (8, 8)).save(here / f"{k}.png")
    monkeypatch.setattr("sys.stdin", io.StringIO("y\nwhat\nb\nn\nu\ny\n"))
    assert main(["label", ".", "--term", "fog", "--terminal"]) == 0
    said = capsys.readouterr()
    lines = Path(said.out.strip()).read_text("utf-8").splitlines()
    assert [line.rsplit(",", 1)[1] for line in lines] == ["present", "0", "?", "1"]
    assert "labels: fog 2" in said.err


def rater(address: str) -> None:
    """Sees no difference in any pair; talks as a browser does."""

    def talk(path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - our own address
            address + path, data, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            found: dict[str, Any] = json.loads(answer.read())
        return found

    state = talk("state")
    while not state["over"]:
        if state["pictures"]:
            state = talk("answer", {"number": state["number"], "choice": "neither"})
        else:
            state = talk("state")


@pytest.mark.parametrize("folders", [False, True])
def test_blind_ends_with_a_sentence(
    model: str, here: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch, folders: bool
) -> None:
    monkeypatch.setattr(
        "webbrowser.open",
        lambda address: threading.Thread(target=rater, args=(address,), daemon=True).start(),
    )
    arguments = ["a cat", "--negative", "scarf", "--steps", "1", "--model", model]
    if folders:
        for name in ("with", "without"):
            (here / name).mkdir()
            for k in range(6):
                Image.new("RGB", (8, 8)).save(here / name / f"{k}.png")
        arguments = ["--folders", "with", "without"]
    assert main(["blind", *arguments, "--pairs", "6", "--json"]) == 0
    said = capsys.readouterr()
    assert "6 pairs: you cannot tell; drop it" in said.err
    assert json.loads(said.out)["verdict"] == "cannot tell"


@pytest.mark.parametrize(
    "arguments", [[], ["a cat"], ["a cat", "--negative", "x", "--folders", "a", "b"]]
)
def test_blind_wants_one_of_two(capsys: Captured, arguments: list[str]) -> None:
    assert main(["blind", *arguments]) == 2
    assert "--folders" in capsys.readouterr().err
