"""Evidence that may be looked at any time: laws, exact values, and simulated raters."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from negprompt.measure import sequential
from negprompt.measure.effects import bootstrap, holm, variety
from negprompt.measure.sequential import Preference, discoveries, fair, sequence


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_bet_on_a_coin_is_exact(heads: int, tails: int) -> None:
    exact = Fraction(2 ** (heads + tails), comb(heads + tails, heads) * (heads + tails + 1))
    assert fair(heads, tails) == pytest.approx(float(exact))
    assert fair(heads, tails) == pytest.approx(fair(tails, heads))


@given(st.integers(0, 40), st.integers(0, 40))
def test_the_bet_is_fair_at_every_toss(heads: int, tails: int) -> None:
    after = (fair(heads + 1, tails) + fair(heads, tails + 1)) / 2
    assert after == pytest.approx(fair(heads, tails))


def test_simulated_blind_raters_claim_falsely_in_few_sessions() -> None:
    rng = np.random.default_rng(0)
    claims = 0
    for _ in range(2000):
        found = Preference()
        for one in rng.choice((-1, 0, 1), 40, p=(0.35, 0.3, 0.35)):
            found = Preference((*found.said, int(one)))
            if sequential.fair(found.first, found.second) >= 20:
                claims += 1
                break
    assert claims / 2000 <= 0.05


def test_a_rater_who_can_tell_is_believed() -> None:
    found = Preference((1,) * 8 + (0, 0, -1))
    assert found.told == 1
    assert Preference((-1,) * 8).told == -1
    assert Preference((1, -1) * 12).told == 0
    assert Preference().p_value == 1


def test_what_was_seen_once_stays_seen() -> None:
    """The p-value is the least so far: later pairs do not take it back."""
    early = Preference((1,) * 9)
    assert Preference((*early.said, *(-1,) * 5)).p_value == early.p_value


def test_few_claims_of_many_are_false() -> None:
    """50 nulls of 60: the share of false claims stays within 5 % on average."""
    rng, shares = np.random.default_rng(0), []
    for _ in range(300):
        lost = np.append(rng.binomial(16, 0.5, 50), rng.binomial(16, 0.97, 10))
        chosen = discoveries([fair(int(k), 16 - int(k)) for k in lost])
        shares.append(sum(chosen[:50]) / max(1, sum(chosen)))
        assert sum(chosen[50:]) >= 1
    assert np.mean(shares) <= 0.05


def test_a_single_claim_needs_twenty() -> None:
    assert discoveries([19.9]) == (False,)
    assert discoveries([20.0]) == (True,)
    assert discoveries([40.0, 40.0, 1.0]) == (True, True, False)
    assert discoveries([]) == ()


@pytest.mark.parametrize("chances", [(0.0, 1.0, 0.0), (0.05, 0.9, 0.05), (0.5, 0.48, 0.02)])
def test_a_confidence_sequence_holds_at_every_length(chances: tuple[float, ...]) -> None:
    rng, mean, missed = np.random.default_rng(1), chances[2] - chances[0], 0
    for _ in range(150):
        values = rng.choice((-1.0, 0.0, 1.0), 64, p=chances).tolist()
        looks = (sequence(values[:n], 64) for n in (8, 16, 32, 64))
        missed += not all(look.lo <= mean <= look.hi for look in looks)
    assert missed / 150 <= 0.05


def test_a_confidence_sequence_closes_in() -> None:
    assert sequence([], 64).hi == 1
    assert sequence([0.0] * 64, 64).hi < 0.1
    assert sequence([-1.0, 0.0] * 64, 128).hi < -0.3
    with pytest.raises(ValueError, match="outside"):
        sequence([2.0], 4)


def test_pairs_needed() -> None:
    more = sequential.pairs_needed(6, 2, 20, threshold=40)
    scale = (20 + more) / 20
    assert fair(round(6 * scale), round(2 * scale)) >= 40
    assert sequential.pairs_needed(3, 3, 20, threshold=40) == 100_000


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_only_raises_and_keeps_the_order(ps: list[float]) -> None:
    corrected = holm(ps)
    assert all(p <= q <= 1 for p, q in zip(ps, corrected, strict=True))
    assert [corrected[i] for i in np.argsort(ps, kind="stable")] == sorted(corrected)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx((0.03, 0.06, 0.06))


def test_bootstrap_covers() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for k in range(200):
        found = bootstrap(rng.exponential(1, 60).tolist(), seed=k)
        held += found.lo <= 1 <= found.hi
    assert held / 200 >= 0.90
    with pytest.raises(ValueError, match="no values"):
        bootstrap([])


def test_variety_sees_pictures_draw_together() -> None:
    rng = np.random.default_rng(0)
    wide = rng.normal(size=(60, 30))
    found = variety(wide, 0.7 * wide + 0.05 * rng.normal(size=wide.shape))
    assert found.hi < -0.2 < 0
    assert found.rate == pytest.approx(-0.3, abs=0.02)
    again = variety(wide, rng.normal(size=(60, 30)))
    assert again.lo <= 0 <= again.hi
    assert variety(wide[:2], wide[:2]).hi == np.inf
    assert variety(wide * 0, wide * 0).rate == 0
