"""Findings → one picture of small panels, one for each: points by both judges with intervals."""

import io
from collections.abc import Mapping, Sequence
from math import ceil, isfinite
from typing import Final

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Sheet

from negprompt.measure.page import number
from negprompt.measure.phenomena.run import Finding, Report
from negprompt.measure.protocol.figures import Figure

COLUMNS: Final = 3
INK: Final = {"first": "#1f4e8c", "second": "#c2571a"}
"""Colours of the judges."""


def png(report: Report) -> bytes:
    """The picture as PNG; the same report gives the same bytes."""
    rows = max(1, ceil(len(report.findings) / COLUMNS))
    sheet = Sheet(figsize=(4.2 * COLUMNS, 3.4 * rows), dpi=110, layout="constrained")
    FigureCanvasAgg(sheet)
    for k, finding in enumerate(report.findings):
        axes = sheet.add_subplot(rows, COLUMNS, k + 1)
        if finding.saying.by_concept:
            _concepts(axes, finding, report.odds)
        else:
            _ways(axes, finding)
        axes.set_title(f"{finding.saying.name}: {finding.verdict()}", fontsize=10)
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    out = io.BytesIO()
    sheet.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _ways(axes: Axes, finding: Finding) -> None:
    """Each way's own figure."""
    names = list(finding.points["first"])
    _points(axes, names, finding.points)
    axes.set_xlabel(finding.saying.measure.name, fontsize=8)


def _concepts(axes: Axes, finding: Finding, odds: Mapping[str, float]) -> None:
    """The contrast of each concept, rarely named ones first."""
    names = [name for name in odds if name in finding.concepts["first"]]
    points = {
        judge: {f"{name} ({number(odds[name])})": found[name] for name in names}
        for judge, found in finding.concepts.items()
    }
    _points(axes, list(points["first"]), points)
    axes.axvline(0, color="#999999", linewidth=0.8)
    axes.set_xlabel("contrast, by concept (naming rate × prevalence)", fontsize=8)


def _points(
    axes: Axes, names: Sequence[str], points: Mapping[str, Mapping[str, Figure | None]]
) -> None:
    for turn, (judge, found) in enumerate(points.items()):
        for place, name in enumerate(names):
            figure = found[name]
            if figure is None or not isfinite(figure.interval.rate):
                continue
            at, y = figure.interval, place + 0.22 * turn - 0.11
            axes.plot(at.rate, y, "o" if judge == "first" else "s", color=INK[judge], markersize=4)
            if isfinite(at.lo) and isfinite(at.hi):
                axes.plot((at.lo, at.hi), (y, y), color=INK[judge], linewidth=1)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
