"""Laws of the merge, and the table of three modes and three ways to give a negative."""

from dataclasses import replace
from datetime import date
from itertools import permutations
from typing import get_args

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from tests.policy.house import house

from negprompt.engine import Request
from negprompt.errors import RequestError
from negprompt.policy import Layer, LayerTerm, plan
from negprompt.policy.layers import MODES, RANKS, OnPositive, Visibility
from negprompt.policy.merge import Given, given, merge

WORDS = st.sampled_from(["blurry", "Blurry", "text", "logo", "low  quality", "rival logo", "neon"])
TERMS = st.builds(LayerTerm, WORDS, st.sampled_from([0.5, 1.0, 1.2, 2.0]))
WAYS = st.sampled_from(get_args(Given))


@st.composite
def layers(draw: st.DrawFn) -> list[Layer]:
    """Some layers of different names."""
    names = draw(st.lists(st.sampled_from("abcdef"), unique=True, max_size=5))
    return [
        Layer(
            name=name,
            version="1.0.0",
            rank=draw(st.sampled_from(RANKS)),
            mode=draw(st.sampled_from(MODES)),
            terms=tuple(draw(st.lists(TERMS, min_size=1, max_size=4))),
            dialect=draw(st.sampled_from(["a1111", "comfy"])),
            visibility=draw(st.sampled_from(get_args(Visibility))),
            on_positive=draw(st.sampled_from(get_args(OnPositive))),
        )
        for name in names
    ]


@for_all(layers(), WAYS)
def test_it_is_idempotent(some: list[Layer], way: Given) -> None:
    assert merge(some + some, way) == merge(some, way)


@for_all(layers(), WAYS, st.randoms())
def test_the_order_of_policies_does_not_matter(some: list[Layer], way: Given, dice: object) -> None:
    mixed = list(some)
    dice.shuffle(mixed)  # type: ignore[attr-defined]
    assert merge(mixed, way) == merge(some, way)


@for_all(layers(), WAYS)
def test_the_order_of_terms_changes_nothing_but_the_order(some: list[Layer], way: Given) -> None:
    turned = [replace(layer, terms=layer.terms[::-1]) for layer in some]
    said = [
        {(t.key, t.weight, t.is_enforced, t.on_positive, len(t.origins)) for t in merged.terms}
        for merged in (merge(some, way), merge(turned, way))
    ]
    assert said[0] == said[1]


@for_all(layers(), WAYS)
def test_no_enforced_term_is_dropped_or_weakened(some: list[Layer], way: Given) -> None:
    merged = merge(some, way)
    held = {term.key: term for term in merged.terms}
    for layer in some:
        for term in layer.terms if layer.is_enforced else ():
            kept = held[(" ".join(term.text.casefold().split()), layer.dialect, layer.is_hidden)]
            assert kept.is_enforced
            assert kept.weight >= term.weight
            assert layer.label in kept.origins
    kinds = [term.is_enforced for term in merged.terms]
    assert kinds == sorted(kinds, reverse=True), "enforced terms come first"


@for_all(layers(), WAYS)
def test_no_term_comes_twice_and_each_knows_all_its_layers(some: list[Layer], way: Given) -> None:
    merged = merge(some, way)
    assert len({term.key for term in merged.terms}) == len(merged.terms)
    for term in merged.terms:
        for layer in some:
            if layer.label in term.origins:
                assert term.is_hidden == layer.is_hidden
                assert any(t.key == term.key[0] for t in layer.terms)


@for_all(layers(), WAYS)
def test_more_layers_take_nothing_away(some: list[Layer], way: Given) -> None:
    few, all_of_them = merge(some[1:], way), merge(some, way)
    assert {t.key for t in few.terms} <= {t.key for t in all_of_them.terms}


TABLE = {
    # mode: (absent, "", text)
    "default": ("low quality", "", "scarf"),
    "always": ("low quality", "", "low quality BREAK scarf"),
    "enforced": ("low quality", "low quality", "low quality BREAK scarf"),
}


@pytest.mark.parametrize("mode", TABLE)
@pytest.mark.parametrize(("place", "negative"), [(0, None), (1, ("",)), (2, ("scarf",))])
def test_three_modes_and_three_ways_to_give_a_negative(
    mode: str, place: int, negative: tuple[str, ...] | None
) -> None:
    request = Request(prompt="a cat", negative=negative, policies=(house(mode),))
    planned = request.planned()
    assert planned.effective_negative == TABLE[mode][place]
    assert planned.raw_negative == (negative or ("",))[0]
    assert bool(planned.negatives) == (negative is not None or bool(TABLE[mode][place]))
    origins = {t.text: t.layer for n in planned.negatives for t in n.terms}
    assert all(origins[text] == ("user" if text == "scarf" else house(mode).label)
               for text in origins)  # fmt: skip


def test_without_layers_nothing_changes() -> None:
    for negative in (None, ("",), ("scarf", "hat")):
        planned = Request(prompt="a cat", negative=negative).planned()
        assert planned.layers == ()
        assert not planned.standing
        assert not any(n.heads for n in planned.negatives)


@pytest.mark.parametrize(
    ("negatives", "way"),
    [(None, "absent"), ((), "absent"), (("",), "empty"), ((" \n", ""), "empty"),
     (("", "a"), "text"), (("()",), "text")],
)  # fmt: skip
def test_what_counts_as_given(negatives: tuple[str, ...] | None, way: str) -> None:
    assert given(negatives) == way


def test_what_a_midjourney_prompt_rules_out_is_a_negative_that_was_given() -> None:
    all_modes = [house("default", "a1"), house("always", "b1"), house("enforced", "c1")]
    planned = plan("a cat --no scarf", dialect="midjourney", layers=all_modes)
    assert [t.text for t in planned.negatives[0].terms] == ["c1", "b1", "scarf"]


def test_every_order_of_ranks_gives_one_text() -> None:
    some = [house("always", r, name=f"of-{r}", rank=r) for r in RANKS]
    said = {plan("a cat", layers=order).effective_negative for order in permutations(some, 6)}
    assert said == {"floor, model, domain, brand, user, feedback"}


def test_two_policies_of_one_name_are_told_apart() -> None:
    with pytest.raises(RequestError) as caught:
        plan("a cat", layers=[house("always", "a"), house("always", "b")])
    assert caught.value.code == "policy-twice"


def test_a_policy_for_other_models_is_left_out_and_says_so() -> None:
    layer = house("enforced", applies_to=("sdxl",))
    assert not merge([layer], "text").terms
    left = merge([layer], "text", family="sd1", model="pocket")
    assert [n.code for n in left.notices] == ["policy-not-for-model"]
    assert merge([layer], "text", family="sdxl").terms
    assert merge([replace(layer, applies_to=("pocket",))], "text", model="pocket").terms


@pytest.mark.parametrize(("mode", "acts"), [("default", 0), ("always", 0), ("enforced", 1)])
def test_a_date_ends_a_layer_unless_it_is_enforced(mode: str, acts: int) -> None:
    layer = house(mode, expires="2026-01-31")
    assert len(merge([layer], "absent", today=date(2026, 1, 31)).terms) == 1
    merged = merge([layer], "absent", today=date(2026, 2, 1))
    assert len(merged.terms) == acts
    assert [n.code for n in merged.notices] == ["policy-expired"]


def test_dividing_a_request_does_not_double_what_layers_add() -> None:
    some = (house("default", "a1"), house("always", "b1"), house("enforced", "c1"))
    for negative in (None, ("",), ("scarf AND hat :2",), ("scarf", "hat")):
        request = Request(prompt="a cat", negative=negative, policies=some)
        divided = request.divided()
        assert divided.planned().effective_negative == request.planned().effective_negative
        assert divided.divided() == divided
