"""What is said while a command works: on standard error, so that standard output stays data."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from negprompt.errors import Notice, Span, pointed

OnStep = Callable[[int, int], None]
"""``on_step(done, total)``"""


def say(text: str) -> None:
    """One line, or several, on standard error."""
    print(text, file=sys.stderr, flush=True)


def notices(said: Sequence[Notice]) -> None:
    """Every notice with its code."""
    for notice in said:
        say(f"note: {notice.text} [{notice.code}]")


@contextmanager
def progress(what: str) -> Iterator[OnStep]:
    """A bar with the time that is left; nothing where standard error is no terminal."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bars:
        bar = bars.add_task(what, total=None)
        yield lambda done, total: bars.update(bar, completed=done, total=total)


def table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    as_data: bool = False,
    styles: Sequence[str] = (),
) -> None:
    """A table as wide as its words need, also where the terminal is narrower.

    It goes to standard error, or ``as_data`` to standard output. ``styles``, one a row, colour it
    in a terminal.
    """
    console = Console(stderr=not as_data, markup=False, highlight=False, soft_wrap=True)
    widths = [max(map(cell_len, column)) for column in zip(headings, *rows, strict=True)]
    console.print(Text(_row(headings, widths), style="bold"))
    if styles and console.is_terminal:
        for row, style in zip(rows, styles, strict=True):
            console.print(Text(_row(row, widths), style=style))
        return
    # by itself: rich takes half a millisecond a line, and a text may have a hundred thousand
    console.file.writelines(_row(row, widths) + "\n" for row in rows)


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (c + " " * (width - cell_len(c)) for c, width in zip(cells, widths, strict=True))
    return "  ".join(padded).rstrip()


def pointed_at(said: str, source: str, span: Span) -> None:
    """A sentence on standard error, and under it the text with carets, red in a terminal."""
    line, carets = pointed(source, span).split("\n")
    console = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)
    console.print(Text(said))
    column = cell_len(carets) - cell_len(carets.lstrip())
    shown = Text(line)
    first = len(set_cell_size(line, column))
    shown.stylize("bold red", first, len(set_cell_size(line, cell_len(carets))))
    console.print(shown)
    console.print(Text(carets, style="bold red"))


def in_a_line(text: str, most: int = 60) -> str:
    """A text as one line: what does not print is spelled out, and the middle of a long one cut."""
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return line if len(line) <= most else f"{line[: most - most // 3]}…{line[-(most // 3) :]}"


def clock(seconds: float) -> str:
    """Hours and minutes."""
    minutes = round(seconds / 60)
    return f"{minutes // 60}:{minutes % 60:02} h"
