"""The thirteen subjects, each drawn in a frame of about [-1, 1]² with its main colour given."""

from collections.abc import Callable, Mapping
from math import cos, pi, sin
from typing import Final

import numpy as np

from negprompt.world.canvas import Canvas, box, capsule, curve, ellipse
from negprompt.world.factors import COLOURS
from negprompt.world.look import (
    DARK,
    LIGHT,
    SKIN,
    WOOD,
    Look,
    darker,
    eyes,
    hat,
    logo,
    paler,
    scarf,
)


def person(c: Canvas, look: Look) -> None:
    skin = SKIN[int(look.rng.integers(3))]
    hair = ((0.16, 0.10, 0.08), (0.50, 0.28, 0.12), (0.85, 0.66, 0.30))[int(look.rng.integers(3))]
    long_hair = look.rng.random() < 0.5
    if long_hair:
        c.fill(
            curve([(-0.46, -0.75), (0, -1.0), (0.46, -0.75), (0.58, 0.25), (-0.58, 0.25)], 2), hair
        )
    if look.has("waving"):
        c.fill(capsule(0.62, 0.35, 0.98, -0.25, 0.17, tip=0.13), look.colour)
        c.fill(ellipse(1.02, -0.42, 0.16, 0.19), skin)
    else:
        c.fill(capsule(0.66, 0.45, 0.80, 1.05, 0.17), look.colour)
    c.fill(capsule(-0.66, 0.45, -0.80, 1.05, 0.17), look.colour)
    c.fill([(-0.14, 0), (0.14, 0), (0.16, 0.30), (-0.16, 0.30)], darker(skin, 0.85), bulge=0.3)
    c.fill(
        curve([(-0.72, 0.25), (0, 0.16), (0.72, 0.25), (0.78, 1.15), (-0.78, 1.15)], 2),
        look.colour,
        bulge=0.6,
    )
    c.fill(ellipse(0, -0.36, 0.42, 0.50), skin, bulge=0.8)
    fringe = [
        (-0.46, -0.32),
        (-0.44, -0.8),
        (0, -0.98),
        (0.44, -0.8),
        (0.46, -0.32),
        (0.24, -0.62),
        (-0.16, -0.60),
    ]
    c.fill(curve(fringe, 2), hair)
    eyes(c, 0, -0.34, 0.17, 0.075)
    c.soft().fill(
        curve([(-0.15, -0.10), (0, -0.04), (0.15, -0.10), (0, 0.03)], 1),
        (0.72, 0.22, 0.22),
        bulge=0,
    )
    if look.has("scarf"):
        scarf(c, 0, 0.22, 0.46)
    if look.has("logo"):
        logo(c, -0.34 if look.has("scarf") else 0, 0.72, 0.22)
    if look.has("hat"):
        hat(c, 0, -0.70, 0.46)


def hand(c: Canvas, look: Look) -> None:
    skin = SKIN[int(look.rng.integers(3))]
    c.fill(
        curve([(-0.62, 1.3), (-0.56, 0.66), (0.56, 0.66), (0.62, 1.3)], 1), look.colour, bulge=0.5
    )
    c.fill(capsule(-0.34, 0.36, -0.86, -0.12, 0.17, tip=0.13), skin, bulge=0.7)
    count = look.scene.fingers - 1
    spread = {4: 0.43, 5: 0.56, 6: 0.66}[count]
    width = {4: 0.135, 5: 0.118, 6: 0.106}[count]
    for k in range(count):
        t = -1 + 2 * k / (count - 1)
        angle = t * spread
        length = 1.18 - 0.18 * t * t + look.wobble(0.03)
        x0, y0 = 0.37 * t, 0.06 + 0.08 * t * t
        x1, y1 = 0.02 + x0 + sin(angle) * length * 0.78, y0 - cos(angle) * length * 0.78
        c.fill(capsule(x0, y0, x1, y1, width, tip=width * 0.88), skin, bulge=0.7)
        c.soft().fill(
            ellipse(x1, y1 - 0.01, width * 0.5, width * 0.6, 12), paler(skin, 0.4), bulge=0.2
        )
    c.fill(
        curve(
            [(-0.56, 0.05), (-0.2, -0.08), (0.3, -0.08), (0.56, 0.08), (0.46, 0.78), (-0.46, 0.78)],
            2,
        ),
        skin,
    )
    crease = [(-0.28, 0.30), (0.10, 0.22), (0.30, 0.34), (0.08, 0.27)]
    c.soft().fill(crease, darker(skin, 0.7), bulge=0)
    c.fill(
        box(-0.64, 0.86, 0.64, 1.05),
        paler(look.colour, 0.35),
        bulge=0.3,
    )


def cat(c: Canvas, look: Look) -> None:
    fur, deep = look.colour, darker(look.colour, 0.75)
    tail = [(0.5, 0.75), (0.95, 0.6), (1.02, 0.05), (0.82, -0.05), (0.80, 0.4), (0.45, 0.55)]
    c.fill(curve(tail, 2), deep)
    c.fill(curve([(-0.45, 0.05), (0.45, 0.05), (0.72, 1.0), (-0.72, 1.0)], 2), fur)
    c.fill(ellipse(0, 0.68, 0.26, 0.30), paler(fur, 0.55), bulge=0.4)
    for side in (-1, 1):
        c.fill([(side * 0.16, -0.60), (side * 0.60, -1.02), (side * 0.58, -0.30)], fur, bulge=0.4)
        c.soft().fill(
            [(side * 0.30, -0.60), (side * 0.53, -0.86), (side * 0.52, -0.48)],
            (0.95, 0.62, 0.62),
            bulge=0,
        )
        c.fill(ellipse(side * 0.25, 0.96, 0.20, 0.12), fur)
    c.fill(ellipse(0, -0.30, 0.60, 0.48), fur, bulge=0.8)
    for side in (-1, 1):
        c.fill(ellipse(side * 0.24, -0.36, 0.12, 0.14, 16), (0.85, 0.95, 0.45), bulge=0.2)
        c.soft().fill(ellipse(side * 0.24, -0.36, 0.045, 0.12, 12), DARK, bulge=0)
    c.soft().fill([(-0.08, -0.17), (0.08, -0.17), (0, -0.08)], (0.92, 0.42, 0.48), bulge=0)
    for side in (-1, 1):
        for drop in (-0.02, 0.08):
            y = -0.12 + drop
            c.soft().fill(
                [(side * 0.14, y), (side * 0.62, y + drop), (side * 0.62, y + drop + 0.025)],
                DARK,
                bulge=0,
            )
    if look.has("scarf"):
        scarf(c, 0, 0.16, 0.44)
    if look.has("hat"):
        hat(c, 0, -0.66, 0.42)


def house(c: Canvas, look: Look) -> None:
    roof = (0.35, 0.22, 0.24) if look.scene.colour != "red" else (0.25, 0.27, 0.36)
    c.fill([(0.34, -0.45), (0.34, -1.0), (0.58, -1.0), (0.58, -0.2)], (0.55, 0.40, 0.36), bulge=0.3)
    c.fill(box(-0.78, -0.15, 0.78, 0.95), look.colour, bulge=0.3)
    c.fill([(-1.0, -0.08), (0, -0.92), (1.0, -0.08)], roof, bulge=0.4)
    c.fill([(-0.17, 0.95), (-0.17, 0.36), (0.17, 0.36), (0.17, 0.95)], WOOD, bulge=0.3)
    c.soft().fill(ellipse(0.10, 0.66, 0.035, 0.035, 8), (0.95, 0.8, 0.3), bulge=0)
    for x in (-0.50, 0.50):
        c.fill(
            box(x - 0.19, 0.14, x + 0.19, 0.54),
            (1.0, 0.88, 0.50),
            bulge=0.1,
        )
        c.soft().fill(box(x - 0.02, 0.14, x + 0.02, 0.54), LIGHT, bulge=0)
        c.soft().fill(box(x - 0.19, 0.32, x + 0.19, 0.36), LIGHT, bulge=0)
    if look.has("logo"):
        logo(c, 0, -0.36, 0.25)


def tree(c: Canvas, look: Look) -> None:
    c.fill(
        curve(
            [(-0.14, 0.0), (0.14, 0.0), (0.17, 0.85), (0.32, 1.05), (-0.32, 1.05), (-0.17, 0.85)], 1
        ),
        WOOD,
    )
    c.fill(capsule(0.05, 0.35, 0.42, 0.02, 0.06), WOOD)
    lumps = (
        (-0.48, -0.02, 0.42), (0.48, -0.02, 0.42), (-0.30, -0.48, 0.44), (0.32, -0.46, 0.44),
        (0, -0.12, 0.5), (0, -0.7, 0.40),
    )  # fmt: skip
    for x, y, r in lumps:
        c.fill(
            ellipse(x + look.wobble(0.04), y + look.wobble(0.04), r, r * 0.9),
            look.colour,
            bulge=0.8,
        )
    c.soft().fill(ellipse(0, -0.25, 0.45, 0.42), look.colour, bulge=0.3)


def boat(c: Canvas, look: Look) -> None:
    c.fill([(-0.045, 0.45), (-0.045, -1.0), (0.045, -1.0), (0.045, 0.45)], WOOD, bulge=0.4)
    c.fill(curve([(0.10, -0.92), (0.10, 0.30), (0.90, 0.30), (0.62, -0.25)], 1), LIGHT, bulge=0.5)
    c.fill([(-0.10, -0.70), (-0.10, 0.30), (-0.72, 0.30)], paler(look.colour, 0.25), bulge=0.4)
    c.fill(
        curve(
            [(-1.0, 0.40), (1.0, 0.40), (0.88, 0.62), (0.55, 0.92), (-0.55, 0.92), (-0.88, 0.62)], 1
        ),
        look.colour,
    )
    c.soft().fill([(-0.86, 0.52), (0.86, 0.52), (0.82, 0.60), (-0.82, 0.60)], LIGHT, bulge=0.2)
    water = curve(
        [
            (-1.2, 0.86),
            (-0.6, 0.80),
            (0, 0.86),
            (0.6, 0.80),
            (1.2, 0.86),
            (1.1, 1.05),
            (-1.1, 1.05),
        ],
        2,
    )
    c.soft().fill(water, (0.30, 0.60, 0.80), bulge=0.2)
    if look.has("logo"):
        logo(c, 0.40, 0.0, 0.24)


def flower(c: Canvas, look: Look) -> None:
    c.fill(capsule(0, 0.1, 0.05, 1.0, 0.055), (0.20, 0.50, 0.20), bulge=0.6)
    for side in (-1, 1):
        leaf = curve([(0, 0.75), (side * 0.30, 0.42), (side * 0.68, 0.45), (side * 0.35, 0.78)], 2)
        c.fill(leaf, (0.24, 0.58, 0.24))
    petals = 6
    start = look.wobble(0.5)
    for k in range(petals):
        a = start + 2 * pi * k / petals
        x, y = 0.44 * cos(a), -0.36 + 0.44 * sin(a)
        c.within(x, y, 1.0, a).fill(ellipse(0, 0, 0.32, 0.24), look.colour, bulge=0.7)
    centre = (0.98, 0.72, 0.12) if look.scene.colour != "yellow" else (0.55, 0.30, 0.12)
    c.fill(ellipse(0, -0.36, 0.25, 0.25), centre, bulge=0.8)


def fish(c: Canvas, look: Look) -> None:
    deep = darker(look.colour, 0.78)
    c.fill([(0.50, 0.0), (1.02, -0.48), (0.90, 0.0), (1.02, 0.48)], deep, bulge=0.4)
    c.fill(curve([(-0.25, -0.42), (0.15, -0.86), (0.42, -0.40)], 1), deep, bulge=0.4)
    c.fill(
        curve(
            [(-1.0, 0.02), (-0.5, -0.52), (0.2, -0.48), (0.68, 0.0), (0.2, 0.48), (-0.5, 0.52)], 2
        ),
        look.colour,
    )
    for x in (-0.18, 0.14):
        c.soft().fill(
            curve([(x, -0.38), (x + 0.12, 0), (x, 0.38), (x + 0.03, 0)], 1),
            paler(look.colour, 0.6),
            bulge=0,
        )
    c.fill(curve([(-0.15, 0.12), (0.18, 0.22), (0.05, 0.46)], 1), deep, bulge=0.5)
    c.fill(ellipse(-0.58, -0.10, 0.13, 0.13, 16), LIGHT, bulge=0)
    c.soft().fill(ellipse(-0.61, -0.09, 0.07, 0.07, 12), DARK, bulge=0)


def heart(c: Canvas, look: Look) -> None:
    outline = [
        (
            0.055 * 16 * sin(t) ** 3,
            -0.058 * (13 * cos(t) - 5 * cos(2 * t) - 2 * cos(3 * t) - cos(4 * t)),
        )
        for t in np.linspace(0, 2 * pi, 40, endpoint=False)
    ]
    c.fill([(float(x), float(y)) for x, y in outline], look.colour, bulge=0.9)
    c.soft().fill(
        curve([(-0.62, -0.42), (-0.40, -0.60), (-0.25, -0.52), (-0.52, -0.25)], 2),
        LIGHT,
        bulge=0,
        alpha=0.5,
    )
    if look.has("hat"):
        hat(c, 0, -0.46, 0.40)


def tooth(c: Canvas, look: Look) -> None:
    rough = [
        (-0.62, -0.62), (-0.30, -0.86), (0, -0.68), (0.30, -0.86), (0.62, -0.62), (0.68, -0.15),
        (0.50, 0.35), (0.40, 0.98), (0.22, 0.98), (0.10, 0.40), (-0.10, 0.40), (-0.22, 0.98),
        (-0.40, 0.98), (-0.50, 0.35), (-0.68, -0.15),
    ]  # fmt: skip
    c.fill(curve(rough, 2), look.colour, bulge=0.7)
    c.soft().fill(
        curve([(-0.45, -0.45), (-0.30, -0.60), (-0.22, -0.50), (-0.40, -0.15)], 2),
        LIGHT,
        bulge=0,
        alpha=0.6,
    )
    c.soft().fill(
        curve([(-0.3, 0.12), (0, 0.02), (0.3, 0.12), (0, 0.08)], 1),
        darker(look.colour, 0.7),
        bulge=0,
    )


def mushroom(c: Canvas, look: Look) -> None:
    c.fill(curve([(-0.24, 0.0), (0.24, 0.0), (0.34, 0.92), (-0.34, 0.92)], 1), (0.95, 0.90, 0.78))
    cap = [
        (-0.92, 0.10),
        (-0.80, -0.42),
        (-0.35, -0.86),
        (0.35, -0.86),
        (0.80, -0.42),
        (0.92, 0.10),
        (0, 0.22),
    ]
    c.fill(curve(cap, 2), look.colour, bulge=0.8)
    spot = LIGHT if look.scene.colour != "white" else (0.80, 0.55, 0.40)
    for x, y, r in ((-0.42, -0.25, 0.14), (0.05, -0.52, 0.16), (0.46, -0.18, 0.13)):
        c.soft().fill(ellipse(x, y, r, r * 0.85, 16), spot, bulge=0.2)


def star(c: Canvas, look: Look) -> None:
    start = -pi / 2 + look.wobble(0.15)
    points = [
        (reach * cos(start + pi * k / 5), reach * sin(start + pi * k / 5))
        for k, reach in enumerate((0.98, 0.44) * 5)
    ]
    c.fill(points, look.colour, bulge=0.6)
    for k in range(0, 10, 2):
        c.soft().fill(
            [(0, 0), points[k], points[(k + 1) % 10]], darker(look.colour, 0.82), bulge=0.2
        )


def shapes(c: Canvas, look: Look) -> None:
    for x, solid in zip((-0.58, 0.58), look.scene.solids or (), strict=False):
        colour = COLOURS[solid.colour]
        if solid.form == "circle":
            c.fill(ellipse(x, 0.1, 0.54, 0.54), colour, bulge=1.0)
        else:
            c.fill(
                box(x - 0.48, -0.38, x + 0.48, 0.58),
                colour,
                bulge=0.3,
            )


DRAW: Final[Mapping[str, Callable[[Canvas, Look], None]]] = {
    "person": person,
    "hand": hand,
    "cat": cat,
    "house": house,
    "tree": tree,
    "boat": boat,
    "flower": flower,
    "fish": fish,
    "heart": heart,
    "tooth": tooth,
    "mushroom": mushroom,
    "star": star,
    "shapes": shapes,
}
