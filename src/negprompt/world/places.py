"""The six places, and the things that belong to a place rather than to a subject.

A place is painted over the whole square before the subject stands in it.  Coordinates are those of
the unit square.
"""

from collections.abc import Callable, Mapping
from math import cos, pi, sin
from typing import Final

import numpy as np

from negprompt.world.canvas import CHART, RGB, Canvas, box, capsule, curve, ellipse

Rng = np.random.Generator


def _ridge(rng: Rng, height: float, swing: float) -> list[tuple[float, float]]:
    """The ground below a wavy horizon at ``height``, down to beyond the lower edge."""
    phase, other = rng.uniform(0, 2 * pi, 2)
    xs = np.linspace(-0.05, 1.05, 14)
    tops = height + swing * (np.sin(xs * 4 + phase) + 0.5 * np.sin(xs * 9 + other))
    return [
        (-0.05, 1.05),
        *((float(x), float(y)) for x, y in zip(xs, tops, strict=True)),
        (1.05, 1.05),
    ]


def meadow(c: Canvas, rng: Rng) -> None:
    c.wash((0.45, 0.70, 0.95), (0.85, 0.93, 0.98))
    c.glow(0.5 + 0.4 * c.light[0], 0.12, 0.16, (1.0, 0.97, 0.80), 0.8)
    for x, y in rng.uniform((0, 0.08), (1, 0.26), (3, 2)):
        for dx, r in ((-0.07, 0.05), (0.0, 0.07), (0.08, 0.05)):
            c.soft().fill(ellipse(x + dx, y, r, r * 0.6), (1, 1, 1), bulge=0.3, alpha=0.8)
    c.far(0.45).fill(_ridge(rng, 0.50, 0.035), (0.36, 0.60, 0.40), bulge=0.2)
    c.fill(_ridge(rng, 0.66, 0.025), (0.42, 0.70, 0.28), bulge=0.2)
    for x, y in rng.uniform((0, 0.74), (1, 0.98), (14, 2)):
        c.soft().fill(
            [(x - 0.006, y), (x + 0.006, y), (x + 0.004, y - 0.035)], (0.26, 0.50, 0.18), bulge=0
        )
        c.soft().fill(ellipse(x, y - 0.035, 0.011, 0.011, 8), (1.0, 0.95, 0.75), bulge=0)


def beach(c: Canvas, rng: Rng) -> None:
    c.wash((0.36, 0.68, 0.96), (0.98, 0.90, 0.78), 0, 0.46)
    x = 0.5 + 0.36 * c.light[0]
    c.glow(x, 0.20, 0.16, (1.0, 0.93, 0.70), 0.9)
    c.soft().fill(ellipse(x, 0.20, 0.06, 0.06), (1.0, 0.96, 0.80), bulge=0)
    c.wash((0.10, 0.45, 0.72), (0.35, 0.76, 0.84), 0.44, 0.68)
    for y in (0.50, 0.56, 0.62):
        for start in rng.uniform(0, 0.9, 3):
            c.soft().fill(capsule(start, y, start + 0.10, y, 0.005), (0.85, 0.96, 0.98), bulge=0)
    shore = _ridge(rng, 0.68, 0.012)
    c.fill(shore, (0.95, 0.85, 0.62), bulge=0.25)
    for px, py in rng.uniform((0, 0.76), (1, 0.98), (8, 2)):
        c.soft().fill(ellipse(px, py, 0.018, 0.009, 10), (0.85, 0.72, 0.50), bulge=0.2)


def town(c: Canvas, rng: Rng) -> None:
    c.wash((0.04, 0.06, 0.20), (0.22, 0.25, 0.48), 0, 0.78)
    for x, y in rng.uniform((0, 0), (1, 0.35), (12, 2)):
        c.soft().fill(ellipse(x, y, 0.005, 0.005, 6), (0.95, 0.95, 0.85), bulge=0)
    c.soft().fill(ellipse(0.5 + 0.36 * c.light[0], 0.14, 0.055, 0.055), (0.98, 0.96, 0.84), bulge=0)
    for haze, base, count in ((0.35, 0.60, 5), (0.0, 0.74, 4)):
        street = Canvas(c.pixels, c.style, c.light, haze=haze, air=(0.30, 0.33, 0.55))
        for k in range(count):
            x, w = (k + 0.5) / count + float(rng.uniform(-0.03, 0.03)), 0.42 / count
            top = base - float(rng.uniform(0.16, 0.30))
            street.fill(
                [(x - w, base + 0.1), (x - w, top), (x + w, top), (x + w, base + 0.1)],
                (0.16, 0.14, 0.28),
                bulge=0.2,
            )
            street.fill(
                [(x - w * 1.15, top), (x, top - 0.10), (x + w * 1.15, top)],
                (0.86, 0.90, 0.98),
                bulge=0.2,
            )
            for wx in (-0.45, 0.45):
                for wy in (0.05, 0.14):
                    if rng.random() < 0.75:
                        px, py = x + wx * w, top + wy
                        pane = box(px - 0.018, py, px + 0.018, py + 0.045)
                        street.soft().fill(pane, (1.0, 0.80, 0.36), bulge=0)
    c.fill(_ridge(rng, 0.78, 0.012), (0.84, 0.89, 0.98), bulge=0.2)
    side = 0.12 if rng.random() < 0.5 else 0.88
    c.fill(
        [(side - 0.010, 0.86), (side - 0.010, 0.42), (side + 0.010, 0.42), (side + 0.010, 0.86)],
        (0.10, 0.10, 0.14),
        bulge=0,
    )
    c.glow(side, 0.40, 0.13, (1.0, 0.84, 0.48), 0.9)
    c.glow(side, 0.86, 0.14, (1.0, 0.88, 0.60), 0.5)


def snowfall(c: Canvas, rng: Rng) -> None:
    """Flakes before everything else in the night town."""
    for x, y, r in rng.uniform((0, 0, 0.006), (1, 1, 0.014), (26, 3)):
        c.soft().fill(ellipse(x, y, r, r, 8), (1, 1, 1), bulge=0, alpha=0.9)


def forest(c: Canvas, rng: Rng) -> None:
    c.wash((0.72, 0.86, 0.66), (0.20, 0.40, 0.26))
    c.glow(0.5 + 0.3 * c.light[0], 0.1, 0.30, (0.98, 0.98, 0.76), 0.7)
    for haze, count, width in ((0.60, 7, 0.020), (0.30, 5, 0.030), (0.0, 3, 0.045)):
        stand = Canvas(c.pixels, c.style, c.light, haze=haze, air=(0.62, 0.78, 0.60))
        for at in (np.arange(count) + rng.uniform(0.2, 0.8, count)) / count:
            # the nearest trunks leave the middle free
            x = float(at) if haze else 0.5 * float(at) + (0.0 if at < 0.5 else 0.5)
            foot, crown = width, width * 0.7
            trunk = [(x - foot, 0.84), (x - crown, -0.05), (x + crown, -0.05), (x + foot, 0.84)]
            stand.fill(trunk, (0.32, 0.22, 0.15), bulge=0.6)
    c.fill(_ridge(rng, 0.80, 0.018), (0.24, 0.36, 0.16), bulge=0.2)
    for x in rng.uniform(0, 1, 7):
        fern = curve([(x - 0.06, 0.90), (x - 0.02, 0.82), (x + 0.02, 0.82), (x + 0.06, 0.90)], 1)
        c.soft().fill(fern, (0.16, 0.46, 0.20), bulge=0.5)


def room(c: Canvas, rng: Rng) -> None:
    wall = ((0.86, 0.76, 0.62), (0.70, 0.78, 0.74), (0.84, 0.70, 0.70))[int(rng.integers(3))]
    c.wash(wall, (wall[0] * 0.85, wall[1] * 0.85, wall[2] * 0.85), 0, 0.76)
    left = 0.08 if c.light[0] < 0 else 0.66
    c.fill(
        box(left, 0.10, left + 0.26, 0.46),
        (0.68, 0.86, 0.98),
        bulge=0.3,
    )
    bar: RGB = (0.97, 0.96, 0.92)
    c.soft().fill(
        box(left + 0.12, 0.10, left + 0.14, 0.46),
        bar,
        bulge=0,
    )
    c.soft().fill(box(left, 0.27, left + 0.26, 0.29), bar, bulge=0)
    c.wash((0.60, 0.42, 0.26), (0.44, 0.29, 0.18), 0.76, 1.0)
    for k in range(5):
        x = k / 4
        c.soft().fill(
            [(x - 0.004, 0.76), (x + 0.004, 0.76), (0.5 + (x - 0.5) * 1.6, 1.0)],
            (0.34, 0.22, 0.14),
            bulge=0,
        )
    c.soft().fill(box(0, 0.74, 1, 0.77), bar, bulge=0)
    c.glow(1 - left - 0.1, 0.25, 0.22, (1.0, 0.90, 0.66), 0.5)


def studio(c: Canvas, rng: Rng) -> None:
    tone = ((0.80, 0.82, 0.86), (0.66, 0.72, 0.76), (0.88, 0.84, 0.80))[int(rng.integers(3))]
    c.wash((tone[0] * 0.82, tone[1] * 0.82, tone[2] * 0.82), tone)
    c.glow(0.5, 0.48, 0.36, (0.98, 0.98, 0.97), 0.7)
    c.soft().fill(
        ellipse(0.5, 0.92, 0.42, 0.06),
        (tone[0] * 0.7, tone[1] * 0.7, tone[2] * 0.7),
        bulge=0,
        alpha=0.6,
    )


PLACE: Final[Mapping[str, Callable[[Canvas, Rng], None]]] = {
    "meadow": meadow,
    "beach": beach,
    "town": town,
    "forest": forest,
    "room": room,
    "studio": studio,
}


def parasol(c: Canvas, rng: Rng) -> None:
    """A striped sunshade planted at one side, in front of the subject."""
    x = 0.16 if rng.random() < 0.5 else 0.84
    c.fill(
        box(x - 0.014, 0.40, x + 0.014, 0.94),
        (0.92, 0.90, 0.86),
        bulge=0,
    )
    fan = [(x + 0.21 * cos(a), 0.46 + 0.25 * sin(a)) for a in np.linspace(pi, 2 * pi, 13)]
    c.fill(fan, (0.98, 0.96, 0.90), bulge=0.5)
    for k in (0, 4, 8):
        c.soft().fill([(x, 0.22), *fan[k + 1 : k + 4]], (0.92, 0.22, 0.40), bulge=0.3)


def bee(c: Canvas, rng: Rng) -> None:
    """A bee beside the subject's top."""
    b = c.at(0.22 if rng.random() < 0.5 else 0.78, float(rng.uniform(0.18, 0.30)), 0.12)
    for side in (-1, 1):
        b.fill(ellipse(0.1 + side * 0.4, -0.75, 0.36, 0.50), (0.90, 0.95, 1.0), bulge=0.2)
    b.fill(ellipse(0, 0, 1.0, 0.68), (1.0, 0.80, 0.10), bulge=0.6)
    for x in (-0.35, 0.10, 0.52):
        b.soft().fill(
            box(x - 0.12, -0.58, x + 0.12, 0.58),
            (0.10, 0.08, 0.06),
            bulge=0,
        )


def balloon(c: Canvas, rng: Rng) -> None:
    """The rare thing: a balloon high up."""
    x = 0.18 if rng.random() < 0.5 else 0.82
    c.soft().fill(
        [(x - 0.004, 0.28), (x + 0.004, 0.28), (x + 0.02, 0.60)], (0.25, 0.25, 0.28), bulge=0
    )
    c.fill(ellipse(x, 0.18, 0.10, 0.125), (0.95, 0.25, 0.62), bulge=1.0)


def clutter(c: Canvas, rng: Rng) -> None:
    """Confetti of small things all over the background."""
    tints: tuple[RGB, ...] = (
        (0.9, 0.3, 0.3),
        (0.3, 0.6, 0.9),
        (0.95, 0.8, 0.2),
        (0.4, 0.75, 0.4),
        (0.7, 0.4, 0.8),
    )
    for x, y, r, kind in rng.uniform((0, 0, 0.045, 0), (1, 1, 0.065, 3), (18, 4)):
        tint = tints[int(rng.integers(len(tints)))]
        sides = (3, 4, 12)[int(kind)]
        c.fill(ellipse(x, y, r, r, sides), tint, bulge=0.3)


def neon(c: Canvas) -> None:
    """The background in two glowing inks on near-black, darkness from its own light."""
    size = c.pixels.shape[0]
    grey = c.pixels.mean(-1, keepdims=True)
    ramp = np.linspace(0, 1, size, dtype=np.float32)[:, None, None]
    ink = (
        np.array((0.95, 0.10, 0.75), np.float32) * (1 - ramp)
        + np.array((0.05, 0.85, 0.95), np.float32) * ramp
    )
    c.pixels[:] = np.array((0.06, 0.02, 0.14), np.float32) + ink * (grey**1.6) * 0.80


def chart(c: Canvas) -> None:
    """The ruled ground of a clinical diagram."""
    size = c.pixels.shape[0]
    step = size // 8
    for k in range(0, size, step):
        c.pixels[k : k + 2] = c.pixels[k : k + 2] * 0.5 + CHART * 0.25
        c.pixels[:, k : k + 2] = c.pixels[:, k : k + 2] * 0.5 + CHART * 0.25
