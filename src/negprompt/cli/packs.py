"""``negprompt bench --suite packs``: what the pocket model's packs do, whole and term by term."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from negprompt.cli.probing import counting
from negprompt.cli.protocol import speed
from negprompt.cli.terminal import clock, notices, say

if TYPE_CHECKING:
    from negprompt.measure.arms import Setting
    from negprompt.measure.packs.run import Found, Report


def asked(given: dict[str, Any], *, quick: bool) -> "Setting":
    """What a command line asks for, checked before anything is loaded.

    Raises RequestError ``enforced-inert``, and what Request raises.
    """
    from negprompt.measure.arms import Setting
    from negprompt.measure.packs.run import FULL, QUICK, arms

    n = given.pop("seeds", QUICK if quick else FULL)
    setting = Setting(n=n, **given)
    arms(setting)
    return setting


def measured(
    setting: "Setting", model: str, judge: str, out: Path,
    *, estimate: bool, anew: bool, as_json: bool,
) -> None:  # fmt: skip
    """Measure the packs, say what it takes, and write what was found."""
    from negprompt.engine import loaded, writable
    from negprompt.measure.arms import Bench
    from negprompt.measure.compare import foreign
    from negprompt.measure.memory import memory
    from negprompt.measure.packs import run, written
    from negprompt.measure.protocol.run import identity
    from negprompt.world.judge import load

    found = loaded(model)
    judges = {"first": load("first"), "second": load("second")}
    notices(foreign(found))
    name, pictures = identity(found, judges), setting.n * len(run.arms(setting))
    passes = 2 * setting.steps * pictures
    say(f"{name}, packs: {pictures} pictures, about {passes} model passes at most")
    if estimate:
        seconds = passes / speed(found, setting.scale, setting.steps)
        say(f"about {clock(seconds)} on this machine, as busy as it is now")
        return
    folder = writable(out)

    def told(one: "Found") -> None:
        for line in written.summary(one):
            say(line)

    with counting(pictures) as counter:
        kept = memory(found.pipe, judges)
        bench = Bench(found, judges, kept, anew=anew, on_images=counter)
        report = run.measure(bench, setting, judge, name, told)
    _write(report, folder, as_json=as_json)


def _write(report: "Report", folder: Path, *, as_json: bool) -> None:
    from negprompt.engine.written import write
    from negprompt.measure.packs import written

    parts = {"packs.md": written.page(report), "packs.json": written.dumped(report)}
    paths = [write(folder / name, text.encode()) for name, text in parts.items()]
    if as_json:
        print(json.dumps(written.to_json(report), ensure_ascii=False))
        return
    for path in paths:
        print(path)
