"""What is said while a command works: on standard error, so that standard output stays data."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from negprompt.errors import Notice

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


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table as wide as its words need, also where the terminal is narrower."""
    made = Table(*headings, box=None, pad_edge=False)
    for row in rows:
        made.add_row(*row)
    console = Console(stderr=True, markup=False, highlight=False)
    console.print(made, crop=False, no_wrap=True, width=max(console.width, 160))
