"""Predictions → geometry: the plane that guidance moves in, and how far a target lies from it.

It knows no model, prompt or picture. A *point* is what a model predicts under one condition for all
seeds at once, as one vector: see ``stacked``. All guidance by one baseline happens on the straight
line through baseline and prompt, so unconditioned, conditioned and negative span a plane that holds
every result of every scale, with the negative and without; a target may lie off it, and what lies
off it no scale can reach.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

NEGLIGIBLE = 1e-5
"""A direction shorter than this share of the longest one counts as none."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a point falls on a plane, in the plane's units."""

    x: float
    """Along the arrow from unconditioned to conditioned: at scale s plain guidance is at s."""
    y: float
    """Across it; what the negative predicts is at 0 or below."""
    off: float
    """Distance from the plane."""


@dataclass(frozen=True, slots=True)
class Plane:
    """Two orthonormal axes through an origin."""

    origin: Tensor
    """``[d]``"""
    axes: Tensor
    """``[2, d]``; a row of zeros where the points span less than a plane."""
    unit: float
    """Length that counts as 1."""

    def place(self, point: Tensor) -> Place:
        """Project a point ``[d]``."""
        rest = point - self.origin
        across = self.axes @ rest  # [2]
        off = (rest - across @ self.axes).norm()
        x, y = (across / self.unit).tolist()
        return Place(x, y, float(off) / self.unit)


def stacked(predictions: Tensor) -> Tensor:
    """Predictions of one condition for ``b`` seeds, ``[b, ...]``, as one point ``[d]`` in float64.

    Divided by √b: distances between points are then root mean squares over seeds of the distances
    between predictions, angles the angles between all of them, and what is linear stays linear.
    """
    return predictions.detach().cpu().double().flatten() / math.sqrt(predictions.shape[0])


def through(unconditioned: Tensor, conditioned: Tensor, negative: Tensor, *others: Tensor) -> Plane:
    """The plane through three points ``[d]``, by Gram-Schmidt on their differences.

    The first axis runs from unconditioned to conditioned, whose distance is the unit. Where two of
    the three coincide, the first of ``others`` that lies elsewhere completes the plane.
    """
    differences = [point - unconditioned for point in (conditioned, negative, *others)]
    longest = max(float(difference.norm()) for difference in differences)
    axes: list[Tensor] = []
    for difference in differences:
        rest = difference
        for axis in (*axes, *axes):  # twice, for the rounding
            rest = rest - (rest @ axis) * axis
        if len(axes) < 2 and float(rest.norm()) > NEGLIGIBLE * longest:
            axes.append(rest / rest.norm())
    while len(axes) < 2:
        axes.append(torch.zeros_like(unconditioned))
    lies = float(axes[1] @ (negative - unconditioned))
    both = torch.stack([axes[0], -axes[1] if lies > 0 else axes[1]])
    unit = next((length for d in differences if (length := float(d.norm())) > 0), 1.0)
    return Plane(unconditioned, both, unit)


def guided(conditioned: Tensor, baseline: Tensor, scale: float) -> Tensor:
    """Where guidance at a scale ends: ``p + (s − 1)(p − b)``."""
    return conditioned + (scale - 1) * (conditioned - baseline)


def distances(
    conditioned: Tensor, baseline: Tensor, target: Tensor, scales: Sequence[float]
) -> tuple[float, ...]:
    """Distance from the guided point to a target, for each scale."""
    return tuple(float((guided(conditioned, baseline, s) - target).norm()) for s in scales)


def nearest_scale(conditioned: Tensor, baseline: Tensor, target: Tensor) -> float | None:
    """The scale at which guidance comes nearest to a target: ``1 + ⟨t − p, p − b⟩ / ‖p − b‖²``.

    Beyond it every step of scale leads away. Below 1 where even the conditioned point is past it;
    None where conditioned and baseline coincide.
    """
    arrow = conditioned - baseline
    length = float(arrow @ arrow)
    return 1 + float((target - conditioned) @ arrow) / length if length > 0 else None


def turn(unconditioned: Tensor, conditioned: Tensor, negative: Tensor) -> float | None:
    """Degrees between the arrow with the negative and without: ``p − n`` and ``p − u``.

    None where one of them has no length.
    """
    without, with_it = conditioned - unconditioned, conditioned - negative
    lengths = float(without.norm() * with_it.norm())
    if lengths == 0:
        return None
    return math.degrees(math.acos(min(1.0, max(-1.0, float(without @ with_it) / lengths))))
