"""``negprompt demo``: one negative at work, as a picture and as a count."""

from pathlib import Path
from typing import Annotated

import typer

from negprompt.cli import options
from negprompt.cli.shell import app
from negprompt.cli.terminal import notices, progress, say


@app.command(epilog="Example: negprompt demo --out out")
def demo(
    *,
    cases: Annotated[
        bool,
        typer.Option(
            "--cases",
            help="Instead, four cases at 32 seeds each: a negative that helped, did nothing, "
            "harmed, was irrelevant. Some minutes; writes cases.png.",
        ),
    ] = False,
    model: options.ModelName = "pocket",
    out: options.Out = Path("out"),
) -> None:
    """See a negative at work, in about a minute.

    Writes demo.png: the same seeds without and with a negative. Says how often what it names was
    in the pictures before and after.
    """
    print(_cases(model, out) if cases else _one(model, out))


def _one(model: str, out: Path) -> Path:
    """The demo; the path of its picture."""
    from negprompt.engine import loaded, writable, written
    from negprompt.measure import verdict
    from negprompt.measure.demo import SHOWN
    from negprompt.measure.demo import demo as shown
    from negprompt.measure.sheet import png, sheet
    from negprompt.world.judge import load

    folder = writable(out)
    with progress("the same seeds without and with") as on_step:
        found = shown(loaded(model), load("first"), on_step)
    lines = verdict.sentences(found)
    path = written.write(folder / "demo.png", png(sheet(found, lines, most=SHOWN)))
    notices(found.notices)
    say(f"{found.request.prompt}; negative: {found.plan.effective_negative}")
    for line in lines:
        say(line)
    return path


def _cases(model: str, out: Path) -> Path:
    """The four cases; the path of their picture."""
    from negprompt.engine import loaded, writable, written
    from negprompt.measure import cases
    from negprompt.measure.sheet import png
    from negprompt.world.judge import load

    folder = writable(out)
    with progress("four cases on the same seeds") as on_step:
        found = cases.cases(loaded(model), load("first"), on_step)
    for line in cases.sentences(found):
        say(line)
    return written.write(folder / "cases.png", png(cases.picture(found)))
