"""What the packs did → the page ``packs.md`` and ``packs.json``."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from negprompt.measure.counted import HEAD, Row, markdown
from negprompt.measure.packs.evidence import COMMAND
from negprompt.measure.packs.run import THE_SUBJECT, WANTED, Found, Report
from negprompt.measure.page import number, shown
from negprompt.world.factors import STYLES

VERSION: Final = 1
"""Of the form of the JSON."""
WAITING: Final = "Not yet run on these weights."
HEADING: Final = f"""# Packs, measured

What the packs for the pocket model do ([policies.md](policies.md)): each whole, and each of its
terms alone, without and with, on the same seeds. `{COMMAND} --out docs` writes
this page and `packs.json`; `--estimate` says how long it would take. A run that was killed goes on
where it was, and pictures that `--suite negatives` has looked at are not made again.

Prompts name subject, colour and place and are silent about what the packs name. They stand in the
code (`measure/packs/run.py`) and were chosen by the table of the [world](world.md); none was
changed after its pictures were counted. The [bots](bots.md)' tables of 16 seeds, on most of them,
were there before. The medical pack's are in a room, as its bot's: in a studio this model was known
to draw hardly a cartoon. The brand pack first said `neon palette` and `rival logo`, which captions
say seldom: of 96 pictures it left the logo as it was (.23 → .21, p .75), so it says `neon` and
`logo` since. A pack acts as in `negprompt generate --policy` where no other negative is
given.

*without* and *with* are shares of the pictures in which a judge gives the thing more than one half,
means over the prompts with 95 % intervals; *change* is their difference on the same seeds; *gone*
and *new* count the seeds on which it went and came; p is McNemar's. *way* says falls or rises where
the interval of the change leaves out 0, else open. Intervals and p are not corrected for their
number: of twenty, one may miss. `?` marks what judge and eye agree on too seldom
([world.md](world.md)): what a judge says of a style is no proof. The column *with* is what is left:
a pack steers and promises nothing else.
"""


def page(report: Report | None) -> str:
    """The whole page; without a report it says that nothing was measured."""
    if report is None:
        return f"{HEADING}\n{WAITING}\n"
    setting = report.setting
    seeds = f"seeds {setting.seed} to {setting.seed + setting.n - 1} of each prompt"
    size = f"{seeds}, scale {setting.scale:g}, {setting.steps} steps"
    parts = [HEADING, f"`{report.id}`, model {report.model}: {size}.", "", *_overview(report)]
    for found in report.found:
        parts += [f"## `{found.pack.layer.name}`\n", *_told(found)]
    return "\n".join(parts)


def to_json(report: Report) -> dict[str, Any]:
    """What ``bench --suite packs --json`` prints."""
    setting = report.setting
    return {
        "version": VERSION,
        "id": report.id,
        "suite": "packs",
        "model": report.model,
        "scale": setting.scale,
        "steps": setting.steps,
        "seed": setting.seed,
        "n": setting.n,
        "judge": report.judges[0],
        "packs": {found.pack.layer.name: _found(found) for found in report.found},
    }


def dumped(report: Report) -> str:
    """The JSON as text."""
    return json.dumps(to_json(report), indent=1, ensure_ascii=False) + "\n"


def summary(found: Found) -> Iterator[str]:
    """Yield what the first of the judges saw under the whole pack, in lines of plain text."""
    yield f"{found.pack.layer.name}: {found.negative}"
    judge = found.whole[0].judge
    for one in (row for row in found.whole if row.judge == judge):
        rates = f"{shown(one.without)} → {shown(one.steered)}"
        yield f"  {one.cells()[0]}: {one.way}, {rates}, p {one.p_value:.2g}"


def _overview(report: Report) -> Iterator[str]:
    """Yield what each whole pack is for, and which way that went."""
    rows = []
    for found in report.found:
        wanted = WANTED.get(found.pack.layer.name, ("",))[0]
        for what in dict.fromkeys(r.what for r in found.whole if r.what != THE_SUBJECT):
            same = [r for r in found.whole if r.what == what]
            shall = "rises" if what == wanted else "falls"
            cells = [f"{r.way}, {number(r.without.rate)} → {shown(r.steered)}" for r in same]
            rows.append([f"`{found.pack.layer.name}`", same[0].cells()[0], shall, *cells])
    judges = [f"{judge} judge" for judge in report.judges]
    yield markdown(["pack", "seen", "is to", *judges], rows)


def _told(found: Found) -> Iterator[str]:
    """Yield prompts, negative and both tables."""
    yield f"{'; '.join(found.pack.prompts)}.\n"
    if found.pack.layer.name in WANTED:
        left = 1 - sum(STYLES[name] for name in found.pack.terms.values())
        words, style = WANTED[found.pack.layer.name]
        share = f"{number(STYLES[style])} of the world's scenes have it, and"
        yield f"Of the {words}: {share} {number(STYLES[style] / left)} of those without the rest.\n"
    yield f"The whole pack, `{found.negative}`:\n"
    yield _table(found.whole)
    yield "Each term alone:\n"
    yield _table(found.alone)


def _table(rows: Sequence[Row]) -> str:
    return markdown([*HEAD, "way"], [[*one.cells(), one.way] for one in rows])


def _found(found: Found) -> dict[str, Any]:
    layer = found.pack.layer
    return {
        "version": layer.version,
        "mode": layer.mode,
        "negative": found.negative,
        "prompts": list(found.pack.prompts),
        "terms": list(found.pack.terms),
        "whole": [row.to_json() for row in found.whole],
        "alone": [row.to_json() for row in found.alone],
    }
