"""``negprompt label``: say of pictures what is in them, so that a probe's error is known."""

import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from negprompt.cli import probing
from negprompt.cli.shell import app
from negprompt.cli.terminal import say

if TYPE_CHECKING:
    from negprompt.measure.eyes.labelling import Labelling

KEYS = {"y": "yes", "n": "no", "u": "unsure", "b": "back"}


@app.command(epilog="Example: negprompt label out/ablate --term scarf")
def label(
    folder: Annotated[
        Path, typer.Argument(help="An ablation's folder, or any with pictures.", show_default=False)
    ],
    *,
    term: Annotated[
        list[str] | None,
        typer.Option(
            "--term",
            metavar="TEXT",
            help="A thing to look for; all terms of the ablation by default.",
            show_default=False,
        ),
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=10_000, help="Pictures a term.")] = 30,
    seed: Annotated[int, typer.Option(help="Of the choice and order of pictures.")] = 0,
    terminal: Annotated[
        bool, typer.Option("--terminal", help="Ask here, one line each, without a page.")
    ] = False,
    port: probing.Port = 0,
    browser: probing.Browser = True,
) -> None:
    """Label pictures by hand: y, n, u for not sure, b for back.

    Writes labels.csv in the folder after every answer. The order does not tell which arm a picture
    is of. Then: negprompt ablate … --labels FOLDER/labels.csv
    """
    from negprompt.measure.eyes.labelling import labelling
    from negprompt.measure.eyes.serving import served

    session = labelling(folder, tuple(term or ()), count, seed)
    try:
        if terminal:
            _asked(session)
        else:
            with served(session, "label.html", port) as address:
                say(f"the page: {address}")
                if browser:
                    webbrowser.open(address)
                while not session.over.wait(0.2):
                    pass
    finally:
        say(session.sentence())
    print(session.file)


def _asked(session: "Labelling") -> None:
    """Ask on the terminal; an empty line or the end of the input stops."""
    while (number := session.task) is not None:
        path, term = session.tasks[number]
        say(f"{number + 1} of {len(session.tasks)}  {path}\n{term}? y, n, u (not sure), b (back)")
        try:
            said = input().strip().lower()[:1]
        except EOFError:
            return
        if not said:
            return
        if said in KEYS:
            session.answer({"number": number, "choice": KEYS[said]})
