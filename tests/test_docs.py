"""The docs know everything that the code can say or do: codes, commands, options, rules, rooms."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.main
from typer.models import CommandInfo

from negprompt.cli import app
from negprompt.guidance.rules import RULES
from negprompt.world.factors import COLOURS, CONCEPTS, PLACES, STYLES, SUBJECTS

REPOSITORY = Path(__file__).resolve().parents[1]
SOURCE = REPOSITORY / "src" / "negprompt"
DOCS = REPOSITORY / "docs"
PAGES = [*sorted(REPOSITORY.glob("*.md")), *sorted(DOCS.glob("*.md"))]
CODE = re.compile(r"[a-z]+(-[a-z0-9]+)+")


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def headings(name: str) -> set[str]:
    """Everything that stands in backquotes in the headings of a page."""
    lines = [line for line in page(name).splitlines() if line.startswith("#")]
    return {word for line in lines for word in re.findall(r"`([^`]+)`", line)}


def carriers(trees: list[ast.Module]) -> dict[str, int]:
    """Name of each callable that is given a code by position, and the code's place."""
    found = {"Notice": 0}
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.FunctionDef):
            names = [argument.arg for argument in node.args.args if argument.arg != "self"]
            if "code" in names:
                found[node.name] = names.index("code")
    return found


def given(call: ast.Call, place: dict[str, int]) -> list[ast.expr]:
    """The expressions that a call gives as a code."""
    named = [keyword.value for keyword in call.keywords if keyword.arg == "code"]
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    return named + call.args[place.get(name, len(call.args)) :][:1]


def literals(node: ast.AST) -> Iterator[str]:
    for value in ast.walk(node):
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield value.value


def codes() -> Iterator[str]:
    """Every code that the source gives to an error or a notice.

    Where it gives a variable, every literal of the function around it that has a code's form.
    """
    trees = [ast.parse(file.read_text("utf-8")) for file in SOURCE.rglob("*.py")]
    place = carriers(trees)
    for scope in (node for tree in trees for node in tree.body):
        calls = [node for node in ast.walk(scope) if isinstance(node, ast.Call)]
        for node in (node for call in calls for node in given(call, place)):
            if isinstance(node, ast.Name):
                yield from filter(CODE.fullmatch, literals(scope))
            elif not isinstance(node, ast.Attribute):
                yield from literals(node)


CODES = sorted(set(codes()))


def commands(group: typer.Typer = app, before: str = "") -> dict[str, CommandInfo]:
    """Every command by what is typed for it, those of groups among them."""
    found = {}
    for command in group.registered_commands:
        assert command.callback is not None
        name = command.name or command.callback.__name__.strip("_").replace("_", "-")
        found[before + name] = command
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        found |= commands(inner.typer_instance, f"{before}{inner.name} ")
    return found


def params_of(name: str) -> list[Any]:
    """The parameters of a command."""
    command: Any = typer.main.get_group(app)
    for word in name.split():
        command = command.commands[word]
    return list(command.params)


def test_there_are_codes() -> None:
    assert len(CODES) >= 10


@pytest.mark.parametrize("code", CODES)
def test_a_code_is_explained(code: str) -> None:
    assert CODE.fullmatch(code)
    assert code in headings("errors.md")


def test_no_code_is_explained_that_does_not_exist() -> None:
    assert headings("errors.md") <= set(CODES)


@pytest.mark.parametrize("name", sorted(commands()))
def test_a_command_has_an_example_and_its_options(name: str) -> None:
    parts = re.split(r"^## ", page("commands.md"), flags=re.MULTILINE)
    shared = next(part for part in parts if part.startswith("Options that commands share"))
    own = next((part for part in parts if part.startswith(f"`negprompt {name}`")), "")
    assert re.search(rf"^negprompt {name}\b", own, flags=re.MULTILINE), "no example"
    found = {option for param in params_of(name) for option in param.opts}
    options = {option for option in found if option.startswith("--")}
    assert options <= set(re.findall(r"`(--[a-z-]+)", own + shared))


def test_no_command_is_explained_that_does_not_exist() -> None:
    explained = {text for text in headings("commands.md") if text.startswith("negprompt ")}
    assert explained == {f"negprompt {name}" for name in commands()}


@pytest.mark.parametrize("rule", sorted(RULES))
def test_a_rule_is_explained(rule: str) -> None:
    assert rule in headings("rules.md")


def world() -> dict[str, str]:
    """What stands between the marks of docs/world.md, from the table that the code owns."""
    rows = ["concept | kind | prevalence | naming rate | where | words", "---|---|---|---|---|---"]
    for c in CONCEPTS.values():
        under = [f"{p:g} {name}" for name, p in c.under.items()]
        usual = [f"{c.prevalence:g}"] if not c.members else []
        where = ", ".join(c.only) or ", ".join(c.members)
        cells = [c.name, c.kind, " / ".join(usual + under), f"{c.naming_rate:g}", where]
        rows.append(" | ".join([*cells, ", ".join(c.words)]))
    return {
        "subjects": ", ".join(SUBJECTS),
        "colours": ", ".join(COLOURS),
        "places": ", ".join(PLACES),
        "styles": ", ".join(STYLES),
        "concepts": "".join(f"\n| {row} |" for row in rows) + "\n",
    }


@pytest.mark.parametrize("name", world())
def test_the_page_on_the_world_agrees_with_the_code(name: str) -> None:
    written = page("world.md").split(f"<!-- {name} -->")[1].split("<!-- end -->")[0]
    assert written == world()[name], f"write this instead: {world()[name]}"


def test_the_readme_shows_every_room_in_the_order_of_the_line() -> None:
    text = (REPOSITORY / "README.md").read_text("utf-8")
    tree = text.split("src/negprompt/\n")[1].split("```")[0]
    shown = [line.split()[0].removesuffix("/").removesuffix(".py") for line in tree.splitlines()]
    contracts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
    layers = contracts["tool"]["importlinter"]["contracts"][0]["layers"]
    line = [re.findall(r"\w+", layer) for layer in reversed(layers)]
    assert set(shown) == {name for layer in line for name in layer} - {"__main__"}
    rank = {name: i for i, layer in enumerate(line) for name in layer}
    assert [rank[name] for name in shown] == sorted(rank[name] for name in shown)


@pytest.mark.parametrize("file", PAGES, ids=[file.name for file in PAGES])
def test_links_lead_somewhere(file: Path) -> None:
    text = re.sub(r"```.*?```", "", file.read_text("utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    broken = [t for t in targets if "://" not in t and not (file.parent / t).exists()]
    assert not broken


@pytest.mark.parametrize("file", PAGES, ids=[file.name for file in PAGES])
def test_nothing_is_left_to_do(file: Path) -> None:
    assert "TODO" not in file.read_text("utf-8")


def test_the_first_python_example_of_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (REPOSITORY / "README.md").read_text("utf-8")
    example = text.split("```python\n")[1].split("```")[0]
    assert len([line for line in example.splitlines() if line]) == 6
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "README.md", "exec"), {})  # noqa: S102 - our own page
    assert len(list(tmp_path.glob("cat-*.png"))) == 2
