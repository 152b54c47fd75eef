"""``negprompt bench``: whether negatives do what they say, and how good model and judges are."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from negprompt.cli import options, probing, protocol
from negprompt.cli.shell import app
from negprompt.cli.terminal import notices, progress, say
from negprompt.errors import RequestError

if TYPE_CHECKING:
    from negprompt.cli.terminal import OnStep
    from negprompt.measure.arms import Bench


@app.command(epilog="Example: negprompt bench --suite negatives --quick")
def bench(
    *,
    suite: protocol.SuiteName = "negatives",
    quick: protocol.Quick = False,
    seeds: protocol.Seeds = None,
    scale: protocol.BenchScale = None,
    steps: protocol.BenchSteps = None,
    seed: protocol.BenchSeed = None,
    judge: protocol.JudgeName = "first",
    model: options.ModelName = "pocket",
    anew: protocol.Anew = False,
    as_json: probing.AsJson = False,
    out: protocol.Tables = Path("out"),
    prompts: protocol.Prompts = None,
    rules: protocol.Rules = None,
    rule: protocol.OwnRules = None,
    arms: protocol.Arms = None,
    estimate: probing.Estimate = False,
) -> None:
    """Measure what negatives do, or how good model and judges are.

    Finished batches are kept in the user's cache, so an interrupted bench goes on where it was.
    """
    number, first = protocol.seeds_of(seeds, seed)
    given = {"seeds": number, "scale": scale, "steps": steps, "seed": first}
    given = {name: value for name, value in given.items() if value is not None}
    more = protocol.More(prompts, rules, tuple(rule or ()), arms, estimate, anew)
    try:
        if suite == "card":
            more.refuse(suite)
            _card(model, out, given, quick=quick, anew=anew, as_json=as_json)
        elif suite == "negatives":
            more.refuse(suite)
            _negatives(model, judge, given, quick=quick, anew=anew, as_json=as_json)
        else:
            asked = protocol.asked(suite, given, more, quick=quick)
            protocol.measured(asked, model, more, judge=judge, out=out, as_json=as_json)
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
