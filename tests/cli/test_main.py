"""Exit statuses and one-line mistakes: what `negprompt` does before any model is touched."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.models import CommandInfo

from negprompt.cli import app, main
from negprompt.cli.options import pixels
from negprompt.errors import RequestError
from negprompt.world.captions import vocabulary

MISTAKES = {
    "no arguments to a command": ["generate"],
    "unknown command": ["degenerate"],
    "unknown option": ["generate", "a cat", "--nagative", "x"],
    "text for a number": ["generate", "a cat", "--steps", "many"],
    "negative steps": ["generate", "a cat", "--steps", "-3"],
    "no images": ["generate", "a cat", "--count", "0"],
    "scale below one": ["generate", "a cat", "--cfg", "0.5"],
    "scale not a number": ["generate", "a cat", "--cfg", "nan"],
    "negative seed": ["generate", "a cat", "--seed", "-1"],
    "unknown model": ["generate", "a cat", "--model", "/no/such/model"],
    "unknown scheduler": ["generate", "a cat", "--scheduler", "heun"],
    "unknown rule": ["generate", "a cat", "--rule", "golden"],
    "unknown scheme": ["generate", "a cat", "--scheme", "ponzi"],
    "unreadable size": ["generate", "a cat", "--size", "big"],
    "size off the grid": ["generate", "a cat", "--size", "100x128"],
    "more weights than negatives": ["generate", "a cat", "--negative-weight", "2"],
    "weights that cancel": [
        "generate", "a cat", "--negative", "a", "--negative", "b",
        "--negative-weight", "1", "--negative-weight", "-1",
    ],
}  # fmt: skip


@pytest.mark.parametrize("arguments", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_with_its_cure(
    arguments: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = ["--out", str(tmp_path / "out")] if arguments[0] == "generate" else []
    assert main([*arguments, *out]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("negprompt: ")
    assert " — " in line
    assert not list(tmp_path.rglob("*.png"))


def test_an_unwritable_folder_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file, not a folder")
    assert main(["generate", "a cat", "--out", str(taken)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "cannot be written" in line


def test_a_text_that_is_to_blame_is_pointed_at(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "a \ud800 cat"]) == 2
    first, _, carets = capsys.readouterr().err.splitlines()
    assert " — " in first
    assert carets.strip() == "^"


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """The function is replaced because no input is known that would raise this."""

    def broken() -> frozenset[str]:
        raise ZeroDivisionError

    monkeypatch.setattr("negprompt.world.captions.vocabulary", broken)
    with pytest.raises(ZeroDivisionError):
        main(["words"])


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_help_names_every_command(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    said = capsys.readouterr().out
    for command in app.registered_commands:
        assert command.callback is not None
        assert f"\n  {command.name or command.callback.__name__} " in said


@pytest.mark.parametrize("command", app.registered_commands, ids=lambda c: c.callback.__name__)
def test_every_command_has_an_example(
    command: CommandInfo, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.callback is not None
    name = command.name or command.callback.__name__
    assert main([name, "--help"]) == 0
    assert f"Example: negprompt {name}" in capsys.readouterr().out


def test_words_are_the_vocabulary(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["words"]) == 0
    said = capsys.readouterr()
    assert set(said.out.split()) == vocabulary()
    assert "words" in said.err


@pytest.mark.parametrize(
    ("text", "expected"), [("512x768", (512, 768)), ("128", (128, 128)), (" 64X64 ", (64, 64))]
)
def test_a_size_is_read(text: str, expected: tuple[int, int]) -> None:
    assert pixels(text) == expected


@pytest.mark.parametrize("text", ["", "x", "12x", "1.5x2", "-8x8", "8x8x8", "9" * 4000])
def test_another_size_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="WIDTHxHEIGHT"):
        pixels(text)


def test_an_interrupt_is_130_without_a_traceback(model: str, tmp_path: Path) -> None:
    # a shell that runs this in the background ignores SIGINT, and a child would inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)
    arguments = ["generate", "a cat", "--steps", "900", "--count", "500", "--out", "out"]
    process = subprocess.Popen(
        [sys.executable, "-m", "negprompt", *arguments, "--model", model],
        cwd=tmp_path, env=os.environ | {"PYTHONUNBUFFERED": "1"}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    while not (tmp_path / "out").exists():  # made before the model loads
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert err == "negprompt: interrupted\n"
    assert list((tmp_path / "out").iterdir()) == []


CAUGHT = """
import sys
from negprompt.cli.shell import app, main

@app.command()
def caught():
    exec("import signal; signal.raise_signal(signal.SIGINT)")

sys.exit(main(["caught"]))
"""


def test_an_interrupt_while_a_dataclass_is_made_is_130(tmp_path: Path) -> None:
    (tmp_path / "caught.py").write_text(CAUGHT)
    done = subprocess.run(
        [sys.executable, "-m", "caught"], cwd=tmp_path, capture_output=True, text=True, check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (130, "negprompt: interrupted\n")


WRAPPED = """
import signal, sys
from negprompt.cli.shell import app, main
from negprompt.errors import ModelError

@app.command()
def wrapped():
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        raise ModelError("cannot import", code="model-unusable", cure="none") from None

sys.exit(main(["wrapped"]))
"""


def test_an_interrupt_that_a_library_turned_into_its_own_error_is_130() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WRAPPED], capture_output=True, text=True, check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (130, "negprompt: interrupted\n")
