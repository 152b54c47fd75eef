"""Budgets on the shape of the code, read from its syntax trees: size drifts unless it is held."""

import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
SOURCE = REPOSITORY / "src" / "negprompt"
FILES = sorted([*SOURCE.rglob("*.py"), *(REPOSITORY / "tests").rglob("*.py")])
SHIPPED = [file for file in FILES if file.is_relative_to(SOURCE)]

FILE_LINES, FILE_AIM = 600, 400
FUNCTION_LINES, FUNCTION_AIM = 60, 40
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "managers", "manager", "common", "misc"}
EMPTY_ENDINGS = ("Manager", "Handler", "Helper", "Factory", "Processor", "Service", "Utils")

each_file = pytest.mark.parametrize(
    "file", FILES, ids=[str(file.relative_to(REPOSITORY)) for file in FILES]
)


def functions(file: Path) -> Iterator[tuple[str, int]]:
    """Name and length of every function in a file, its decorators and docstring left out."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            first = node.body[0]
            doc = 0
            if ast.get_docstring(node) is not None:
                assert first.end_lineno is not None
                doc = first.end_lineno - first.lineno + 1
            yield node.name, node.end_lineno - node.lineno + 1 - doc


@each_file
def test_a_file_is_short(file: Path) -> None:
    lines = len(file.read_text("utf-8").splitlines())
    assert lines <= FILE_LINES


@each_file
def test_a_function_is_short(file: Path) -> None:
    long = [(name, lines) for name, lines in functions(file) if lines > FUNCTION_LINES]
    assert not long


def test_the_aims_are_missed_by_few() -> None:
    files = {file.name: len(file.read_text("utf-8").splitlines()) for file in SHIPPED}
    long_files = {name: lines for name, lines in files.items() if lines > FILE_AIM}
    assert len(long_files) <= len(files) // 20, long_files
    lengths = [(lines, name) for file in SHIPPED for name, lines in functions(file)]
    long_functions = [(lines, name) for lines, name in lengths if lines > FUNCTION_AIM]
    assert len(long_functions) <= len(lengths) // 50, long_functions
    assert median(lines for lines, _ in lengths) <= 15


@each_file
def test_names_say_something(file: Path) -> None:
    assert file.stem not in EMPTY_NAMES
    assert file.parent.name not in EMPTY_NAMES
    classes = [
        node.name
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.ClassDef) and node.name.endswith(EMPTY_ENDINGS)
    ]
    assert not classes


@pytest.mark.parametrize("file", SHIPPED, ids=[str(file.relative_to(SOURCE)) for file in SHIPPED])
def test_a_file_says_what_it_is(file: Path) -> None:
    text = file.read_text("utf-8")
    assert not text or ast.get_docstring(ast.parse(text))
