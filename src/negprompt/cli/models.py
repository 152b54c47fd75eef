"""``negprompt models``: what lies on this machine, of which families."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from negprompt.cli.shell import app
from negprompt.cli.terminal import say, table


@app.command(epilog="Example: negprompt models --dir models")
def models(
    *,
    folders: Annotated[
        list[Path] | None,
        typer.Option(
            "--dir",
            metavar="DIR",
            help="A folder to look in, and below; several times for several.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON array instead of the table.")
    ] = False,
) -> None:
    """List the models that are here: the one inside, the hub's cache, and what --dir holds."""
    from negprompt.models.found import Found, found_in, in_the_hubs_cache
    from negprompt.models.place import POCKET

    seen = [Found(POCKET, "inside", "sd1"), *in_the_hubs_cache()]
    seen += [one for folder in folders or () for one in found_in(folder)]
    if as_json:
        print(json.dumps([asdict(one) for one in seen]))
        return
    rows = [(one.name, one.kind, one.family or "-") for one in seen]
    table(("name", "kind", "family"), rows, as_data=True)
    if not folders:
        say("folders and files of your own are listed with --dir")
