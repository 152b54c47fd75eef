"""``negprompt explore``: is a negative needed at all? One sheet of scales × negatives."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from negprompt.cli import options, probing
from negprompt.cli.loading import loads
from negprompt.cli.planning import standing
from negprompt.cli.reading import Reading, reads
from negprompt.cli.shell import app
from negprompt.cli.terminal import say
from negprompt.errors import RequestError, shown
from negprompt.models.choices import Loading

if TYPE_CHECKING:
    from negprompt.engine import Request
    from negprompt.measure.explore import Cell, Sheet


@app.command(epilog='Example: negprompt explore "a cat on a beach" --count 8')
@loads
@reads
def explore(
    prompt: options.PromptText,
    *,
    short: probing.Short = None,
    template: probing.Template = None,
    from_: probing.FromCell = None,
    add: probing.AddTerm = None,
    probe: probing.ProbeName = "",
    model: options.ModelName = "pocket",
    steps: options.Steps = None,
    seed: options.Seed = 0,
    count: Annotated[int, typer.Option(min=2, max=10_000, help="Seeds a cell.")] = 8,
    size: options.Size = None,
    as_json: probing.AsJson = False,
    reading: Reading,
    loading: Loading,
    policy: options.Policies = None,
    policy_folder: options.PolicyFolders = None,
    out: options.Out = Path("out/ablate"),
) -> None:
    """Show a prompt alone, then at four scales without, with a short and with a template negative.

    Writes explore.png and explore.json: variety, how much of the prompt is kept, and the cost of
    each cell. Then: --from b4 --add "one more term".
    """
    if (from_ is None) != (add is None):
        raise RequestError(
            "to go on takes a cell and a term", code="cell-and-term", cure="--from b4 --add TERM"
        )
    base = options.request(
        prompt, model=model, steps=steps, loading=loading, seed=seed, count=count, size=size,
        policies=policy, policy_folders=policy_folder, **reading,
    )  # fmt: skip
    _rules_nothing_out(base)
    standing(base)
    from negprompt.engine import loaded
    from negprompt.measure import explore as room
    from negprompt.measure.ablate import gallery
    from negprompt.measure.probes import probe as named

    old = {} if from_ is None else room.held(out / "explore.json", prompt, base.dialect)
    columns = room.negatives(short or old.get("b"), template or old.get("c"), base.dialect)
    total = room.pictures(list(room.COLUMNS), count) if from_ is None else 2 * count
    say(f"{total} pictures")
    with probing.counting(total) as counter:
        place = gallery(loaded(model, loading), out, counter)
        eyes = named(probe or probing.default_probe(model))
        if from_ is not None and add is not None:
            sheet = room.further(base, from_, add, place, eyes, columns=columns)
        else:
            sheet = room.explore(base, place, eyes, columns)
    for cell in sheet.cells:
        _told(cell)
    say(room.verdict(sheet))
    name = "explore" if from_ is None else "explore-further"
    _written(sheet, place.folder / name, as_json=as_json)


def _rules_nothing_out(base: "Request") -> None:
    """Raise RequestError ``explore-negative`` for a prompt with a negative inside: its --no."""
    if ruled_out := base.divided().negative:
        raise RequestError(
            f"the prompt rules out {shown(ruled_out[0])}, and the sheet has negatives of its own",
            code="explore-negative",
            cure="take it out of the prompt, and give it with --short",
        )


def _written(sheet: "Sheet", place: Path, *, as_json: bool) -> None:
    """Write picture and data; print the data, or else both paths."""
    from negprompt.engine import written
    from negprompt.measure.explore import picture, to_json
    from negprompt.measure.sheet import png

    data = json.dumps(to_json(sheet), indent=1, ensure_ascii=False) + "\n"
    paths = (
        written.write(place.with_suffix(".png"), png(picture(sheet))),
        written.write(place.with_suffix(".json"), data.encode()),
    )
    if as_json:
        print(data, end="")
        return
    for path in paths:
        print(path)


def _told(cell: "Cell") -> None:
    from negprompt.measure.explore import words_of

    say(f"scale {cell.scale:g}  {words_of(cell)}")
