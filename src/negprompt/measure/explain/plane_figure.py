"""Baseline → its picture: the predictions on their plane, each with its thumbnail; the curves."""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Arc, ConnectionPatch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from negprompt.measure.explain.findings import Baseline, Point, TermEffect
from negprompt.measure.explain.page import (
    BLUE,
    FAINT,
    GREEN,
    GREY,
    INK,
    PALE,
    PAPER,
    RED,
    SANS,
    SOFT,
    VIOLET,
    Box,
    Page,
    end_labels,
    plain,
    printable,
)

COLOURS = {
    "unconditioned": GREY,
    "conditioned": BLUE,
    "negative": RED,
    "guided without": PALE,
    "guided": VIOLET,
    "target": GREEN,
}
TEXTS = ("unconditioned", "conditioned", "negative")
"""What stands left of the plane; what comes of it stands right."""
SAYS = {
    "unconditioned": "for the empty prompt",
    "conditioned": "for the prompt, scale 1",
    "negative": "for the negative, scale 1",
    "guided without": "with no negative",
    "guided": "away from the negative",
    "target": "for the full, true caption",
}
THUMB, CAPTION, GAP = 1.25, 0.60, 0.10
HEIGHT = 3 * (THUMB + CAPTION) + 2 * GAP
"""Inches that the whole is high: three thumbnails at each side."""
SIDE = 3.3
"""Inches that the curves take."""

Spot = NDArray[np.float64]
"""``[2]``: a place on the plane."""


def draw(
    page: Page, box: Box, baseline: Baseline, scale: float, terms: Sequence[TermEffect]
) -> None:
    """Draw into a box of HEIGHT: the plane, and beside it the curves where there is a target."""
    if baseline.target is None:
        _plane(page, box, baseline, scale)
        return
    _plane(page, Box(box.x, box.y, box.width - SIDE - 0.55, box.height), baseline, scale)
    left, each = box.right - SIDE + 0.35, box.height / 2
    wide = SIDE - 0.35
    _by_scale(page, Box(left, box.y + 0.52, wide, each - 1.15), baseline, scale)
    if terms:
        _by_terms(page, Box(left, box.y + each + 0.52, wide, each - 1.30), baseline, terms)


def _plane(page: Page, box: Box, baseline: Baseline, scale: float) -> None:
    rail = THUMB + 0.22
    axes = page.axes(Box(box.x + rail, box.y, box.width - 2 * rail, box.height - 0.32))
    _frame(axes, baseline)
    _arrows(axes, baseline, scale)
    for point in baseline.points:
        _dot(axes, point)
    texts = [point for point in baseline.points if point.name in TEXTS]
    ends = [point for point in baseline.points if point.name in COLOURS and point not in texts]
    _rail(page, Box(box.x, box.y, THUMB, box.height), axes, texts, edge=1.0)
    _rail(page, Box(box.right - THUMB, box.y, THUMB, box.height), axes, ends, edge=0.0)


def _frame(axes: Axes, baseline: Baseline) -> None:
    """Limits with air around every point, one unit for both axes, a soft grid."""
    xs, ys = [p.x for p in baseline.points], [p.y for p in baseline.points]
    box = axes.get_window_extent()
    needed = [1.24 * max(max(values) - min(values), 0.5) for values in (xs, ys)]
    unit = max(needed[0] / box.width, needed[1] / box.height)  # of the data, per pixel
    for limit, values, pixels in ((axes.set_xlim, xs, box.width), (axes.set_ylim, ys, box.height)):
        middle = (max(values) + min(values)) / 2
        limit(middle - unit * pixels / 2, middle + unit * pixels / 2)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(nbins=9, integer=True))
    axes.grid(visible=True, color=FAINT, linewidth=0.5, alpha=0.8)
    axes.tick_params(colors=SOFT, labelsize=7.5, length=0, pad=2, labelfontfamily=SANS[0])
    axes.set_axisbelow(True)
    axes.set_xlabel(
        "in arrows: 1 = from unconditioned to conditioned; plain guidance at scale s ends at s",
        fontsize=7.5, color=SOFT, family=SANS, labelpad=3,
    )  # fmt: skip


def _arrows(axes: Axes, baseline: Baseline, scale: float) -> None:
    at = {point.name: np.array([point.x, point.y]) for point in baseline.points}
    u, p, n = at["unconditioned"], at["conditioned"], at["negative"]
    _arrow(axes, u, n, RED, width=1.1, dashed=True)
    _line(axes, (u, p, at["guided without"]), PALE, scale)
    _line(axes, (n, p, at["guided"]), VIOLET, scale)
    _turned(axes, p, p - u, p - n, baseline.turn)
    if "target" in at:
        for name in ("guided without", "guided"):
            axes.plot(
                *zip(at[name], at["target"], strict=True),
                color=GREEN, linewidth=1, linestyle=(0, (1.5, 2.5)), zorder=2,
            )  # fmt: skip
    best = baseline.nearest
    if best is not None and 1 < best < scale:
        axes.plot(*(p + (best - 1) * (p - n)), "o", mec=VIOLET, mfc=PAPER, ms=7, mew=1.6, zorder=5)
        _note(axes, p + (best - 1) * (p - n), f"nearest: {best:.1f}", VIOLET, (-8, 6))


def _line(axes: Axes, arrow: Sequence[Spot], colour: str, scale: float) -> None:
    """The arrow from a baseline to the prompt, and on to the guided prediction; scales as ticks."""
    b, p, g = arrow
    axes.plot(*zip(b, p, strict=True), color=colour, linewidth=3.2, zorder=3)
    if scale > 1:
        _arrow(axes, p, g, colour, width=1.8)
    along = p - b
    length = math.hypot(*along)
    if length < 1e-6:
        return
    across = np.array([-along[1], along[0]]) / length
    for mark in range(2, math.ceil(scale)):
        place, half = b + mark * along, 0.05 * across * _span(axes) / 6
        axes.plot(*zip(place - half, place + half, strict=True), color=colour, lw=1.2, zorder=3)
        if scale <= 12 or mark % 5 == 0:
            _note(axes, place, str(mark), colour, (0, 5), size=7)


def _span(axes: Axes) -> float:
    low, high = axes.get_xlim()
    return high - low


def _turned(axes: Axes, p: Spot, plain_arrow: Spot, arrow: Spot, turn: float | None) -> None:
    """The angle at the prompt between where guidance goes without the negative and with it."""
    if turn is None or turn < 2:
        return
    first = math.degrees(math.atan2(plain_arrow[1], plain_arrow[0]))
    last = math.degrees(math.atan2(arrow[1], arrow[0]))
    size = 0.26 * _span(axes)
    low, high = min(first, last), max(first, last)
    axes.add_patch(
        Arc(tuple(p), size, size, theta1=low, theta2=high, color=INK, linewidth=1, zorder=4)
    )
    middle = math.radians((low + high) / 2)
    place = p + 0.64 * size * np.array([math.cos(middle), math.sin(middle)])
    axes.text(
        place[0], place[1], f"{turn:.0f}°", color=INK, fontsize=9, ha="center", va="center",
        weight="bold", family=SANS, zorder=6,
        bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1, "alpha": 0.85},
    )  # fmt: skip


def _arrow(
    axes: Axes, start: Spot, stop: Spot, colour: str, *, width: float,
    dashed: bool = False,
) -> None:  # fmt: skip
    axes.annotate(
        "", xy=tuple(stop), xytext=tuple(start), zorder=3,
        arrowprops={
            "arrowstyle": "-|>,head_width=0.28,head_length=0.55", "color": colour,
            "linewidth": width, "linestyle": (0, (3, 2)) if dashed else "-",
            "shrinkA": 0, "shrinkB": 3,
        },
    )  # fmt: skip


def _note(
    axes: Axes, place: Spot, words: str, colour: str, offset: tuple[float, float],
    *, size: float = 8,
) -> None:  # fmt: skip
    side = "center" if offset[0] == 0 else "left" if offset[0] > 0 else "right"
    axes.annotate(
        printable(words), tuple(place), xytext=offset, textcoords="offset points", color=colour,
        fontsize=size, family=SANS, ha=side, zorder=6,
        parse_math=False,
    )  # fmt: skip


def _dot(axes: Axes, point: Point) -> None:
    colour = COLOURS.get(point.name, RED)
    marker, size = ("*", 17.0) if point.name == "target" else ("o", 8.0)
    if point.name not in COLOURS:
        size = 5.0
        _note(axes, np.array([point.x, point.y]), point.name.split()[-1], colour, (6, -3))
    axes.plot(point.x, point.y, marker, color=colour, ms=size, mec=PAPER, mew=1.2, zorder=7)


def _rail(page: Page, box: Box, axes: Axes, points: Sequence[Point], *, edge: float) -> None:
    """Thumbnails below one another, each tied to its point; ``edge`` is the side that faces it."""
    pitch = THUMB + CAPTION + GAP
    top = box.y + (3 - len(points)) * pitch / 2
    for row, point in enumerate(sorted(points, key=lambda point: -round(point.y, 3))):
        y, colour = top + row * pitch, COLOURS[point.name]
        small = page.picture(Box(box.x, y, THUMB, THUMB), point.picture, edge=colour, line=2.4)
        page.figure.add_artist(
            ConnectionPatch(
                (edge, 0.5), (point.x, point.y), small.transAxes, axes.transData,
                color=colour, linewidth=0.9, alpha=0.75, zorder=2,
            )
        )  # fmt: skip
        page.text(box.x, y + THUMB + 0.06, point.name, size=9.5, bold=True, colour=colour)
        page.text(box.x, y + THUMB + 0.23, SAYS[point.name], size=7.5, colour=SOFT)
        page.text(box.x, y + THUMB + 0.38, _far(point), size=7.5, colour=INK)


def _far(point: Point) -> str:
    """Distances of a point in words."""
    off = f"{point.off:.2f} off the plane" if point.off >= 0.005 else ""
    if point.name == "target":
        return off or "in the plane"
    to = "" if point.to_target is None else f"{point.to_target:.2f} to target"
    return " · ".join(part for part in (to, off) if part)


def _by_scale(page: Page, box: Box, baseline: Baseline, scale: float) -> None:
    """Distance to the target against scale; its square is a parabola, so the curve is exact."""
    page.text(box.x - 0.35, box.y - 0.42, "Distance to the target, by scale", size=9.5, bold=True)
    axes = page.axes(box)
    fine = np.linspace(baseline.scales[0], max(baseline.scales[-1], scale), 200)
    pairs = (
        (baseline.by_scale_without, PALE, "without", baseline.nearest_without),
        (baseline.by_scale, VIOLET, "with", baseline.nearest),
    )
    lowest: list[float] = []
    ends: list[tuple[float, str, str]] = []
    for row, (values, colour, name, best) in enumerate(pairs):
        parabola = np.polynomial.Polynomial.fit(baseline.scales, np.square(values), 2)
        axes.plot(fine, np.sqrt(np.maximum(parabola(fine), 0)), color=colour, linewidth=1.8)
        axes.plot(baseline.scales, values, "o", color=colour, ms=4, clip_on=False)
        ends.append((float(np.sqrt(max(parabola(fine[-1]), 0))), colour, name))
        if best is not None and fine[0] <= best <= fine[-1]:
            lowest.append(float(np.sqrt(max(parabola(best), 0))))
            axes.plot(best, lowest[-1], "o", mec=colour, mfc=PAPER, ms=8, mew=1.6, zorder=5)
            _note(axes, np.array([best, lowest[-1]]), f"{best:.1f}", colour, (0, -13 if row else 8))
    axes.axvline(scale, color=INK, linewidth=0.8, linestyle=(0, (2, 3)))
    axes.annotate(
        f"this run: {scale:g}", (scale, 1), xycoords=("data", "axes fraction"), xytext=(3, -2),
        textcoords="offset points", fontsize=7.5, color=SOFT, va="top", family=SANS,
    )  # fmt: skip
    plain(axes, xticks=[1, 2, 3, 4, 5, 7, 10])
    top = axes.get_ylim()[1]
    axes.set_ylim(min(0, min(lowest, default=top) - 0.16 * top), top)
    axes.set_xlim(0.8, fine[-1])
    end_labels(axes, ends)
    axes.set_yticks([tick for tick in MaxNLocator(5).tick_values(0, top) if 0 <= tick <= top])


def _by_terms(page: Page, box: Box, baseline: Baseline, terms: Sequence[TermEffect]) -> None:
    page.text(
        box.x - 0.35, box.y - 0.42, "Distance to the target, term by term", size=9.5, bold=True
    )
    axes = page.axes(box)
    values = baseline.by_terms
    axes.plot(range(len(values)), values, color=VIOLET, linewidth=1.4, zorder=2)
    axes.plot(0, values[0], "o", color=PALE, ms=7, zorder=3)
    axes.plot(range(1, len(values)), values[1:], "o", color=VIOLET, ms=5.5, zorder=3)
    names = ["none", *(f"+ {page.fit(term.text, 1.1, size=8)}" for term in terms)]
    plain(axes, xticks=range(len(values)))
    few = len(names) <= 10
    align: Literal["center", "right"] = "center" if len(names) <= 3 else "right"
    axes.set_xticklabels(
        [printable(name) for name in names] if few else [str(i) for i in range(len(names))],
        rotation=0 if align == "center" or not few else 28, ha=align if few else "center",
        parse_math=False,
    )  # fmt: skip
    axes.set_xlim(-0.35, len(values) - 0.65)
    low, high = min(values), max(values)
    air = max(0.25 * (high - low), 0.05 * high, 1e-6)
    axes.set_ylim(max(0, low - air), high + air)
    axes.yaxis.set_major_locator(MaxNLocator(5))
