"""Intervals that count prompts: coverage over simulated prompts that resemble themselves."""

import numpy as np
import pytest

from negprompt.measure.clusters import average, difference, directions, frechet, jackknife, rate

PROMPTS, SEEDS = 16, 8
GROUPS = np.repeat(np.arange(PROMPTS), SEEDS)


@pytest.mark.parametrize("middle", [0.5, 0.9])
def test_rates_of_prompts_that_differ_are_covered(middle: float) -> None:
    rng, held, naive = np.random.default_rng(0), 0, 0
    for _ in range(600):
        own = rng.beta(3 * middle, 3 * (1 - middle), PROMPTS)
        seen = rng.random(GROUPS.size) < own[GROUPS]
        found, alone = rate(seen, GROUPS), rate(seen, np.arange(GROUPS.size))
        held += found.lo <= middle <= found.hi
        naive += alone.lo <= middle <= alone.hi
    assert 0.925 <= held / 600 <= 0.98
    assert naive / 600 < 0.9


def test_means_of_prompts_that_differ_are_covered() -> None:
    rng, held = np.random.default_rng(1), 0
    for _ in range(600):
        values = rng.exponential(1, PROMPTS)[GROUPS] + rng.normal(0, 1, GROUPS.size)
        found = average(values, GROUPS)
        held += found.lo <= 1 <= found.hi
    assert 0.9 <= held / 600 <= 0.98


def test_independent_values_have_wilsons_interval() -> None:
    values = [True] * 30 + [False] * 10
    found = rate(values, range(40))
    assert (found.lo, found.hi) == pytest.approx((0.598, 0.858), abs=0.015)
    assert rate([False] * 40, range(40)).lo == 0
    assert rate([False] * 40, range(40)).hi < 0.1


def test_ends() -> None:
    assert average([3.0], [0]).hi == np.inf
    assert average([3.0, 3.0, 3.0], [0, 1, 2]).hi == 3
    assert rate([True], [0]).lo < 0.3
    for empty in (average, rate):
        with pytest.raises(ValueError, match="no values"):
            empty([], [])
    with pytest.raises(ValueError, match="two rows"):
        frechet(np.zeros((1, 3)), np.zeros((4, 3)))


def test_the_distance_of_gaussians_is_known() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (20_000, 3)) * (1.0, 2.0, 3.0)
    y = rng.normal(0, 1, (20_000, 3)) * (2.0, 2.0, 1.0) + (1.0, 0.0, 0.0)
    assert frechet(x, y) == pytest.approx(1 + (1 - 2) ** 2 + (3 - 1) ** 2, rel=0.03)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    assert frechet(x @ turn, y @ turn) == pytest.approx(frechet(x, y), rel=1e-6)
    assert frechet(x, x) == pytest.approx(0, abs=1e-9)


def test_the_jackknife_gives_the_known_error_of_a_mean() -> None:
    values = np.random.default_rng(0).normal(size=GROUPS.size)
    found = jackknife(lambda rows: float(values[rows].mean()), GROUPS)
    same = average(values, GROUPS)
    assert (found.lo, found.hi) == pytest.approx((same.lo, same.hi), abs=1e-6)
    assert jackknife(lambda _rows: 1.0, [0, 0, 1]).hi == np.inf


def test_directions_are_those_of_the_largest_spread() -> None:
    x = np.random.default_rng(0).normal(0, 1, (500, 4)) * (0.1, 5.0, 0.1, 2.0)
    axes = directions(x, 2)
    assert axes.shape == (4, 2)
    assert abs(axes[1, 0]) > 0.99
    assert abs(axes[3, 1]) > 0.99


def test_no_change_in_a_few_pairs_is_no_certainty() -> None:
    few, many = (difference(np.zeros(n), np.arange(n) // 4) for n in (12, 96))
    assert few.rate == many.rate == 0
    assert few.lo < -0.2
    assert few.hi > 0.2
    assert few.hi > 3 * many.hi > 0.05


def test_a_difference_of_pairs_is_covered() -> None:
    """16 prompts that differ, 8 pairs each: the interval holds the truth in 95 % of the times."""
    rng, truth, held = np.random.default_rng(11), -0.3, 0
    groups = np.repeat(np.arange(16), 8)
    for _ in range(600):
        lost = (0.35 + rng.uniform(-0.2, 0.2, 16))[groups]
        draws = rng.random(groups.size)
        values = np.where(draws < lost, -1.0, np.where(draws > 0.95, 1.0, 0.0))
        interval = difference(values, groups)
        held += interval.lo <= truth <= interval.hi
    assert 0.93 <= held / 600 <= 0.98
