"""The geometry of guidance, exact where the data are Gaussians: there every answer is known."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from negprompt.guidance.rules import Branches, Step, cfg
from negprompt.guidance.schedule import clean
from negprompt.measure.explain.plane import (
    distances,
    guided,
    nearest_scale,
    stacked,
    through,
    turn,
)
from negprompt.models.gaussian import GaussianDenoiser, Kind

ALPHA, DEVIATION, SEEDS, WIDTH = 0.3, 0.5, 5, 12
MEANS = torch.randn(4, WIDTH, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
SHRUNK = (1 - ALPHA) / (ALPHA * DEVIATION**2 + 1 - ALPHA)
"""Differences of clean predictions to differences of means: 1 − √ᾱ·(√ᾱσ²/v)."""


def clean_points(kind: Kind) -> tuple[Tensor, ...]:
    """Unconditioned, conditioned, negative and target as the exact denoiser predicts them."""
    denoiser = GaussianDenoiser(torch.tensor([ALPHA], dtype=torch.float64), DEVIATION, kind)
    x = torch.randn(SEEDS, WIDTH, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    predictions = [denoiser(x, 0, mean.expand(SEEDS, 1, WIDTH))[0] for mean in MEANS]
    return tuple(stacked(clean(p, x, denoiser.table[0], kind)) for p in predictions)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
def test_the_plane_of_gaussians_is_that_of_their_means(kind: Kind) -> None:
    u, p, n, t = clean_points(kind)
    plane, of_means = through(u, p, n, t), through(*MEANS)
    assert plane.unit == pytest.approx(SHRUNK * of_means.unit, rel=1e-6)
    for point, mean in zip((u, p, n, t), MEANS, strict=True):
        found, known = plane.place(point), of_means.place(mean)
        assert (found.x, found.y, found.off) == pytest.approx(
            (known.x, known.y, known.off), rel=1e-6, abs=1e-9
        )
    assert turn(u, p, n) == pytest.approx(turn(*MEANS[:3]), rel=1e-6)
    assert nearest_scale(p, n, t) == pytest.approx(nearest_scale(*MEANS[1:]), rel=1e-6)


@pytest.mark.parametrize("scale", [1.0, 1.5, 4.0, 10.0])
def test_every_scale_stays_in_the_plane(scale: float) -> None:
    u, p, n, t = clean_points("v_prediction")
    plane = through(u, p, n, t)
    without = plane.place(guided(p, u, scale))
    assert without.x == pytest.approx(scale)
    assert (without.y, without.off) == pytest.approx((0, 0), abs=1e-9)
    assert plane.place(guided(p, n, scale)).off == pytest.approx(0, abs=1e-9)
    assert plane.place(n).y < 0 < plane.place(guided(p, n, 4.0)).y
    assert plane.place(t).off > 0.1


def test_the_line_of_guidance_is_the_rule() -> None:
    _, p, n, _ = MEANS
    made, _ = cfg(4.0)(Branches(p, (n,)), Step(0, 1, 0.0))
    torch.testing.assert_close(guided(p, n, 4.0), made)


def test_distances_in_the_plane_and_off_it_add_up() -> None:
    u, p, n, t = clean_points("sample")
    plane = through(u, p, n, t)
    for scale, far in zip((1.0, 3.0), distances(p, n, t, (1.0, 3.0)), strict=True):
        here, there = plane.place(guided(p, n, scale)), plane.place(t)
        flat = math.hypot(here.x - there.x, here.y - there.y)
        assert far / plane.unit == pytest.approx(math.hypot(flat, there.off))


@given(st.integers(0, 10_000))
def test_no_scale_is_nearer_than_the_nearest(seed: int) -> None:
    p, n, t = torch.randn(3, 7, generator=torch.Generator().manual_seed(seed)).double()
    best = nearest_scale(p, n, t)
    assert best is not None
    least, *others = distances(p, n, t, (best, best - 0.1, best + 0.1, 1.0, 4.0))
    assert all(least <= other + 1e-9 for other in others)


def test_a_negative_on_the_way_does_not_turn_the_arrow() -> None:
    u, p, *_ = MEANS
    assert turn(u, p, (u + p) / 2) == pytest.approx(0, abs=1e-4)
    assert turn(u, p, 2 * p - u) == pytest.approx(180, abs=1e-4)
    assert turn(u, p, p) is None
    assert nearest_scale(p, p, u) is None


def test_points_that_coincide_leave_a_plane_to_the_others() -> None:
    u, p, _, t = MEANS
    plane = through(u, p, u, t)
    assert plane.place(t).off == pytest.approx(0, abs=1e-9)
    line = through(u, p, u)
    assert line.place(p).x == pytest.approx(1)
    assert line.place(t).off > 0
    nothing = through(u, u, u)
    assert nothing.unit == 1
    assert nothing.place(u) == nothing.place(u.clone())


def test_stacked_distances_are_root_mean_squares_over_seeds() -> None:
    a, b = torch.randn(2, 3, 4, 5, 5, generator=torch.Generator().manual_seed(0))
    each = (a - b).flatten(1).norm(dim=1)
    assert float((stacked(a) - stacked(b)).norm()) == pytest.approx(
        float(each.square().mean().sqrt()), rel=1e-6
    )
