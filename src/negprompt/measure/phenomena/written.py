"""What is said, and what was found of it → the findings page and JSON."""

import json
from collections.abc import Iterator
from math import isfinite
from typing import Any, Final

from negprompt.measure.page import number
from negprompt.measure.phenomena.run import Finding, Report
from negprompt.measure.phenomena.sayings import SAYINGS, Saying
from negprompt.measure.protocol.figures import Figure
from negprompt.measure.statistics import Interval

VERSION: Final = 1
"""Of the form of the JSON."""
COMMAND: Final = "negprompt bench --suite findings"
WAITING: Final = "Not yet run on these weights."
HEAD: Final = f"""# Findings

What is said of negatives, held against the pocket model, where the truth is known.
`{COMMAND} --out docs` writes this page, `findings.json` and the picture; `--only NAME` takes one
finding, `--estimate` says how long it would take. A run that was killed goes on where it was. The
rules below are in the code (`measure/phenomena/sayings.py`) and were fixed before any figure.

Prompts are those of the bench's screening on concepts that judges can be believed on; no final has
one of them with the same negative ([bench.md](bench.md)). Both judges read every picture; the first
one's word is the verdict, and where the second one's word gives another the page says so. Intervals
are 95 % and count prompts; those of single concepts count pictures. The findings are not corrected
for their number: of twenty verdicts, one may be wrong by chance.
"""


def page(report: Report | None) -> str:
    """The whole page; without a report it says of each finding that it has not been run."""
    if report is None:
        parts = [part for one in SAYINGS.values() for part in (*_said(one), WAITING, "")]
        return "\n".join([HEAD, *parts])
    extent, found = report.extent, {f.saying.name: f for f in report.findings}
    size = f"{len(report.cases)} prompts × {extent.seeds} seeds from {extent.seed}"
    lines = [
        HEAD,
        f"`{report.id}`, model {report.model}: {size}, {extent.steps} steps.",
        "",
        "![findings](findings.png)",
        "",
        "| finding | what is said | first judge | second judge |",
        "|---|---|---|---|",
        *(_row(one) for one in report.findings),
        "",
    ]
    for one in SAYINGS.values():
        told = _told(found[one.name]) if one.name in found else [WAITING]
        lines += [*_said(one), *told, ""]
    return "\n".join(lines)


def to_json(report: Report) -> dict[str, Any]:
    """What ``bench --suite findings --json`` prints."""
    extent = report.extent
    return {
        "version": VERSION,
        "id": report.id,
        "suite": "findings",
        "model": report.model,
        "seeds": extent.seeds,
        "seed": extent.seed,
        "steps": extent.steps,
        "odds": {name: round(value, 4) for name, value in report.odds.items()},
        "cases": [{"prompt": c.prompt, "negative": c.negative, "antonym": c.antonym}
                  for c in report.cases],
        "findings": [_finding(finding) for finding in report.findings],
    }  # fmt: skip


def dumped(report: Report) -> str:
    """The JSON as text."""
    return json.dumps(to_json(report), indent=1, ensure_ascii=False) + "\n"


def summary(finding: Finding) -> str:
    """A finding in a line of plain text."""
    contrast = _interval(finding.contrast["first"])
    return f"{finding.saying.name}: {finding.verdict()}, {contrast}; {finding.saying.said}"


def _said(one: Saying) -> Iterator[str]:
    yield f"## `{one.name}`\n"
    yield f"{one.said} *({one.source})*\n"
    yield f"{one.rule}\n"
    yield f"```\n{COMMAND} --only {one.name}\n```\n"


def _told(finding: Finding) -> Iterator[str]:
    """The verdict, the points and the concepts."""
    yield f"**{finding.verdict()}**: {_interval(finding.contrast['first'])}."
    if finding.verdict("second") != finding.verdict():
        yield (
            f"The second judge says otherwise: {finding.verdict('second')}, "
            f"{_interval(finding.contrast['second'])}."
        )
    if finding.there:
        both = (_interval(finding.there[judge]) for judge in ("first", "second"))
        yield f"Without a negative the thing is in {' (second judge '.join(both)})."
    yield "\n| | first judge | second judge |\n|---|---|---|"
    for name in finding.points["first"]:
        yield f"| {name} | {_both(finding.points, name)} |"
    if finding.concepts:
        yield "\nThe same contrast by concept:\n\n| | first judge | second judge |\n|---|---|---|"
        for name in finding.concepts["first"]:
            yield f"| {name} | {_both(finding.concepts, name)} |"


def _row(finding: Finding) -> str:
    cells = (f"{finding.verdict(j)}, {_interval(finding.contrast[j])}" for j in ("first", "second"))
    name = finding.saying.name
    return f"| [`{name}`](#{name}) | {finding.saying.said} | {' | '.join(cells)} |"


def _both(found: Any, name: str) -> str:
    return " | ".join(_interval(found[judge][name]) for judge in ("first", "second"))


def _interval(figure: Figure | None) -> str:
    """``.12 [.05, .19]``; a dash where nothing is behind it."""
    if figure is None:
        return "–"
    ends = (figure.interval.rate, figure.interval.lo, figure.interval.hi)
    middle, lo, hi = (number(v) if isfinite(v) else "∞" for v in ends)
    return f"{middle} [{lo}, {hi}]"


def _finding(finding: Finding) -> dict[str, Any]:
    one = finding.saying
    return {
        "name": one.name,
        "said": one.said,
        "source": one.source,
        "rule": one.rule,
        "ends": [way.name for way in one.ends],
        "least": one.least,
        "verdict": {judge: finding.verdict(judge) for judge in finding.contrast},
        "contrast": {judge: _figure(found) for judge, found in finding.contrast.items()},
        "there": {judge: _figure(found) for judge, found in finding.there.items()},
        "points": _named(finding.points),
        "concepts": _named(finding.concepts),
    }


def _named(found: Any) -> dict[str, Any]:
    return {j: {name: _figure(f) for name, f in each.items()} for j, each in found.items()}


def _figure(figure: Figure | None) -> dict[str, Any] | None:
    """A figure; an end that is not bounded is null, which JSON can say."""
    return None if figure is None else _ends(figure.interval) | {"n": figure.n}


def _ends(interval: Interval) -> dict[str, float | None]:
    ends = interval.to_json().items()
    return {name: float(f"{v:.6g}") if isfinite(v) else None for name, v in ends}
