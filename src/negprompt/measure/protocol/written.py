"""A report → JSON, CSV and Markdown."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any

from negprompt.measure.page import number
from negprompt.measure.protocol.figures import BY_JUDGE, METRICS, Figure, differ
from negprompt.measure.protocol.pictures import DETECTOR
from negprompt.measure.protocol.run import Line, Report, Table

VERSION = 1
"""Of the form of the JSON."""


def to_json(report: Report) -> dict[str, Any]:
    """What ``bench --suite screening --json`` prints."""
    suite = report.suite
    return {
        "version": VERSION,
        "id": report.id,
        "suite": suite.name,
        "model": report.model,
        "scale": suite.scale,
        "steps": suite.steps,
        "seed": suite.seed,
        "rules": list(report.rules),
        "detector": DETECTOR,
        "arms": [_table(table) for table in report.tables],
    }


def dumped(report: Report) -> str:
    """The JSON as text."""
    return json.dumps(to_json(report), indent=1, ensure_ascii=False) + "\n"


def to_csv(report: Report) -> str:
    """One row for each figure of each judge."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(
        ("id", "suite", "arm", "method", "metric", "judge", "rate", "lo", "hi", "n", "disputed")
    )
    for table in report.tables:
        for line in table.lines:
            for metric in METRICS:
                for judge, found in line.by.items():
                    if (figure := found[metric]) is not None:
                        ends = (figure.interval.rate, figure.interval.lo, figure.interval.hi)
                        disputed = int(line.disputed(metric))
                        head = (
                            report.id,
                            report.suite.name,
                            table.part.arm,
                            line.name,
                            metric,
                            judge,
                        )
                        rows.writerow((*head, *(f"{v:.4g}" for v in ends), figure.n, disputed))
    return out.getvalue()


def markdown(report: Report, judge: str = "first") -> str:
    """A table for each arm and judge, the one whose word counts first."""
    suite = report.suite
    head = [
        f"# {report.id}: {suite.name}\n",
        f"Model {report.model}, scale {suite.scale:g}, seeds from {suite.seed}.",
        "95 % intervals count prompts. `world` is what is true, measured in the same way.",
        f"`reject` looks with the {DETECTOR} judge: only the other one's word counts for it.",
        "A figure with ≠ is followed by the other judge's, which lies outside the interval.\n",
        *(f"- {name}: {about}" for name, about in METRICS.items()),
        "",
    ]
    return "\n".join([*head, *(part for t in report.tables for part in _sections(t, judge))])


def summary(table: Table, judge: str = "first") -> list[str]:
    """An arm in lines of plain text: what was avoided and what it cost."""
    part = table.part
    lines = [f"{part.arm}: {part.about}; {len(part.cases)} prompts × {part.seeds} seeds"]
    for line in table.lines:
        told = (
            f"{name} {_shown(line, name, judge)}"
            for name in ("avoided", "subject", "collateral", "passes per success")
            if line.by[judge][name] is not None
        )
        lines.append(f"  {line.name:24} {', '.join(told)}")
    return lines


def _sections(table: Table, judge: str) -> Iterator[str]:
    part = table.part
    yield f"## {part.arm}\n"
    about = f"{part.about[0].upper()}{part.about[1:]}"
    yield f"{about}. {len(part.cases)} prompts × {part.seeds} seeds, {part.steps} steps."
    if table.unmeasurable:
        left = ", ".join(table.unmeasurable)
        yield f"Judges cannot be believed on {left}: in no figure of what was avoided."
    names = [judge, *(other for other in table.lines[0].by if other != judge)]
    for name in names:
        yield f"\nBy the {name} judge:\n"
        yield _row(("", *METRICS))
        yield _row(["---"] * (len(METRICS) + 1))
        for line in table.lines:
            yield _row((line.name, *(_shown(line, metric, name) for metric in METRICS)))
    yield ""


def _shown(line: Line, metric: str, judge: str) -> str:
    """``.94 [.92, .96] ≠ .80``."""
    figure = line.by[judge][metric]
    if figure is None:
        return "–"
    rate, lo, hi = (_number(v) for v in _ends(figure))
    told = rate if lo == rate == hi else f"{rate} [{lo}, {hi}]"
    other = next((found[metric] for name, found in line.by.items() if name != judge), None)
    if metric in BY_JUDGE and other is not None and differ(figure, other):
        told += f" ≠ {_number(other.interval.rate)}"
    return told


def _number(value: float) -> str:
    if not isfinite(value):
        return "∞" if value > 0 else "-∞"
    return number(value) if abs(value) < 100 else f"{value:.0f}"


def _ends(figure: Figure) -> tuple[float, float, float]:
    return figure.interval.rate, figure.interval.lo, figure.interval.hi


def _table(table: Table) -> dict[str, Any]:
    part = table.part
    cases = [
        {"prompt": c.prompt, "negative": c.negative, "targets": [*c.targets], "antonym": c.antonym}
        for c in part.cases
    ]
    return {
        "arm": part.arm,
        "about": part.about,
        "steps": part.steps,
        "seeds": part.seeds,
        "unmeasurable": list(table.unmeasurable),
        "cases": cases,
        "rows": [_line(line) for line in table.lines],
    }


def _line(line: Line) -> dict[str, Any]:
    method = None if line.method is None else asdict(line.method)
    figures = {
        metric: {judge: _figure(found[metric]) for judge, found in line.by.items()}
        for metric in METRICS
    }
    disputed = [metric for metric in METRICS if line.disputed(metric)]
    return {"name": line.name, "method": method, "figures": figures, "disputed": disputed}


def _figure(figure: Figure | None) -> dict[str, Any] | None:
    """A figure; an end that is not bounded is null, which JSON can say."""
    if figure is None:
        return None
    ends = zip(("rate", "lo", "hi"), _ends(figure), strict=True)
    return {k: float(f"{v:.6g}") if isfinite(v) else None for k, v in ends} | {"n": figure.n}


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
