"""Normalisation of weights: the mean, the length of words, and what they leave alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negprompt.encoding.normalising import NORMALISATIONS
from negprompt.encoding.types import TokenWeight
from negprompt.errors import Span

words = st.lists(st.tuples(st.floats(-2, 3), st.integers(1, 6)), min_size=1, max_size=8)


def tokens(drawn: list[tuple[float, int]]) -> tuple[TokenWeight | None, ...]:
    """Words of a weight and a size, BREAK behind the first."""
    every: list[TokenWeight | None] = []
    for word, (weight, size) in enumerate(drawn, 1):
        every += [TokenWeight(7, "", weight, Span(0, 0), 0, word)] * size
        every += [None] if word == 1 else []
    return tuple(every)


def weights(name: str, drawn: list[tuple[float, int]]) -> list[float]:
    made = NORMALISATIONS[name](tokens(drawn))
    assert [t is None for t in made] == [t is None for t in tokens(drawn)]
    return [t.weight for t in made if t is not None]


@given(words)
def test_the_mean_is_one(drawn: list[tuple[float, int]]) -> None:
    for name in ("mean", "length+mean"):
        made = weights(name, drawn)
        assert sum(made) / len(made) == pytest.approx(1)


@given(words)
def test_length_keeps_the_energy_of_each_word(drawn: list[tuple[float, int]]) -> None:
    made = iter(weights("length", drawn))
    for weight, size in drawn:
        own = [next(made) for _ in range(size)]
        assert sum((w - 1) ** 2 for w in own) == pytest.approx((weight - 1) ** 2)
        assert all((w - 1) * (weight - 1) >= 0 for w in own)


def test_none_changes_nothing_and_nothing_is_no_trouble() -> None:
    assert weights("none", [(1.5, 2)]) == [1.5, 1.5]
    assert [rule(()) for rule in NORMALISATIONS.values()] == [()] * 4
