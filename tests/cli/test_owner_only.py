"""Terms that only their owner may see: no answer and no file of a command that takes a policy."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.test_docs import commands, params_of

from negprompt.cli import main, options
from negprompt.cli.blind import _made

WORDS = (b"zyxwv", b"qqfoo")
POLICY = """\
name = "{name}"
version = "1.0.0"
layer = "brand"
mode = "{mode}"
visibility = "owner"
on_positive = "{on_positive}"
[[terms]]
text = "zyxwv logo, (qqfoo:1.2)"
reason = "zyxwv is a rival"
"""
ASKED = ["a cat", "--steps", "1"]
RUNS: dict[str, list[str]] = {
    "generate": [*ASKED, "--negative", "scarf", "--json"],
    "plan": ["a cat", "--negative", "scarf"],
    "advise": ["a cat", "--negative", "scarf, hat", "--fix"],
    "inspect": ["made.png"],
    "diagnose": ["made.png", "--flaw", "zebra", "--probe", "none"],
    "compare": [*ASKED, "--negative", "scarf", "--count", "1"],
    "explain": [*ASKED, "--negative", "scarf", "--count", "1"],
    "ablate": [*ASKED, "--negative", "scarf, hat", "--probe", "none", "--seeds", "1"],
    "prune": [*ASKED, "--negative", "scarf, hat", "--probe", "none", "--seeds", "8"],
    "gate": ["expected.txt"],
    "explore": [*ASKED, "--count", "2", "--probe", "none"],
}
"""What each command is given besides the model and the policy."""
INTERACTIVE = {"blind"}
WITHOUT_MODEL = {"inspect", "gate", "advise", "plan"}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with owner-only policies, none of which may be told of."""
    (tmp_path / "policies").mkdir()
    for name, mode, does in (("brand", "enforced", "refuse"), ("soft", "always", "notice")):
        text = POLICY.format(name=name, mode=mode, on_positive=does)
        (tmp_path / "policies" / f"{name}.toml").write_text(text)
    (tmp_path / "expected.txt").write_text("a cat\nNegative prompt: scarf")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEGPROMPT_HISTORY", "off")
    return tmp_path


def written(folder: Path) -> Iterator[Path]:
    """Every file but the policies themselves."""
    yield from (p for p in folder.rglob("*") if p.is_file() and p.parent.name != "policies")


def told(folder: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Where a hidden word stands: in what was printed, or in a file."""
    printed = capsys.readouterr()
    said = (printed.out + printed.err).encode()
    places = [file.name for file in written(folder) if any(w in file.read_bytes() for w in WORDS)]
    return [*places, *(said.decode() for word in WORDS if word in said)]


def test_every_command_that_takes_a_policy_is_looked_at() -> None:
    takes = {
        name
        for name in commands()
        if any("--policy" in param.opts for param in params_of(name)) and " " not in name
    }
    # chat talks to a person; its own test holds that a hidden term is not told
    assert takes - {"chat"} <= {*RUNS, *INTERACTIVE}


@pytest.mark.usefixtures("untrained_judges")
@pytest.mark.parametrize("name", sorted(RUNS))
def test_no_answer_and_no_file_holds_the_words(
    name: str, here: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    first = ["generate", *ASKED, "--model", model, "--policy", "brand", "--out", "first"]
    if "made.png" in RUNS[name]:
        assert main(first) == 0
        next((here / "first").iterdir()).rename(here / "made.png")
    takes = {option for param in params_of(name) for option in param.opts}
    policy = "soft" if name == "explore" else "brand"
    given = [*(["--policy", policy] if "--policy" in takes else [])]
    given += [] if name in WITHOUT_MODEL else ["--model", model]
    status = main([name, *RUNS[name], *given])
    assert status == (2 if name in {"explain", "ablate", "prune", "gate"} else 0)
    assert not told(here, capsys)


def test_a_blind_pair_holds_no_words(
    here: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = options.request("a cat", policies=["brand"], model=model, steps=1, count=1)
    pair = next(_made(asked, here / "out"))
    assert all(path.exists() for path in (pair.first, pair.second))
    assert not told(here, capsys)


@pytest.mark.parametrize("policy", ["brand", "soft"])
@pytest.mark.parametrize("command", ["plan", "advise"])
def test_that_a_prompt_names_one_is_not_confirmed(
    policy: str, command: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [command, "a cat, ZYXWV-logo"]
    main(asked)
    alone = capsys.readouterr()
    main([*asked, "--policy", policy])
    printed = capsys.readouterr()
    assert "something" in printed.out + printed.err
    # what is said of the typed word is, to the letter, what is said of it without the policy
    said = {*(printed.out + printed.err).splitlines()} - {*(alone.out + alone.err).splitlines()}
    assert "zyxwv" not in "\n".join(said).casefold()


@pytest.mark.parametrize(
    "command",
    [["plan", "a cat", "--policy", "brand"], ["policy", "list"], ["policy", "show", "brand"],
     ["policy", "diff", "brand", "soft"], ["policy", "export", "brand", "--to", "a1111"],
     ["plan", "a cat", "--policy", "child"]],
)  # fmt: skip
@pytest.mark.parametrize("spoiled", [False, True])
def test_neither_a_listing_nor_a_mistake_in_the_file_tells(
    command: list[str], spoiled: bool, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    child = POLICY.format(name="child", mode="always", on_positive="notice")
    child = child.replace('visibility = "owner"', 'extends = ["brand"]').split("[[terms]]")[0]
    (here / "policies" / "child.toml").write_text(child)
    file = here / "policies" / "brand.toml"
    if spoiled:
        file.write_text(file.read_text().replace("qqfoo:1.2", "qqfoo:99"))
    main(command)
    assert not told(here, capsys)
    if spoiled:
        assert main(["policy", "check", "brand"]) == 2
        assert "qqfoo" in capsys.readouterr().err, "its owner is told"


def test_a_picture_made_under_it_keeps_it(
    here: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--model", model, "--policy", "brand"]
    for form in ("png", "jpeg", "webp"):
        assert main(["generate", *ASKED, *given, "--format", form]) == 0
    for picture in sorted((here / "out").iterdir()):
        assert main(["inspect", str(picture), "--json"]) == 0
        assert main(["generate", "--like", str(picture), "--model", model]) == 0
    assert not told(here, capsys)
