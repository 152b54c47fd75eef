"""``negprompt bench``: whether negatives do what they say, and how good model and judges are."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from negprompt.cli import findings, options, packs, probing, protocol
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
    only: protocol.Only = None,
    estimate: probing.Estimate = False,
) -> None:
    """Measure what negatives do, or how good model and judges are.

    Finished batches are kept in the user's cache, so an interrupted bench goes on where it was.
    """
    number, first = protocol.seeds_of(seeds, seed)
    given = {"seeds": number, "scale": scale, "steps": steps, "seed": first}
    given = {name: value for name, value in given.items() if value is not None}
    more = protocol.More(prompts, rules, tuple(rule or ()), arms, estimate, anew, only)
    more.refuse(suite)
    try:
        if suite == "card":
            _card(model, out, given, quick=quick, anew=anew, as_json=as_json)
        elif suite == "feedback":
            _feedback(model, judge, out, given, quick=quick, anew=anew, as_json=as_json)
        elif suite == "negatives":
            _negatives(model, judge, given, quick=quick, anew=anew, as_json=as_json)
        elif suite == "findings":
            asked = findings.asked(given, only, quick=quick)
            findings.measured(asked, model, out, estimate=estimate, anew=anew, as_json=as_json)
        elif suite == "packs":
            setting, how = packs.asked(given, quick=quick), {"anew": anew, "as_json": as_json}
            packs.measured(setting, model, judge, out, estimate=estimate, **how)
        else:
            wanted = protocol.asked(suite, given, more, quick=quick)
            protocol.measured(wanted, model, more, judge=judge, out=out, as_json=as_json)
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


def _feedback(
    model: str,
    judge: str,
    out: Path,
    given: dict[str, Any],
    *,
    quick: bool,
    anew: bool,
    as_json: bool,
) -> None:
    if "seeds" in given:
        raise RequestError(
            f"the suite feedback looks for its own seeds, and --seeds {given['seeds']} was given",
            code="option-not-here",
            cure="leave it out; --seed says where to begin",
        )
    from negprompt.engine import writable, written
    from negprompt.feedback import tally, trial
    from negprompt.measure.arms import Setting

    folder, setting = writable(out), Setting(n=1, **given)
    wanted = trial.QUICK if quick else trial.SESSIONS
    sessions = []
    with progress("sessions") as on_step:
        bench = _bench(model, 0, lambda _done, _total: None, anew=anew)
        judges = [judge, *(name for name in bench.judges if name != judge)]
        for session in trial.sessions(bench, judge, setting, wanted):
            sessions.append(session)
            say(tally.line(session, judge))
            on_step(len(sessions), wanted)
    if not sessions:
        raise RequestError(
            f"none of {trial.BOUND} pictures shows exactly one flaw",
            code="flaws-too-few",
            cure="take a scale at which the model draws flaws, such as --scale 2",
        )
    for line in tally.summary(sessions, judges):
        say(line)
    data = json.dumps(tally.to_json(sessions, judges, setting.scale, setting.steps))
    path = written.write(folder / "feedback.json", f"{data}\n".encode())
    print(data if as_json else path)


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
