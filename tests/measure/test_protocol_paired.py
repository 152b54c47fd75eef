"""Tests between rows: what flips say of known differences, and the rows of a whole table."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from negprompt.measure.protocol.paired import (
    PAIRED,
    Outcome,
    Test,
    beside,
    corrected,
    flipped,
)
from negprompt.measure.statistics import Interval, mcnemar

Test.__test__ = False  # type: ignore[attr-defined]  # a result, not a class of tests


def row(values: np.ndarray, cases: np.ndarray) -> dict[str, Outcome]:
    """A row whose figures are all the same."""
    return dict.fromkeys(PAIRED, Outcome(values.astype(float), cases))


@given(st.integers(0, 9), st.integers(0, 9))
def test_with_one_picture_a_prompt_flips_are_mcnemars_test(lost: int, gained: int) -> None:
    sums = np.array([1.0] * gained + [-1.0] * lost + [0.0] * 4)
    assert flipped(sums) == pytest.approx(mcnemar(lost, gained), abs=0.02)


def test_one_prompt_says_nothing_of_others() -> None:
    assert flipped(np.array([16.0])) == 1
    assert flipped(np.zeros(5)) == 1


@pytest.mark.slow
def test_pictures_of_one_prompt_are_not_counted_as_many() -> None:
    """Of 12 prompts with 16 pictures each, prompts alone differ: no claim in 95 % of the times."""
    rng, claims = np.random.default_rng(3), 0
    cases = np.repeat(np.arange(12), 16)
    for _ in range(400):
        shift = rng.normal(0, 1, 12)[cases]
        one, other = (
            row(rng.normal(0, 1, cases.size) + side, cases) for side in (shift, 0 * shift)
        )
        claims += beside(one, other)["avoided"].p <= 0.05
    assert 6 <= claims <= 34  # 20 ± 3 standard deviations


def test_a_difference_that_is_there_is_found_and_counted_over_shared_cases() -> None:
    rng = np.random.default_rng(5)
    cases = np.repeat(np.arange(10), 8)
    plain = rng.random(80) < 0.5
    better = plain | (rng.random(80) < 0.6)
    chosen = cases >= 2  # the antonym's row has no other cases
    test = beside(row(better[chosen], cases[chosen]), row(plain, cases))["subject"]
    assert test.n == 64
    assert test.difference.rate == pytest.approx((better[chosen] ^ plain[chosen]).mean())
    assert test.difference.lo > 0
    assert test.p == 2 / 2**8


def test_pictures_that_do_not_count_are_left_out() -> None:
    cases = np.repeat(np.arange(4), 2)
    values = np.array([1, np.nan, 1, 1, 1, 1, 1, 1])
    found = beside(row(values, cases), row(np.zeros(8), cases))
    assert found["place"].n == 7
    assert not beside(row(np.full(8, np.nan), cases), row(np.zeros(8), cases))


def test_p_is_corrected_for_the_rows_that_have_the_figure() -> None:
    def tests(**p: float) -> dict[str, Test]:
        return {name: Test(Interval(0, 0, 0), value, 8) for name, value in p.items()}

    found = corrected([tests(avoided=0.01, subject=0.01), tests(avoided=0.02), tests(avoided=0.5)])
    assert [one["avoided"].p for one in found] == pytest.approx([0.03, 0.04, 0.5])
    assert found[0]["subject"].p == 0.01
