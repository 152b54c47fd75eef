"""The app that commands register with, and the one place where errors become exit statuses.

0: done. 2: a mistake of the user, told in one line with its cure. 130: interrupted. A traceback
with 1: a bug of ours.
"""

import atexit
import gc
import logging
import os
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType

import typer
from typer.main import get_command

from negprompt.cli.terminal import pointed_at
from negprompt.errors import NegpromptError

app = typer.Typer(
    name="negprompt",
    help="Say what you don't want, see that it worked, and know what it cost.",
    epilog='Example: negprompt compare "a cat on a beach" --negative "scarf"',
    add_completion=False,
    rich_markup_mode=None,
)

MISTAKE = 2
INTERRUPTED = 130


@app.callback()
def _negprompt() -> None:
    """Make the app a group of commands even while it has a single one."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status. ``arguments`` default to the process's own."""
    # At the end Python would look for cycles in all that torch brought: a sixth of a short run.
    atexit.register(gc.freeze)
    _hush()
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    with _interrupts() as interrupts:
        try:
            status = get_command(app)(args=given, prog_name="negprompt", standalone_mode=False)
        except (KeyboardInterrupt, typer.Abort):
            status = INTERRUPTED
        except Exception as error:
            if interrupts:
                return _interrupted()
            if isinstance(error, NegpromptError):
                return _blamed(error)
            # typer brings click's errors with it in some versions and not in others.
            message = getattr(error, "format_message", None)
            if message is None:
                raise
            text = " ".join(str(message()).split()).rstrip(".")
            return _told(f"{text} — see `negprompt {_command(given)}--help`", MISTAKE)
    if status == INTERRUPTED:
        return _interrupted()
    return status if isinstance(status, int) else 0


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """The interrupts so far, also those that became another error while a library was imported."""
    seen: list[int] = []
    handler = signal.getsignal(signal.SIGINT)

    def note(number: int, frame: FrameType | None) -> None:
        seen.append(number)
        signal.default_int_handler(number, frame)

    # else somebody chose: a shell that ignores it in the background, or a program that calls main
    if handler is signal.default_int_handler and current_thread() is main_thread():
        signal.signal(signal.SIGINT, note)
    try:
        yield seen
    finally:
        if signal.getsignal(signal.SIGINT) is note:
            signal.signal(signal.SIGINT, handler)


def _interrupted() -> int:
    """Say so, with a status of our own.

    CPython notes an interrupt that left an ``exec`` of text (a dataclass being made while a library
    is imported) and, run with ``-m``, ends the process by the signal even where it was caught. The
    next ``exec`` clears the note.
    """
    exec("")  # noqa: S102 — nothing is run
    return _told("interrupted", INTERRUPTED)


def _command(given: Sequence[str]) -> str:
    known = {
        info.name or getattr(info.callback, "__name__", "") for info in app.registered_commands
    }
    known |= {group.name or "" for group in app.registered_groups}
    return f"{given[0]} " if given[0] in known else ""


def _blamed(error: NegpromptError) -> int:
    if error.source is None or error.span is None:
        return _told(str(error), MISTAKE)
    pointed_at(f"negprompt: {error}", error.source, error.span)
    return MISTAKE


def _told(text: str, status: int) -> int:
    print(f"negprompt: {text}", file=sys.stderr)
    return status


def _hush() -> None:
    """Let no library talk: what a command prints are its own words."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    logging.disable(logging.WARNING)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
