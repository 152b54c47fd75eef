"""``negprompt bench``: whether negatives do what they say, and how good model and judges are."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from negprompt.cli import options
from negprompt.cli.shell import app
from negprompt.cli.terminal import notices, progress, say
from negprompt.errors import RequestError

if TYPE_CHECKING:
    from negprompt.cli.terminal import OnStep
    from negprompt.measure.arms import Bench

Suite = Literal["negatives", "card"]


@app.command(epilog="Example: negprompt bench --suite negatives --quick")
def bench(
    *,
    suite: Annotated[
        Suite, typer.Option(help="negatives: each one on paired seeds. card: model and judges.")
    ] = "negatives",
    quick: Annotated[
        bool, typer.Option("--quick", help="The same with few seeds, in a few minutes.")
    ] = False,
    seeds: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=10_000,
            help="Paired seeds a row: 64, or 8 when quick.",
            show_default=False,
        ),
    ] = None,
    scale: Annotated[
        float | None,
        typer.Option("--scale", "--cfg", help="Guidance scale of all rows: 2.", show_default=False),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Denoising steps: 25.", show_default=False)
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the first picture of an arm: 0.", show_default=False)
    ] = None,
    judge: Annotated[
        Literal["first", "second"],
        typer.Option(help="Whose word counts; the second judge was used for no tuning."),
    ] = "first",
    model: options.ModelName = "pocket",
    anew: Annotated[
        bool, typer.Option("--anew", help="Forget what an earlier run measured.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where card.md and card.json are written.")
    ] = Path("out"),
) -> None:
    """Measure what negatives do, or how good model and judges are.

    Finished batches are kept in the user's cache, so an interrupted bench goes on where it was.
    """
    given = {"seeds": seeds, "scale": scale, "steps": steps, "seed": seed}
    given = {name: value for name, value in given.items() if value is not None}
    try:
        if suite == "card":
            _card(model, out, given, quick=quick, anew=anew, as_json=as_json)
        else:
            _negatives(model, judge, given, quick=quick, anew=anew, as_json=as_json)
    except KeyboardInterrupt:
        say("what is measured is kept: the same command goes on from here")
        raise


def _negatives(
    model: str, judge: str, given: dict[str, Any], *, quick: bool, anew: bool, as_json: bool
) -> None:
    from negprompt.measure import tally
    from negprompt.measure.arms import Setting
    from negprompt.measure.bench import FULL, QUICK, negatives, pictures

    n = given.pop("seeds", QUICK if quick else FULL)
    setting = Setting(n=n, **given)
    say(tally.HEADING)
    with progress("pictures") as on_step:
        bench = _bench(model, pictures(setting), on_step, anew=anew)
        report = negatives(bench, judge, setting, lambda found: say(tally.line(found)))
    for line in tally.summary(report):
        say(line)
    if as_json:
        print(json.dumps(report.to_json()))


def _card(
    model: str, out: Path, given: dict[str, Any], *, quick: bool, anew: bool, as_json: bool
) -> None:
    if given:
        named = " and ".join(f"--{name}" for name in given)
        raise RequestError(
            f"the card is measured at settings of its own, and {named} was given",
            code="card-fixed",
            cure=f"leave {named} out, or take --suite negatives",
        )
    from negprompt.engine import writable, written
    from negprompt.measure import card, page

    folder = writable(out)
    extent = card.QUICK if quick else card.Extent()
    with progress("pictures") as on_step:
        bench = _bench(model, extent.pictures, on_step, anew=anew)
        figures = card.card(bench, extent, lambda figure: say(page.line(figure)))
    data = json.dumps(page.to_json(figures))
    paths = (
        written.write(folder / "card.md", page.markdown(figures).encode()),
        written.write(folder / "card.json", f"{data}\n".encode()),
    )
    if as_json:
        print(data)
        return
    for path in paths:
        print(path)


def _bench(model: str, total: int, on_step: "OnStep", *, anew: bool) -> "Bench":
    from negprompt.engine import loaded
    from negprompt.measure.arms import Bench
    from negprompt.measure.compare import foreign
    from negprompt.measure.memory import memory
    from negprompt.world.judge import load

    judges = {"first": load("first"), "second": load("second")}
    found = loaded(model)
    notices(foreign(found))
    done = 0

    def on_images(count: int) -> None:
        nonlocal done
        done += count
        on_step(done, total)

    return Bench(found, judges, memory(found.pipe, judges), anew=anew, on_images=on_images)
