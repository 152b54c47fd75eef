"""Effects put right with labels: coverage over simulated ablations with a probe that errs."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from negprompt.measure.corrected import Labels, alike, paired, student

SEEDS, LABELLED, RIGHT = 96, 40, 0.75


def world(rng: np.random.Generator) -> dict[str, Any]:
    """One ablation: a true effect drawn at random, truth and readings of SEEDS pairs."""
    there, lost, gained = rng.uniform(0.3, 0.7), rng.uniform(0.2, 0.9), rng.uniform(0.02, 0.15)
    without = rng.random(SEEDS) < there
    steered = np.where(without, rng.random(SEEDS) >= lost, rng.random(SEEDS) < gained)
    said = [np.where(rng.random(SEEDS) < RIGHT, arm, ~arm) for arm in (without, steered)]
    return {
        "effect": -there * lost + (1 - there) * gained,
        "true": steered.astype(float) - without,
        "said": said[1].astype(float) - said[0],
    }


def foreign(rng: np.random.Generator) -> Labels:
    """Labels of pictures that are in no arm."""
    true = rng.random(LABELLED) < 0.5
    said = np.where(rng.random(LABELLED) < RIGHT, true, ~true)
    return Labels(tuple(map(float, said)), tuple(map(bool, true)))


def covered(way: str, count: int, seed: int) -> float:
    rng, held = np.random.default_rng(seed), 0
    for _ in range(count):
        drawn = world(rng)
        few = LABELLED // 2
        if way == "paired":
            found = paired(drawn["said"][few:], drawn["said"][:few], drawn["true"][:few])
        else:
            found = alike(drawn["said"], foreign(rng))
        held += found.lo <= drawn["effect"] <= found.hi
    return held / count


@pytest.mark.parametrize("way", ["paired", "alike"])
def test_corrected_intervals_cover_the_truth(way: str) -> None:
    assert 0.93 <= covered(way, 600, seed=0) <= 0.975
    assert 0.93 <= covered(way, 200, seed=1) <= 0.97


@pytest.mark.slow
@pytest.mark.parametrize("way", ["paired", "alike"])
def test_coverage_with_more_simulations(way: str) -> None:
    assert 0.94 <= covered(way, 5000, seed=2) <= 0.97


def test_what_a_poor_probe_says_alone_is_too_little() -> None:
    rng, raw = np.random.default_rng(0), []
    for _ in range(200):
        drawn = world(rng)
        raw.append(drawn["said"].mean() - drawn["effect"])
    assert np.mean(raw) > 0.1


def test_a_perfect_probe_needs_little_correction() -> None:
    rng = np.random.default_rng(3)
    drawn = world(rng)
    exact = paired(drawn["true"][20:], drawn["true"][:20], drawn["true"][:20])
    assert exact.rate == pytest.approx(drawn["true"].mean(), abs=0.05)
    true = tuple([True, False] * 20)
    same = alike(drawn["true"], Labels(tuple(map(float, true)), true))
    assert same.rate == pytest.approx(drawn["true"].mean())


def test_a_probe_that_knows_nothing_leaves_everything_open() -> None:
    true = tuple([True, False] * 20)
    said = tuple([1.0, 1.0, 0.0, 0.0] * 10)
    found = alike([0.0, 1.0, -1.0] * 20, Labels(said, true))
    assert (found.lo, found.hi) == (-1, 1)


def test_too_few_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        paired([0.0] * 50, [0.0] * 14, [0.0] * 14)
    with pytest.raises(ValueError, match="too few"):
        alike([0.0] * 50, Labels((1.0,) * 29, (True,) * 29))
    with pytest.raises(ValueError, match="too few"):
        alike([0.0] * 50, Labels((1.0,) * 40, (True,) * 38 + (False,) * 2))


@pytest.mark.parametrize("freedom", [6, 14, 28, 100])
def test_students_quantile(freedom: int) -> None:
    assert student(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), abs=0.01)
