"""The app that commands register with, and the one place where errors become exit statuses.

0: done. 2: a mistake of the user, told in one line with its cure. 130: interrupted. A traceback
with 1: a bug of ours.
"""

import logging
import os
import sys
import warnings
from collections.abc import Sequence

import typer
from typer.main import get_command

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
    _hush()
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        status = get_command(app)(args=given, prog_name="negprompt", standalone_mode=False)
    except NegpromptError as error:
        return _told(error.caret(), MISTAKE)
    except (KeyboardInterrupt, typer.Abort):
        status = INTERRUPTED
    except Exception as error:
        if _interrupted(error):
            return _told("interrupted", INTERRUPTED)
        # typer brings click's errors with it in some versions and not in others.
        message = getattr(error, "format_message", None)
        if message is None:
            raise
        text = " ".join(str(message()).split()).rstrip(".")
        return _told(f"{text} — see `negprompt {_command(given)}--help`", MISTAKE)
    if status == INTERRUPTED:
        return _told("interrupted", INTERRUPTED)
    return status if isinstance(status, int) else 0


def _interrupted(error: BaseException | None) -> bool:
    """Whether an interrupt is at the root: libraries that are being imported wrap it in others."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _command(given: Sequence[str]) -> str:
    known = {
        info.name or getattr(info.callback, "__name__", "") for info in app.registered_commands
    }
    return f"{given[0]} " if given[0] in known else ""


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
