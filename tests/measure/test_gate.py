"""Gate files: what they may hold, and what becomes of their expectations."""

from pathlib import Path
from typing import Any

import pytest
from tests.measure.planted import DEAD, HARMFUL, SUBJECT, USEFUL, Planted

from negprompt.errors import NegpromptError
from negprompt.measure.gate import Finding, check, harmless, read

WORLD = Planted({"good": USEFUL, "idle": DEAD, "bad": HARMFUL})


def written(folder: Path, text: str, name: str = "gate.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def found(folder: Path, text: str, name: str = "gate.toml") -> tuple[Finding, ...]:
    gallery: Any = Planted(WORLD.effects, WORLD.jitter, folder)
    return check(read(written(folder, text, name)), gallery, WORLD.probe())


HEAD = 'prompt = "a cat"\nnegative = "good, idle"\nseeds = 64\n'


def test_expectations_hold_fail_or_are_open(tmp_path: Path) -> None:
    text = f"""{HEAD}
[[expect]]
thing = "good"
change_at_most = -0.1
at_most = 0.3
[[expect]]
thing = "idle"
at_most = 0.1
[[expect]]
thing = "{SUBJECT}"
at_least = 0.8
change_at_least = -0.01
"""
    outcomes = {f"{one.thing} {one.limit}": one.outcome for one in found(tmp_path, text)}
    assert outcomes == {
        "good at_most 0.3": "holds",
        "good change_at_most -0.1": "holds",
        "idle at_most 0.1": "fails",
        f"{SUBJECT} at_least 0.8": "holds",
        f"{SUBJECT} change_at_least -0.01": "open",
    }


def test_a_text_is_held_to_do_no_harm(tmp_path: Path) -> None:
    text = "a cat\nNegative prompt: bad\nSteps: 20, CFG scale: 4, Seed: 3"
    gate = read(written(tmp_path, text, "prompt.txt"))
    assert gate.question.prompts == ("a cat",)
    assert gate.question.base.negative == ("bad",)
    probe = WORLD.probe()
    assert [one.thing for one in harmless(gate.question, probe)] == ["bad", "a cat"]
    one, *rest = found(tmp_path, text, "prompt.txt")
    assert (one.thing, one.limit, rest) == ("bad", "change_at_most 0.1", [])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("prompt = [", "gate-unreadable"),
        (f'{HEAD}promt = "x"', "gate-key-unknown"),
        (f'{HEAD}[[expect]]\nthing = "good"\nat_mots = 0.1', "gate-key-unknown"),
        (f'{HEAD}[[expect]]\nthing = "good"', "gate-value"),
        (f"{HEAD}[[expect]]\nat_most = 0.1", "gate-value"),
        (f'{HEAD}[[expect]]\nthing = "good"\nat_most = 5', "gate-value"),
        (f'{HEAD}cfg = "high"', "gate-value"),
        ('prompt = [1]\nnegative = "x"', "gate-value"),
        ('negative = "x"', "prompts-missing"),
        ('prompt = "a cat"', "terms-missing"),
        ('prompt = "a cat"\nnegative = "x"\nseeds = 0', "value-out-of-range"),
        (f'{HEAD}[[expect]]\nthing = "dragon"\nat_most = 0.1', "gate-thing-unknown"),
    ],
)
def test_a_mistake_in_a_file_is_told(tmp_path: Path, text: str, code: str) -> None:
    with pytest.raises(NegpromptError) as told:
        found(tmp_path, text)
    assert told.value.code == code


def test_other_files_are_told(tmp_path: Path) -> None:
    for path in (tmp_path / "no.toml", written(tmp_path, "a cat", "prompt.txt")):
        with pytest.raises(NegpromptError) as told:
            read(path)
        assert told.value.code == "gate-unreadable"


def test_a_gate_needs_a_probe(tmp_path: Path) -> None:
    gallery: Any = WORLD
    with pytest.raises(NegpromptError) as told:
        check(read(written(tmp_path, HEAD)), gallery, None)
    assert told.value.code == "probe-needed"
