"""Figures of a card → a Markdown page, and one JSON object."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from negprompt.measure.card import SCALE, STEPS, Figure
from negprompt.measure.statistics import Interval


def to_json(figures: Sequence[Figure]) -> dict[str, Any]:
    """What ``bench --suite card --json`` prints."""
    return {"scale": SCALE, "steps": STEPS, "figures": [figure.to_json() for figure in figures]}


def markdown(figures: Sequence[Figure]) -> str:
    """One table for each section; a figure that misses its aim by a judge is marked."""
    parts = [
        f"## {section[0].upper()}{section[1:]}\n\n{_table(list(group))}"
        for section, group in groupby(figures, key=lambda figure: figure.section)
    ]
    return "\n".join(parts)


def line(figure: Figure) -> str:
    """One figure in one line of plain text."""
    rates = (f"{judge} {shown(one)}{_mark(figure, judge)}" for judge, one in figure.by.items())
    aim = f", aim {_aim(figure.aim)}" if figure.aim else ""
    world = "" if figure.world is None else f", world {number(figure.world)}"
    return f"{figure.section}: {figure.name}: {', '.join(rates)}{world}, n {figure.n}{aim}"


def shown(interval: Interval) -> str:
    """The rate with its interval: ``.94 [.92, .96]``."""
    return f"{number(interval.rate)} [{number(interval.lo)}, {number(interval.hi)}]"


def number(value: float) -> str:
    """Two decimals without a leading zero: ``.05``, ``1.00``, ``-.12``."""
    text = f"{value:.2f}"
    text = "0.00" if text == "-0.00" else text
    return text.replace("0.", ".", 1) if abs(value) < 0.995 else text


def _table(figures: Sequence[Figure]) -> str:
    judges = list(figures[0].by)
    world = any(figure.world is not None for figure in figures)
    headings = ["", *(["world"] if world else []), *(f"{j} judge" for j in judges), "n", "aim"]
    lines = [_line(headings), _line(["---"] * len(headings))]
    lines += [_line(_cells(figure, judges, world=world)) for figure in figures]
    return "\n".join(lines) + "\n"


def _cells(figure: Figure, judges: Sequence[str], *, world: bool) -> list[str]:
    rates = [shown(figure.by[judge]) + _mark(figure, judge) for judge in judges]
    own = [number(figure.world) if figure.world is not None else ""] if world else []
    return [figure.name, *own, *rates, str(figure.n), _aim(figure.aim)]


def _mark(figure: Figure, judge: str) -> str:
    return " ✗" if figure.met(judge) is False else ""


def _aim(aim: tuple[float, float] | None) -> str:
    if aim is None:
        return ""
    low, high = aim
    return f"≥ {number(low)}" if high == 1 else f"{number(low)} to {number(high)}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
