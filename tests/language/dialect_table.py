"""The table of docs/dialects.md, made by the readers themselves.

``python tests/language/dialect_table.py`` writes it into the page; test_dialect_page.py compares.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from negprompt.errors import PromptError
from negprompt.language import DIALECTS, Prompt, parse
from negprompt.language.sdnext import read as read_sdnext

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "dialects.md"
MARK: Final = "<!-- table -->\n"
END: Final = "<!-- end -->"

STRINGS: Final = (
    "(x)",
    "[x]",
    "{x}",
    "((x:1.5))",
    "(a (b:1.5) c:2)",
    "((x:1.5):0.5)",
    "[abc:1.5]",
    "(x: 1.5)",
    "(x:1e2)",
    "(a:1.2.3)",
    "(x:-1)",
    "(:1.5)",
    "(unbalanced",
    "a) (b:1.5)",
    "smile :) (happy:1.2)",
    "ratio 16:9",
    "name_(series)",
    r"a\(b\)",
    "a BREAK b",
    "(a BREAK b:1.5)",
    "flames++, smoke-",
    "(x)1.3",
    "cat::2 dog::-0.5",
    "a cat --no hat",
    "1.5::rain:: sun",
    "(a[b)c]",
    "embedding:bad, (worst quality:1.4)",
)
"""What is read in each dialect: one line of the table for each."""


def table() -> str:
    """The table in Markdown: a string a line, a dialect a column, texts with their weights."""
    readers: dict[str, Callable[[str], Prompt]] = {
        **{name: partial(parse, dialect=name) for name in DIALECTS},
        "sdnext, mode a1111": partial(read_sdnext, mode="a1111"),
    }
    head = " | ".join(["string", *readers])
    lines = [head, " | ".join(["---"] * (len(readers) + 1))]
    for string in STRINGS:
        cells = [_code(string), *(_cell(string, read) for read in readers.values())]
        lines.append(" | ".join(cells))
    return "".join(f"| {line} |\n" for line in lines)


def _cell(string: str, read: Callable[[str], Prompt]) -> str:
    try:
        prompt = read(string)
    except PromptError as error:
        return f"*{error.code}*"
    shares = prompt.parts()
    said = []
    for share in shares:
        runs = [f"{_code(s.text)} {s.weight:.6g}" for s in share.segments]
        whole = f" at {share.weight:.6g}" if len(shares) > 1 else ""
        said.append((", ".join(runs) or "nothing") + whole)
    return "; ".join(said)


def _code(text: str) -> str:
    """A text between backquotes, bars escaped; quotes where it begins or ends with a space."""
    shown = f'"{text}"' if text != text.strip() or not text else text
    return "`" + shown.replace("|", "\\|") + "`"


def page(text: str) -> str:
    """The text of the page with the table that the code makes."""
    before, rest = text.split(MARK)
    return f"{before}{MARK}{table()}{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
