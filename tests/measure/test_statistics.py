"""Intervals against statsmodels, against published examples, and against simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar
from statsmodels.stats.proportion import proportion_confint

from negprompt.measure.statistics import Interval, Pairs, change, mcnemar, mean, pairs, wilson


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_equals_statsmodels(case: tuple[int, int]) -> None:
    successes, n = case
    lo, hi = proportion_confint(successes, n, method="wilson")
    found = wilson(successes, n)
    assert found.rate == successes / n
    assert (found.lo, found.hi) == pytest.approx((lo, hi), abs=1e-9)
    assert 0 <= found.lo <= found.rate <= found.hi <= 1


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (3, 2), (-1, 4)])
def test_what_is_no_rate_is_refused(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match="no rate"):
        wilson(successes, n)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_equals_statsmodels(lost: int, gained: int) -> None:
    if lost + gained == 0:
        assert mcnemar(lost, gained) == 1
        return
    expected = reference_mcnemar([[0, lost], [gained, 0]], exact=True).pvalue
    assert mcnemar(lost, gained) == pytest.approx(expected)


def test_change_equals_a_published_example() -> None:
    """Newcombe 1998, table III, method 10: cells 36, 12, 2, 0."""
    found = change(Pairs(both=36, gained=12, lost=2, neither=0))
    assert found.rate == pytest.approx(0.2)
    assert (found.lo, found.hi) == pytest.approx((0.0569, 0.3404), abs=5e-4)


def test_change_covers_the_truth() -> None:
    """95 % intervals hold the true difference in about 95 % of simulated suites."""
    rng = np.random.default_rng(0)
    cells = np.array([0.06, 0.30, 0.02, 0.62])
    held = 0
    for counts in rng.multinomial(64, cells, size=2000):
        both, lost, gained, neither = (int(count) for count in counts)
        found = change(Pairs(both=both, lost=lost, gained=gained, neither=neither))
        held += found.lo <= cells[2] - cells[1] <= found.hi
    assert 0.93 <= held / 2000 <= 0.98


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1))
def test_pairs_count_every_pair_once(seen: list[tuple[bool, bool]]) -> None:
    counted = pairs([a for a, _ in seen], [b for _, b in seen])
    assert counted.n == len(seen)
    assert counted.without.rate == sum(a for a, _ in seen) / len(seen)
    assert counted.steered.rate == sum(b for _, b in seen) / len(seen)
    found = change(counted)
    assert found.lo <= found.rate <= found.hi


def test_pairs_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        pairs([True], [])


def test_mean_of_one_is_itself_and_of_more_is_narrower() -> None:
    one = wilson(20, 64)
    same = mean([one])
    assert (same.rate, same.lo, same.hi) == pytest.approx((one.rate, one.lo, one.hi))
    four = mean([one] * 4)
    assert four.hi - four.lo == pytest.approx((one.hi - one.lo) / 2)
    with pytest.raises(ValueError, match="no mean"):
        mean([])


def test_an_interval_is_what_it_was_made_of() -> None:
    assert Interval(0.5, 0.4, 0.6) == Interval(0.5, 0.4, 0.6)
