"""Three modes × three ways to give a negative, on every command that plans or makes pictures."""

import re
from pathlib import Path

import pytest
from PIL import Image

from negprompt.cli import main, options
from negprompt.cli.blind import _made
from negprompt.cli.planning import spelled_out
from negprompt.errors import NegpromptError
from negprompt.measure.ablate import Question
from negprompt.measure.gate import read

MODES = {"default": "aaa", "always": "bbb", "enforced": "(ccc:1.5)"}
GIVEN: dict[str, list[str] | None] = {"absent": None, "empty": [""], "text": ["scarf, hat"]}
EXPECTED = {
    "absent": "(ccc:1.5), bbb, aaa",
    "empty": "(ccc:1.5)",
    "text": "(ccc:1.5), bbb BREAK scarf, hat",
}
"""Enforced ones first, then by name."""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose project file activates one policy of each mode."""
    (tmp_path / "policies").mkdir()
    for mode, text in MODES.items():
        head = f'name = "{mode}"\nversion = "1.0.0"\nlayer = "floor"\nmode = "{mode}"\n'
        (tmp_path / "policies" / f"{mode}.toml").write_text(f'{head}[[terms]]\ntext = "{text}"\n')
    (tmp_path / "negprompt.toml").write_text(f"policies = {list(MODES)}\n")
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")
    monkeypatch.setenv("NEGPROMPT_HISTORY", "off")
    return tmp_path


def negative_in(picture: Path) -> str:
    with Image.open(picture) as opened:
        text: str = opened.text["parameters"]  # type: ignore[attr-defined]
    found = re.search(r"Negative prompt: (.*)\n", text)
    return "" if found is None else found[1]


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("command", ["plan", "generate", "compare"])
@pytest.mark.usefixtures("untrained_judges")
def test_the_effective_negative_is_the_same_on_each_surface(
    command: str, given: str, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [f"--negative={text}" for text in GIVEN[given] or ()]
    more = [] if command == "plan" else ["--steps", "1", "--count", "1", "--model", model]
    assert main([command, "a cat", *asked, *more]) == 0
    printed = capsys.readouterr()
    if command == "generate":
        assert negative_in(Path(printed.out.strip())) == EXPECTED[given]
    else:
        assert f"effective negative: {EXPECTED[given]}\n" in printed.err


@pytest.mark.parametrize("given", GIVEN)
def test_what_takes_a_negative_apart_takes_all_that_acts(given: str, model: str) -> None:
    base = options.request("a cat", negative=GIVEN[given], model=model, steps=1)
    typed = spelled_out(base)
    assert not typed.policies
    assert typed.planned().effective_negative == EXPECTED[given]
    question = Question(("a cat",), typed)
    words = EXPECTED[given].replace(" BREAK ", ", ").replace("(ccc:1.5)", "ccc").split(", ")
    assert [term.text for term in question.terms] == words
    alone = question.only(0).request(typed, "a cat", 0, 1)
    assert alone.planned().effective_negative == "(ccc:1.5)"
    assert question.none.request(typed, "a cat", 0, 1).planned().effective_negative == ""


@pytest.mark.parametrize("given", ["empty", "text"])
def test_a_gate_holds_what_acts(given: str, here: Path) -> None:
    text = (GIVEN[given] or [""])[0]
    file = here / "gate.toml"
    file.write_text(f'prompt = "a cat"\nnegative = ["{text}"]\n')
    gate = read(file, options.layers(()))
    assert gate.question.base.planned().effective_negative == EXPECTED[given]


@pytest.mark.parametrize("given", GIVEN)
def test_a_blind_pair_is_all_that_acts_against_nothing(given: str, model: str, here: Path) -> None:
    asked = options.request("a cat", negative=GIVEN[given], model=model, steps=1, count=1)
    pair = next(_made(asked, here / "out"))
    assert negative_in(pair.first) == EXPECTED[given]
    assert not negative_in(pair.second)


def test_an_enforced_policy_of_the_project_refuses_scale_1(
    model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("generate", "compare", "explain", "ablate", "prune"):
        given = [command, "a cat", "--negative", "scarf, hat", "--model", model, "--cfg", "1"]
        assert main(given) == 2
        assert "enforced policy enforced@1.0.0" in capsys.readouterr().err
    assert main(["explore", "a cat", "--model", model, "--count", "2", "--probe", "none"]) == 2
    assert "enforced policy enforced@1.0.0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("dialect", "text"),
    [("plain", "scarf"), ("novelai", "{scarf}"), ("compel", '("scarf", "hat").and()')],
)
def test_what_a_dialect_cannot_say_of_a_policy_is_not_taken_apart(
    dialect: str, text: str, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["a cat", "--negative", text, "--dialect", dialect, "--model", model]
    for command in ("ablate", "prune", "explain"):
        assert main([command, *given]) == 2
        assert f"cannot be typed in the prompt dialect '{dialect}'" in capsys.readouterr().err
    base = options.request("a cat", negative=["scarf, hat++"], model=model, dialect="compel")
    assert spelled_out(base).negative == ("(ccc)1.5, bbb, scarf, hat++",)


def test_no_other_file_takes_the_place_of_a_project_policy(here: Path) -> None:
    (here / "evil").mkdir()
    text = (here / "policies" / "enforced.toml").read_text().replace("ccc:1.5", "ddd:1")
    (here / "evil" / "enforced.toml").write_text(text)
    asked = options.request("a cat", policy_folders=[here / "evil"])
    assert asked.planned().effective_negative == EXPECTED["absent"]
    with pytest.raises(NegpromptError) as caught:
        options.request("a cat", policies=["enforced"], policy_folders=[here / "evil"])
    assert caught.value.code == "policy-twice"
