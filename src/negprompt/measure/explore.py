"""Is a negative needed at all? A prompt at five scales × no, short and template negative.

Scale 1 is the prompt alone, one pass a step: what the model itself imagines. Cells are named like
``b4``: a column for the negative, a row for the scale. All cells have the same seeds.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from negprompt.engine import BATCH, Request
from negprompt.errors import RequestError, shown
from negprompt.language import WRITERS, parse, translate
from negprompt.measure.ablate.findings import SEEN_FROM
from negprompt.measure.ablate.gallery import Gallery, Reader
from negprompt.measure.ablate.tally import layout
from negprompt.measure.effects import spread
from negprompt.measure.probes import Probe
from negprompt.measure.probes.asking import words
from negprompt.measure.sheet import Strip, draw
from negprompt.measure.statistics import Interval, wilson

SCALES: Final = (1.0, 1.5, 2.0, 4.0, 7.0)
COLUMNS: Final = {"a": "no negative", "b": "short", "c": "template"}
SHORT: Final = "low quality, blurry"
TEMPLATE: Final = (
    "lowres, (bad), text, error, fewer, extra, missing, worst quality, jpeg artifacts, low quality,"
    " watermark, unfinished, displeasing, oldest, early, chromatic aberration, signature, extra "
    "digits, artistic error, username, scan, [abstract]"
)
"""The quality negative that Animagine XL 3.1 recommends: the kind of list that people paste."""
SHOWN: Final = 2
"""Pictures of a cell on the sheet."""
_CELL: Final = re.compile(r"([abc])([1-5])")


@dataclass(frozen=True, slots=True)
class Cell:
    """One scale with one negative."""

    name: str
    scale: float
    negative: str | None
    images: tuple[Image.Image, ...]
    """The first ones."""
    n: int
    passes: int | None
    """Rows of the model an image."""
    variety: float
    """Mean distance between the cell's pictures, in [0, 1]."""
    fidelity: Interval | None
    """How often all is there that the prompt names; None where nobody can say."""
    same_as: str | None = None
    """Another cell with the same pictures: at scale 1 no negative acts."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """All cells of a prompt."""

    prompt: str
    cells: tuple[Cell, ...]
    first_seed: int
    dialect: str = "a1111"


def negatives(
    short: str | None = None, template: str | None = None, dialect: str = "a1111"
) -> dict[str, str | None]:
    """The negative of each column; what is not given is SHORT, and TEMPLATE in the dialect.

    Raises RequestError ``dialect-read-only`` for TEMPLATE in a dialect that is not written.
    """
    return {"a": None, "b": short or SHORT, "c": template or _template(dialect)}


def _template(dialect: str) -> str:
    if dialect not in WRITERS:
        raise RequestError(
            f"the template negative cannot be written in the prompt dialect {shown(dialect)}",
            code="dialect-read-only",
            cure="give one of your own with --template",
        )
    return translate(parse(TEMPLATE), dialect, negative=True).text


def held(file: Path, prompt: str, dialect: str = "a1111") -> dict[str, str]:
    """The negatives by column of the sheet of a prompt that was written; none of another prompt."""
    try:
        sheet = json.loads(file.read_text("utf-8"))
        same = (sheet["prompt"], sheet.get("dialect", "a1111")) == (prompt, dialect)
        cells = sheet["cells"] if same else []
        return {cell["cell"][0]: cell["negative"] for cell in cells if cell["negative"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def explore(
    base: Request,
    gallery: Gallery,
    probe: Probe | None,
    columns: dict[str, str | None],
    on_cell: Callable[[Cell], None] = lambda _cell: None,
) -> Sheet:
    """Make the sheet of a prompt; the base request has its settings, ``count`` seeds a cell."""
    cells: list[Cell] = []
    for row, scale in enumerate(SCALES, 1):
        for column, negative in columns.items():
            if scale == 1 and column != "a":
                twin = replace(cells[0], name=f"{column}{row}", negative=negative, same_as="a1")
                cells.append(twin)
            else:
                asked = replace(base, cfg=scale, negative=None if negative is None else (negative,))
                cells.append(cell(f"{column}{row}", asked, gallery, probe))
            on_cell(cells[-1])
    return Sheet(base.prompt, tuple(cells), base.seed, base.dialect)


def further(
    base: Request,
    name: str,
    term: str,
    gallery: Gallery,
    probe: Probe | None,
    *,
    columns: dict[str, str | None],
) -> Sheet:
    """A picked cell, and the same with one more term in its negative, on the same seeds.

    Raises RequestError ``cell-unknown``.
    """
    found = _CELL.fullmatch(name.strip().lower())
    if found is None:
        raise RequestError(
            f"there is no cell {shown(name)}",
            code="cell-unknown",
            cure="take one of the sheet: a, b or c, and 1 to 5, such as b4",
        )
    scale, negative = SCALES[int(found[2]) - 1], columns[found[1]]
    if scale == 1:
        raise RequestError(
            f"in cell {name} the scale is 1, where no negative acts",
            code="cell-unknown",
            cure="go on from a cell of another row",
        )
    longer = f"{negative}, {term}" if negative else term
    texts = {name.lower(): negative, f"{name.lower()}+": longer}
    cells = [
        cell(key, replace(base, cfg=scale, negative=None if t is None else (t,)), gallery, probe)
        for key, t in texts.items()
    ]
    return Sheet(base.prompt, tuple(cells), base.seed, base.dialect)


def cell(name: str, asked: Request, gallery: Gallery, probe: Probe | None) -> Cell:
    """Make and count one cell."""
    reader = None if probe is None else Reader(probe, gallery.folder)
    things = () if probe is None else probe.keeps(words(asked.prompt, asked.dialect))
    images: list[Image.Image] = []
    layouts, there = [], list[tuple[float | None, ...]]()
    passes = None
    for first in range(asked.seed, asked.seed + asked.count, BATCH):
        count = min(BATCH, asked.seed + asked.count - first)
        batch = gallery.batch(replace(asked, seed=first, count=count))
        passes = batch.passes[0]
        images += batch.images[: max(0, SHOWN - len(images))]
        layouts += [layout(image) for image in batch.images]
        if reader is not None and things:
            there += zip(*reader.answers(batch, things).values(), strict=True)
    kept = sum(all(p is not None and p > SEEN_FROM for p in one) for one in there)
    known = bool(there) and not any(p is None for one in there for p in one)
    fidelity = wilson(kept, len(there)) if known else None
    negative = asked.negative[0] if asked.negative else None
    return Cell(
        name, float(asked.cfg or 0), negative, tuple(images), asked.count, passes,
        spread(np.array(layouts) / 255), fidelity,
    )  # fmt: skip


def picture(sheet: Sheet) -> Image.Image:
    """The sheet: a line for each scale, the cells' pictures beside each other."""
    strips = []
    scales = dict.fromkeys(one.scale for one in sheet.cells)
    for scale in scales:
        row = [one for one in sheet.cells if one.scale == scale]
        pictures = [image for one in row for image in one.images]
        words = [w for one in row for w in (words_of(one), *[""] * (len(one.images) - 1))]
        strips.append(Strip(f"scale {scale:g}", pictures, words))
    seeds = f"seeds {sheet.first_seed} and {sheet.first_seed + 1}, the same in every cell"
    return draw(strips, [sheet.prompt, seeds], [verdict(sheet)])


def words_of(one: Cell) -> str:
    """What stands under a cell."""
    column = COLUMNS.get(one.name[0], "")
    column = "one more term" if one.name.endswith("+") else column
    fidelity = "" if one.fidelity is None else f", prompt kept {one.fidelity.rate:.0%}"
    passes = "" if one.passes is None else f", {one.passes} passes"
    same = f" (as {one.same_as})" if one.same_as else ""
    return f"{one.name} {column}{same}: variety {100 * one.variety:.1f}{fidelity}{passes}"


def verdict(sheet: Sheet) -> str:
    """The cheapest cell that keeps the prompt as well as any, in one sentence."""
    known = [one for one in sheet.cells if one.fidelity is not None and one.same_as is None]
    if not known:
        return "No probe says what is kept of the prompt: look."
    best = max(known, key=lambda one: one.fidelity.rate if one.fidelity else 0)
    assert best.fidelity is not None  # noqa: S101 - for the type checker: known has no other
    good = [o for o in known if o.fidelity is not None and o.fidelity.hi >= best.fidelity.rate]
    least = min(good, key=lambda one: (one.scale, len(one.negative or "")))
    return (
        f"The prompt is kept best in {best.name} ({best.fidelity.rate:.0%}); {least.name} is the "
        "lowest scale and shortest negative that these seeds cannot tell from it."
    )


def to_json(sheet: Sheet) -> dict[str, Any]:
    """What ``explore --json`` prints."""
    return {
        "prompt": sheet.prompt,
        "dialect": sheet.dialect,
        "first_seed": sheet.first_seed,
        "cells": [_json(one) for one in sheet.cells],
        "verdict": verdict(sheet),
    }


def _json(one: Cell) -> dict[str, Any]:
    kept = one.fidelity
    return {
        "cell": one.name,
        "scale": one.scale,
        "negative": one.negative,
        "n": one.n,
        "passes": one.passes,
        "variety": round(one.variety, 5),
        "fidelity": None if kept is None else kept.to_json(),
        "same_as": one.same_as,
    }


def pictures(columns: Sequence[str], count: int) -> int:
    """How many pictures a sheet takes."""
    return count * (1 + (len(SCALES) - 1) * len(columns))
