"""The public names: listed, sorted, reachable, and free of tensors until one is used."""

import subprocess
import sys

import pytest

import negprompt

HEAVY = ("torch", "numpy", "PIL", "diffusers", "transformers", "typer", "matplotlib")


def imported_by(statement: str) -> set[str]:
    """The heavy packages that a fresh interpreter has loaded after running a statement."""
    code = f"{statement}\nimport sys\nprint(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120
    )
    return set(done.stdout.split())


def test_the_list_is_sorted_and_without_doubles() -> None:
    assert list(negprompt.__all__) == sorted(set(negprompt.__all__))


@pytest.mark.parametrize("name", negprompt.__all__)
def test_every_name_resolves(name: str) -> None:
    assert getattr(negprompt, name) is not None
    assert name in dir(negprompt)


def test_no_other_name_resolves() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = negprompt.no_such_name


def test_import_pulls_in_no_tensors() -> None:
    assert imported_by("import negprompt") == set()


@pytest.mark.parametrize("room", ["errors", "language", "policy", "metadata", "trace"])
def test_words_need_no_tensors(room: str) -> None:
    assert imported_by(f"import negprompt.{room}") == set()


def test_help_loads_no_model_library() -> None:
    shown = imported_by(
        "import sys\nsys.argv = ['negprompt', '--help']\nfrom negprompt.cli import main\n"
        "import contextlib, io\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):\n"
        "    main()"
    )
    assert not shown & {"torch", "diffusers", "transformers"}
