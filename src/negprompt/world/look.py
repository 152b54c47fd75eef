"""What every subject's drawing shares: what it is told, its palette, and things that are worn."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from negprompt.world.canvas import RGB, Canvas, curve, ellipse
from negprompt.world.scenes import Scene

DARK: Final = (0.10, 0.08, 0.12)
LIGHT: Final = (0.97, 0.96, 0.93)
SKIN: Final = ((0.98, 0.82, 0.70), (0.87, 0.64, 0.47), (0.55, 0.36, 0.25))
WOOD: Final = (0.47, 0.31, 0.20)


@dataclass(frozen=True, slots=True)
class Look:
    """What a drawing is told: the scene, its main colour, and a source for what has no name."""

    scene: Scene
    colour: RGB
    rng: np.random.Generator

    def has(self, concept: str) -> bool:
        """Whether the scene carries a concept by itself; umbrellas are not looked up."""
        return concept in self.scene.present

    def wobble(self, amount: float) -> float:
        """A number within ± ``amount``."""
        return float(self.rng.uniform(-amount, amount))


def darker(colour: RGB, by: float = 0.72) -> RGB:
    """A colour multiplied by ``by``."""
    return (colour[0] * by, colour[1] * by, colour[2] * by)


def paler(colour: RGB, by: float = 0.45) -> RGB:
    """A colour mixed with white; ``by`` 1 is white."""
    return (
        colour[0] + (1 - colour[0]) * by,
        colour[1] + (1 - colour[1]) * by,
        colour[2] + (1 - colour[2]) * by,
    )


def eyes(c: Canvas, x: float, y: float, apart: float, size: float) -> None:
    """Two eyes, each ``apart`` from their middle (x, y)."""
    for side in (-1, 1):
        c.fill(ellipse(x + side * apart, y, size, size * 1.25, 14), LIGHT, bulge=0)
        c.soft().fill(
            ellipse(x + side * apart, y + size * 0.15, size * 0.55, size * 0.8, 12), DARK, bulge=0
        )


def hat(c: Canvas, x: float, y: float, size: float) -> None:
    """A top hat standing on (x, y)."""
    h = c.within(x, y, size)
    h.fill(
        [(-0.62, -0.15), (-0.72, -1.15), (0.72, -1.15), (0.62, -0.15)],
        (0.20, 0.17, 0.24),
        bulge=0.4,
    )
    h.fill(
        [(-0.65, -0.15), (-0.67, -0.42), (0.67, -0.42), (0.65, -0.15)],
        (0.90, 0.45, 0.12),
        bulge=0.2,
    )
    h.fill(ellipse(0, -0.08, 1.15, 0.20), (0.20, 0.17, 0.24), bulge=0.4)


def scarf(c: Canvas, x: float, y: float, width: float) -> None:
    """A striped scarf around a neck at (x, y), one end hanging."""
    tint, stripe = (0.93, 0.30, 0.52), (0.99, 0.93, 0.80)
    s = c.within(x, y, width)
    s.fill(curve([(0.25, 0.1), (0.75, 0.05), (0.85, 1.25), (0.40, 1.25)], 1), tint, bulge=0.4)
    s.soft().fill([(0.38, 0.75), (0.80, 0.72), (0.82, 0.92), (0.40, 0.95)], stripe, bulge=0.2)
    s.fill(
        curve([(-1.1, -0.25), (0, -0.05), (1.1, -0.25), (1.15, 0.2), (0, 0.42), (-1.15, 0.2)], 2),
        tint,
        bulge=0.7,
    )
    for side in (-0.6, 0.0, 0.6):
        lift = -0.06 * abs(side)
        top, bottom = -0.1 + lift, 0.3 + lift
        bar = [(side - 0.1, top), (side + 0.1, top), (side + 0.12, bottom), (side - 0.12, bottom)]
        s.soft().fill(bar, stripe, bulge=0.2)


def logo(c: Canvas, x: float, y: float, size: float) -> None:
    """The rival's mark: a black disc with a yellow bolt."""
    g = c.within(x, y, size)
    g.fill(ellipse(0, 0, 1, 1), (0.07, 0.07, 0.09), bulge=0)
    bolt = [(0.15, -0.8), (-0.5, 0.15), (-0.05, 0.15), (-0.2, 0.8), (0.5, -0.2), (0.05, -0.2)]
    g.soft().fill(bolt, (1.0, 0.85, 0.1), bulge=0)
