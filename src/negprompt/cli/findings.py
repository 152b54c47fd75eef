"""``negprompt bench --suite findings``: what is said of negatives, held against pictures."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from negprompt.cli.probing import counting
from negprompt.cli.protocol import speed
from negprompt.cli.terminal import clock, notices, say
from negprompt.errors import RequestError

if TYPE_CHECKING:
    from negprompt.measure.phenomena.run import Extent, Report


def asked(given: dict[str, Any], only: str | None, *, quick: bool) -> "Extent":
    """What a command line asks for, checked before anything is loaded.

    Raises RequestError ``saying-unknown``, ``option-not-here``, and what Request raises.
    """
    from negprompt.engine import Request
    from negprompt.measure.phenomena import run

    if "scale" in given:
        raise RequestError(
            f"the findings have scales of their own, and --scale {given['scale']:g} was given",
            code="option-not-here",
            cure="leave it out",
        )
    if only is not None:
        given["sayings"] = run.sayings_of(only)
    if quick:
        given = {"prompts": 6, "seeds": 4} | given
    found = run.Extent(**given)
    Request(prompt="", steps=found.steps, seed=found.seed, count=found.seeds)
    return found


def measured(
    extent: "Extent", model: str, out: Path, *, estimate: bool, anew: bool, as_json: bool
) -> None:
    """Measure the findings, say what it takes, and write what was found."""
    from negprompt.engine import loaded, writable
    from negprompt.guidance.rules import cfg
    from negprompt.measure.compare import foreign
    from negprompt.measure.memory import folder_of
    from negprompt.measure.phenomena import run, written
    from negprompt.measure.protocol.pictures import Stand
    from negprompt.measure.protocol.run import identity
    from negprompt.world.judge import load

    found = loaded(model)
    judges = {"first": load("first"), "second": load("second")}
    notices(foreign(found))
    name, (pictures, passes) = identity(found, judges), extent.cost
    say(f"{name}, findings: {pictures} pictures, about {passes} model passes")
    if estimate:
        seconds = passes / speed(found, 2.0, extent.steps)
        say(f"about {clock(seconds)} on this machine, as busy as it is now")
        return
    folder = writable(out)
    with counting(pictures) as counter:
        stand = Stand(
            model=found, judges=judges, makers={"cfg": cfg}, folder=folder_of(name), anew=anew,
            on_images=counter,
        )  # fmt: skip
        report = run.findings(stand, extent, name, lambda one: say(written.summary(one)))
    _write(report, folder, as_json=as_json)


def _write(report: "Report", folder: Path, *, as_json: bool) -> None:
    from negprompt.engine.written import write
    from negprompt.measure.phenomena import figure, written

    parts = {
        "findings.md": written.page(report).encode(),
        "findings.json": written.dumped(report).encode(),
        "findings.png": figure.png(report),
    }
    paths = [write(folder / name, data) for name, data in parts.items()]
    if as_json:
        print(json.dumps(written.to_json(report), ensure_ascii=False))
        return
    for path in paths:
        print(path)
