"""A report → JSON, CSV and Markdown."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any, Final

from negprompt.measure.page import number
from negprompt.measure.protocol.figures import BY_JUDGE, METRICS, Figure, differ
from negprompt.measure.protocol.paired import PAIRED, Test
from negprompt.measure.protocol.pictures import DETECTOR
from negprompt.measure.protocol.run import Line, Report, Table
from negprompt.measure.statistics import Interval

SURE: Final = 0.05
"""Up to this p a difference has a star."""
VERSION = 2
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
        ("id", "suite", "arm", "method", "metric", "judge", "rate", "lo", "hi", "n", "disputed",
         "beside", "difference", "difference_lo", "difference_hi", "p", "opposed")
    )  # fmt: skip
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
                        tested = _tested(table, line, metric, judge)
                        digits = (f"{v:.4g}" for v in ends)
                        rows.writerow((*head, *digits, figure.n, disputed, *tested))
    return out.getvalue()


def _tested(table: Table, line: Line, metric: str, judge: str) -> tuple[object, ...]:
    """The cells of a figure beside plain guidance's; empty ones where there is no test."""
    test = line.tests.get(judge, {}).get(metric)
    if test is None:
        return ("",) * 6
    apart = test.difference
    numbers = (f"{v:.4g}" for v in (apart.rate, apart.lo, apart.hi, test.p))
    return (table.plain, *numbers, int(line.opposed(metric)))


def markdown(report: Report, judge: str = "first") -> str:
    """A table for each arm and judge, the one whose word counts first."""
    suite = report.suite
    head = [
        f"# {report.id}: {suite.name}\n",
        f"Model {report.model}, scale {suite.scale:g}, seeds from {suite.seed}.",
        "95 % intervals count prompts. `world` is what is true, measured in the same way.",
        f"`reject` looks with the {DETECTOR} judge: only the other one's word counts for it.",
        "A figure with ≠ is followed by the other judge's, which lies outside the interval.",
        f"A difference with * has p ≤ {SURE:g}, from flips of prompts, corrected (Holm).\n",
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
        yield from _differences(table, name)
    yield ""


def _differences(table: Table, judge: str) -> Iterator[str]:
    """The rows beside plain guidance."""
    yield f"\nBeside {table.plain}, on the same prompts and seeds, by the {judge} judge:\n"
    yield _row(("", *PAIRED))
    yield _row(["---"] * (len(PAIRED) + 1))
    for line in table.lines:
        if judge in line.tests:
            yield _row((line.name, *(_apart(line, metric, judge) for metric in PAIRED)))


def _apart(line: Line, metric: str, judge: str) -> str:
    """``+.03 [+.01, +.05] * ≠ -.01``."""
    test = line.tests[judge].get(metric)
    if test is None:
        return "–"
    middle, lo, hi = (_signed(v) for v in _ends_of(test.difference))
    told = f"{middle} [{lo}, {hi}]" + (" *" if test.p <= SURE else "")
    other = next((name for name in line.tests if name != judge), judge)
    if line.opposed(metric, judge, other):
        told += f" ≠ {_signed(line.tests[other][metric].difference.rate)}"
    return told


def _signed(value: float) -> str:
    return f"{'-' if value < 0 else '+'}{_number(abs(value))}"


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
    return _ends_of(figure.interval)


def _ends_of(interval: Interval) -> tuple[float, float, float]:
    return interval.rate, interval.lo, interval.hi


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
        "beside": table.plain,
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
    tests = {
        metric: {judge: _test(tests[metric]) for judge, tests in line.tests.items()
                 if metric in tests}
        for metric in PAIRED
    }  # fmt: skip
    return {
        "name": line.name, "method": method, "figures": figures, "disputed": disputed,
        "beside": {metric: found for metric, found in tests.items() if found},
        "opposed": [metric for metric in PAIRED if line.opposed(metric)],
    }  # fmt: skip


def _test(test: Test) -> dict[str, Any]:
    return {**_bounded(test.difference), "p": float(f"{test.p:.4g}"), "n": test.n}


def _figure(figure: Figure | None) -> dict[str, Any] | None:
    """A figure; an end that is not bounded is null, which JSON can say."""
    if figure is None:
        return None
    return _bounded(figure.interval) | {"n": figure.n}


def _bounded(interval: Interval) -> dict[str, Any]:
    ends = zip(("rate", "lo", "hi"), _ends_of(interval), strict=True)
    return {k: float(f"{v:.6g}") if isfinite(v) else None for k, v in ends}


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
