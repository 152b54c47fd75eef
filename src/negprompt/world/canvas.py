"""Shapes → pixels: one closed outline is filled, lit and inked in the manner of a style.

Knows nothing of what is drawn.  Points are (x, y) in a local frame that an affine placement maps
onto the unit square, y downwards; pixels are float32 RGB in [0, 1].
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import cos, pi, sin
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Pixels = NDArray[np.float32]
Paint = NDArray[np.floating[Any]]
RGB = tuple[float, float, float]
Points = Sequence[tuple[float, float]]
PAPER = np.array((0.96, 0.94, 0.88), np.float32)
CHART = np.array((0.93, 0.96, 0.98), np.float32)
INK: dict[str, RGB] = {
    "cartoon": (0.06, 0.05, 0.10),
    "sketch": (0.30, 0.29, 0.31),
    "diagram": (0.10, 0.20, 0.42),
}
INK_WIDTH = {"cartoon": 0.021, "sketch": 0.011, "diagram": 0.008}


@dataclass(frozen=True, slots=True)
class Canvas:
    """Where drawing happens.

    ``pixels`` [s, s, 3] is painted in place; ``light`` is the unit vector towards the lamp;
    ``centre``, ``scale``, ``turn`` (radians) and ``flip`` place the local frame; ``haze`` in [0, 1]
    mixes a far thing into ``air``; ``inked`` is false for soft things that take no outline.
    """

    pixels: Pixels
    style: str
    light: tuple[float, float]
    centre: tuple[float, float] = (0.0, 0.0)
    scale: float = 1.0
    turn: float = 0.0
    flip: bool = False
    haze: float = 0.0
    air: RGB = (0.8, 0.87, 0.95)
    inked: bool = True

    def at(
        self, x: float, y: float, scale: float, turn: float = 0.0, *, flip: bool = False
    ) -> "Canvas":
        """The same paper with the local frame's origin at (x, y) of the unit square."""
        return replace(self, centre=(x, y), scale=scale, turn=turn, flip=flip)

    def within(self, x: float, y: float, scale: float, turn: float = 0.0) -> "Canvas":
        """A frame inside this one: origin at local (x, y), ``scale`` times as large, turned on."""
        px, py = self._unit((x, y))
        return replace(
            self,
            centre=(px, py),
            scale=self.scale * scale,
            turn=self.turn + (-turn if self.flip else turn),
        )

    def far(self, haze: float) -> "Canvas":
        """The same paper seen through more air."""
        return replace(self, haze=haze)

    def soft(self) -> "Canvas":
        """The same paper without ink lines."""
        return replace(self, inked=False)

    def _unit(self, point: tuple[float, float]) -> tuple[float, float]:
        x, y = point
        x, y = x * cos(self.turn) - y * sin(self.turn), x * sin(self.turn) + y * cos(self.turn)
        left, top = self.centre
        return left + self.scale * (-x if self.flip else x), top + self.scale * y

    def fill(self, points: Points, colour: RGB, *, bulge: float = 0.5, alpha: float = 1.0) -> None:
        """Fill a closed outline, light it and ink it.

        ``bulge`` 0 is flat, 1 a ball; an ``alpha`` below 1 lets the ground shine through, and one
        of .5 or less takes no ink.
        """
        size = self.pixels.shape[0]
        outline = [(x * size, y * size) for x, y in map(self._unit, points)]
        xs, ys = [p[0] for p in outline], [p[1] for p in outline]
        left, top = max(0, int(min(xs)) - 3), max(0, int(min(ys)) - 3)
        right, bottom = min(size, int(max(xs)) + 4), min(size, int(max(ys)) + 4)
        if right - left < 2 or bottom - top < 2:
            return
        local = [(x - left, y - top) for x, y in outline]
        stencil = Image.new("L", (right - left, bottom - top))
        ImageDraw.Draw(stencil).polygon(local, fill=255)
        mask: Pixels = np.asarray(stencil, np.float32) / np.float32(255)
        target = self.pixels[top:bottom, left:right]
        paint = self._paint(mask, colour, bulge, (left, top))
        if self.haze:
            paint = paint * (1 - self.haze) + np.asarray(self.air, np.float32) * self.haze
        cover = (mask * alpha)[..., None]
        target += (paint - target) * cover
        width = INK_WIDTH.get(self.style, 0.0) * size
        if self.inked and width and alpha > 0.5:
            line = Image.new("L", stencil.size)
            ImageDraw.Draw(line).line(
                [*local, *local[:2]], fill=255, width=round(width), joint="curve"
            )
            ink = (np.asarray(line, np.float32) / np.float32(255) * (1 - self.haze))[..., None]
            target += (np.asarray(INK[self.style], np.float32) - target) * ink

    def _paint(self, mask: Pixels, colour: RGB, bulge: float, corner: tuple[int, int]) -> Paint:
        """The colour of every pixel of a filled box, [h, w, 3] or one [3] for all, in the style."""
        base = np.asarray(colour, np.float32)
        if bulge == 0 and self.style in {"cartoon", "illustration"}:
            return base
        height, width = mask.shape
        v, u = _across(height)[:, None], _across(width)
        facing = u * self.light[0] + v * self.light[1]
        if self.style == "cartoon":
            return base * np.where(facing > -0.35, 1.0, 0.76)[..., None].astype(np.float32)
        if self.style == "diagram":
            return base * np.float32(0.62) + CHART * np.float32(0.38)
        if self.style == "sketch":
            rows, columns = np.ogrid[corner[1] : corner[1] + height, corner[0] : corner[0] + width]
            hatch = ((rows + columns) % 9 < 3) * (0.30 - 0.22 * facing)
            return PAPER * 0.42 + base * 0.58 - (hatch * 0.55)[..., None].astype(np.float32)
        lamp = (u - 0.45 * self.light[0]) ** 2 + (v - 0.45 * self.light[1]) ** 2
        glow = np.exp(-lamp * 3.0) * bulge
        shading = 0.86 + 0.30 * facing * (0.35 + 0.65 * bulge)
        lit = base * shading[..., None] + (0.30 * glow)[..., None]
        step = max(2, round(self.pixels.shape[0] / 90))
        dx, dy = round(self.light[0] * step), round(self.light[1] * step)
        towards, away = np.roll(mask, (-dy, -dx), (0, 1)), np.roll(mask, (dy, dx), (0, 1))
        rim = (mask - away).clip(0) * 0.38 * min(1.0, bulge * 2)
        shade = (mask - towards).clip(0) * 0.30 * min(1.0, bulge * 2)
        return lit * (1 - shade[..., None]) + rim[..., None] * (1.0 - lit)

    def wash(self, top: RGB, bottom: RGB, start: float = 0.0, stop: float = 1.0) -> None:
        """A band across the whole width between two heights of the unit square, shaded down."""
        size = self.pixels.shape[0]
        first, last = round(start * size), round(stop * size)
        ramp: Paint = np.linspace(0, 1, max(1, last - first), dtype=np.float32)[:, None]
        if self.style == "cartoon":
            ramp = np.floor(ramp * 3) / 3
        band = np.asarray(top, np.float32) * (1 - ramp) + np.asarray(bottom, np.float32) * ramp
        if self.style == "sketch":
            band = PAPER * 0.60 + band * 0.40
        elif self.style == "diagram":
            band = CHART * 0.62 + band * 0.38
        self.pixels[first:last] = band[:, None]

    def glow(self, x: float, y: float, radius: float, colour: RGB, strength: float = 0.6) -> None:
        """A soft pool of light around a point of the unit square, added to what is there."""
        if self.style in {"sketch", "diagram"}:
            strength *= 0.35
        size = self.pixels.shape[0]
        left, right = (int(np.clip((x + side * 2.2 * radius) * size, 0, size)) for side in (-1, 1))
        top, bottom = (int(np.clip((y + side * 2.2 * radius) * size, 0, size)) for side in (-1, 1))
        if right <= left or bottom <= top:
            return
        v = (np.arange(top, bottom, dtype=np.float32)[:, None] / size - y) / radius
        u = (np.arange(left, right, dtype=np.float32) / size - x) / radius
        pool = (np.exp(-(u * u + v * v)) * strength)[..., None]
        target = self.pixels[top:bottom, left:right]
        target += (np.asarray(colour, np.float32) - target) * pool


@cache
def _across(count: int) -> Pixels:
    """``count`` values from -1 to 1."""
    return np.linspace(-1, 1, count, dtype=np.float32)


def ellipse(x: float, y: float, rx: float, ry: float, sides: int = 28) -> Points:
    """The outline of an axis-parallel ellipse."""
    return [
        (x + rx * cos(2 * pi * k / sides), y + ry * sin(2 * pi * k / sides)) for k in range(sides)
    ]


def box(left: float, top: float, right: float, bottom: float) -> Points:
    """The outline of an axis-parallel rectangle, clockwise from its upper left corner."""
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def capsule(
    x0: float, y0: float, x1: float, y1: float, radius: float, *, tip: float | None = None
) -> Points:
    """A finger: two half circles of radius ``radius`` and ``tip`` joined by straight sides."""
    angle = np.arctan2(y1 - y0, x1 - x0)
    end = radius if tip is None else tip
    first = [
        (x0 + radius * cos(angle + a), y0 + radius * sin(angle + a))
        for a in np.linspace(pi / 2, 1.5 * pi, 8)
    ]
    second = [
        (x1 + end * cos(angle + a), y1 + end * sin(angle + a))
        for a in np.linspace(-pi / 2, pi / 2, 8)
    ]
    return first + second


def curve(points: Points, rounds: int = 2) -> Points:
    """Chaikin's corner cutting (1974): a smooth closed outline through a rough one."""
    ring = np.asarray(points, np.float64)
    for _ in range(rounds):
        following = np.roll(ring, -1, axis=0)
        ring = np.stack(
            (0.75 * ring + 0.25 * following, 0.25 * ring + 0.75 * following), 1
        ).reshape(-1, 2)
    return [(float(x), float(y)) for x, y in ring]
