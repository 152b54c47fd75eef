"""`bench --suite screening` as a user runs it, on a tiny random model with untrained judges."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from negprompt.cli import main

Captured = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("untrained_judges")
OWN = """
from negprompt.guidance.rules import Needs, Rule

def backwards(scale, *, weights=(1.0,)):
    def combine(branches, step, state):
        return 2 * branches.negatives[0] - branches.positive, state
    return Rule("backwards", lambda step, state: Needs(negatives=(0,)), combine)

def nothing(scale, *, weights=(1.0,)):
    return None
"""
PROMPTS = "prompt,negative,antonym\na blue boat on a beach,logo,unbranded\n"
KILLS = 3
KILLED = """
import resource
import sys
from pathlib import Path
from negprompt.cli import main
from negprompt.world import judge
judge.FOLDER = Path(sys.argv[1])
status = main(sys.argv[2:])
Path("peak").write_text(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
sys.exit(status)
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the user's own, with a rule and prompts in it."""
    monkeypatch.setenv("NEGPROMPT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "own_rule_for_tests.py").write_text(OWN)
    (tmp_path / "prompts.csv").write_text(PROMPTS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def screening(model: str, *more: str) -> int:
    return main(["bench", "--suite", "screening", "--steps", "1", "--model", model, *more])


def test_a_rule_of_a_users_file_enters_the_table(model: str, capsys: Captured, here: Path) -> None:
    more = ("--prompts", "prompts.csv", "--seeds", "3:4", "--rules", "cfg",
            "--rule", "own_rule_for_tests:backwards")  # fmt: skip
    assert screening(model, *more) == 0
    said = capsys.readouterr()
    paths = [Path(line) for line in said.out.splitlines()]
    assert [path.name for path in paths] == ["screening.md", "screening.json", "screening.csv"]
    assert "bench-v1-" in said.err
    assert "9 pictures, about 16 model passes" in said.err
    assert " gone, about 0:00 h left" in said.err
    assert "| own_rule_for_tests:backwards |" in paths[0].read_text("utf-8")
    report = json.loads(paths[1].read_text("utf-8"))
    assert (report["seed"], report["rules"]) == (3, ["cfg", "own_rule_for_tests:backwards"])
    (arm,) = report["arms"]
    assert arm["cases"] == [
        {"prompt": "a blue boat on a beach", "negative": "logo", "targets": ["logo"],
         "antonym": "unbranded"}
    ]  # fmt: skip
    files = {path: path.stat().st_mtime_ns for path in (here / "cache").rglob("*.npz")}
    assert screening(model, *more, "--json") == 0
    assert json.loads(capsys.readouterr().out) == report
    assert {p: p.stat().st_mtime_ns for p in (here / "cache").rglob("*.npz")} == files


def test_an_estimate_makes_no_table(model: str, capsys: Captured, here: Path) -> None:
    assert screening(model, "--arms", "bias,few", "--quick", "--estimate") == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "about " in said.err.splitlines()[-1]
    assert not list((here / "cache").rglob("*.npz"))
    assert not (here / "out").exists()


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (["--suite", "negatives", "--rule", "own_rule_for_tests:backwards"], "--rule"),
        (["--suite", "card", "--arms", "bias"], "--arms"),
        (["--suite", "finals", "--seeds", "5:5"], "5:5"),
        (["--suite", "finals", "--seeds", "0:4", "--seed", "3"], "--seed"),
        (["--suite", "finals", "--arms", "biass"], "biass"),
        (["--suite", "finals", "--scale", "0.5"], "cfg"),
        (["--suite", "finals", "--rules", "apgg"], "apgg"),
        (["--suite", "finals", "--rule", "own_rule_for_tests:nothing"], "no Rule"),
        (["--suite", "finals", "--rule", "own_rule_for_tests:gone"], "cannot be found"),
        (["--suite", "finals", "--prompts", "prompts.csv", "--arms", "few"], "--arms"),
        (["--suite", "finals", "--prompts", "missing.csv"], "missing.csv"),
        (["--suite", "finals", "--prompts", "own_rule_for_tests.py"], "prompt, negative"),
    ],
)
def test_a_mistake_is_one_line(more: list[str], word: str, capsys: Captured) -> None:
    assert main(["bench", *more]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert word in line
    assert " — " in line


@pytest.mark.slow
@pytest.mark.parametrize("suite", ["screening", "finals", "findings"])
def test_a_suite_that_is_killed_again_and_again_ends_the_same(
    suite: str, model: str, here: Path
) -> None:
    """``kill -9`` at random moments; then the same files as those of a run that nobody stopped."""
    command = _command(here, suite, model)
    moments, kept = random.Random(suite), dict[Path, int]()
    for _ in range(KILLS):
        kept = _killed([*command, "--out", "out"], here / "cache", kept, moments)
        assert not list((here / "out").iterdir())
    assert subprocess.run([*command, "--out", "out"], check=False).returncode == 0
    assert all(path.stat().st_mtime_ns == at for path, at in kept.items())
    fresh = os.environ | {"NEGPROMPT_CACHE": str(here / "fresh")}
    assert subprocess.run([*command, "--out", "whole"], check=False, env=fresh).returncode == 0
    names = sorted(path.name for path in (here / "whole").iterdir())
    assert len(names) == 3
    assert names == sorted(path.name for path in (here / "out").iterdir())
    for name in names:
        assert (here / "out" / name).read_bytes() == (here / "whole" / name).read_bytes()
    assert not list((here / "cache").rglob("*.part"))


def _command(here: Path, suite: str, model: str) -> list[str]:
    """The suite at tiny size, in a process of its own."""
    (here / "killed.py").write_text(KILLED)
    more = ["--only", "early,variety"] if suite == "findings" else ["--arms", "bias,few"]
    return [sys.executable, str(here / "killed.py"), str(here / "judges"), "bench", "--suite",
            suite, "--quick", "--steps", "1", "--seeds", "1", "--model", model, *more]  # fmt: skip


def _killed(
    command: list[str], cache: Path, kept: dict[Path, int], moments: random.Random
) -> dict[Path, int]:
    """Start, kill -9 at some moment after some more is kept; what is, and since when.

    Nothing that was kept before is made again.
    """
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    wanted = len(kept) + moments.randint(1, 4)
    while len(list(cache.rglob("*.npz"))) < wanted and process.poll() is None:
        time.sleep(0.005)
    time.sleep(moments.random() * 0.05)
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    found = {path: path.stat().st_mtime_ns for path in cache.rglob("*.npz")}
    assert all(found[path] == at for path, at in kept.items())
    return found


@pytest.mark.slow
def test_memory_does_not_grow_with_the_pictures(model: str, here: Path) -> None:
    """Five times the pictures in batches of the same shape: hardly more memory at its height."""
    peaks = []
    for seeds in ("8", "40"):
        command = [*_command(here, "finals", model), "--out", "out"]
        command[command.index("--seeds") + 1] = seeds
        assert subprocess.run([*command], check=False).returncode == 0
        peaks.append(int((here / "peak").read_text()))
    assert peaks[1] - peaks[0] < 40_000  # kilobytes
