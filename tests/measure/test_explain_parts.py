"""Leaving terms out, where a change is, what picture was meant."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from negprompt.language import parse
from negprompt.measure.explain import where
from negprompt.measure.explain.leave_out import keeping
from negprompt.measure.explain.target import meant
from negprompt.policy.plan import plan, terms


@pytest.mark.parametrize(
    ("text", "number", "rest"),
    [
        ("a, b, c", 1, "a, c"),
        ("a, b, c", 2, "a, b"),
        ("(a, b:1.3), c", 0, "(b:1.3), c"),
        ("(a:1.5), b", 0, "b"),
        ("((a)) b, [c], d", 1, "((a)) b, d"),
        ("x, y BREAK z", 0, "y BREAK z"),
        ("a,, b,", 1, "a"),
    ],
)
def test_a_term_is_left_out_with_its_comma(text: str, number: int, rest: str) -> None:
    planned = plan("p", [text])
    kept = set(range(len(planned.negatives[0].terms))) - {number}
    assert keeping(planned, kept) == ((rest, 1.0),)


@given(st.text("ab ,()[]:1.\\", max_size=30), st.integers(0, 5))
def test_the_other_terms_keep_text_and_weight(text: str, number: int) -> None:
    planned = plan("p", [text])
    before = [(term.text, term.weight) for term in planned.negatives[0].terms]
    left = keeping(planned, set(range(len(before))) - {number})
    after = [(term.text, term.weight) for t, _ in left for term in terms(parse(t))]
    expected = [term for place, term in enumerate(before) if place != number]
    assert [text for text, _ in after] == [text for text, _ in expected]
    assert [weight for _, weight in after] == pytest.approx([weight for _, weight in expected])


@pytest.mark.parametrize(
    ("dialect", "text", "number", "rest", "alone"),
    [
        ("a1111", "scarf, (blurry:1.3), ugly", 1, "scarf, ugly", "(blurry:1.3)"),
        ("a1111", "(a BREAK b:1.3), c", 0, "(b:1.3), c", "(a:1.3)"),
        ("a1111", "[a:b:0.5], (c:1.2), d", 1, "[a:b:0.5], d", "[::0.5], (c:1.2)"),
        ("comfy", "scarf, (blurry:1.3), ugly", 1, "scarf, ugly", "(blurry:1.3)"),
        ("comfy", "(a, (b)), c", 1, "(a,) c", "((b))"),
        ("comfy", "x, embedding:bad, c", 0, "embedding:bad, c", "x"),
        ("compel", "scarf, blurry++, ugly", 1, "scarf, ugly", "(blurry)++"),
        ("compel", "scarf, (blurry hat)1.3, ugly", 1, "scarf, ugly", "(blurry hat)1.3"),
        ("compel", '("a", "b, c").and(1, 0.5)', 0, '("b , c").and(0.5)', '("a").and(1)'),
        ("compel", '("a", "b").blend(1, 0.5)', 0, '("", "b").blend(1, 0.5)',
         '("a", "").blend(1, 0.5)'),
        ("plain", "scarf, (blurry:1.3), ugly", 1, "scarf, ugly", "(blurry:1.3)"),
        ("novelai", "scarf, {{blurry}}, [a, b]", 1, "scarf, [a, b]", "{{blurry}}"),
        ("midjourney", "scarf, blurry, hat", 0, "blurry, hat", "scarf"),
    ],
)  # fmt: skip
def test_a_term_is_left_out_and_stands_alone_in_every_dialect(
    dialect: str, text: str, number: int, rest: str, alone: str
) -> None:
    planned = plan("p", [text], dialect=dialect)
    every = planned.negatives[0].terms
    for kept, expected in (({*range(len(every))} - {number}, rest), ({number}, alone)):
        assert keeping(planned, kept) == ((expected, 1.0),)
        read = plan("p", [expected], dialect=dialect).negatives[0].terms
        said = [(term.text, term.weight) for place, term in enumerate(every) if place in kept]
        assert [(term.text, term.weight) for term in read] == said


@given(st.text("ab ,():1.", max_size=30), st.sets(st.integers(0, 5), min_size=1))
def test_the_terms_that_stay_say_the_same_in_comfy(text: str, kept: set[int]) -> None:
    planned = plan("p", [text], dialect="comfy")
    before = planned.negatives[0].terms
    left = keeping(planned, kept)
    after = [term for t, _ in left for term in terms(parse(t, "comfy"))]
    expected = [term for place, term in enumerate(before) if place in kept]
    assert [term.text for term in after] == [term.text for term in expected]
    weights = [term.weight for term in expected]
    assert [term.weight for term in after] == pytest.approx(weights)


def test_a_negative_without_terms_left_is_left_out() -> None:
    planned = plan("p", ["a, b", "c"], [2, 1])
    assert keeping(planned, {0, 1, 2}) == (("a, b", 2.0), ("c", 1.0))
    assert keeping(planned, {1}) == (("b", 2.0),)
    assert keeping(planned, set()) == ()
    assert keeping(plan("p", [""]), set()) == (("", 1.0),)


def test_the_area_is_the_smallest_that_holds_half() -> None:
    acted = np.zeros((4, 4))
    acted[1, 2], acted[3, 3], acted[0, 0] = 6, 3, 1
    inside = where.area(acted)
    assert inside.sum() == 1
    assert inside[1, 2]
    assert where.area(np.zeros((4, 4))).sum() == 0
    assert where.area(np.ones((4, 4))).mean() == 0.5


def test_what_changed_outside_is_counted_on_the_finer_grid() -> None:
    inside = np.zeros((2, 2), bool)
    inside[0, 1] = True
    change = np.zeros((8, 8))
    change[0, 7], change[7, 0] = 3, 1
    assert where.outside(change, inside) == 0.25
    assert where.outside(np.zeros((8, 8)), inside) is None
    uneven = where.fine(inside, (5, 7))
    assert uneven.shape == (5, 7)
    assert uneven[0, 6]
    assert not uneven[4, 6]


def test_the_strength_of_a_difference_is_its_length_at_each_place() -> None:
    difference = np.zeros((3, 2, 2), np.float32)
    difference[0, 0, 1], difference[2, 0, 1] = 3, 4
    assert where.strength(difference).tolist() == [[0, 5], [0, 0]]


def test_the_target_shows_what_the_prompt_names_and_nothing_that_the_negative_names() -> None:
    target = meant("a red cat in a meadow, cartoon", "scarf, blurry")
    assert target.caption == "a cartoon of a red cat in a meadow, high quality, sharp, bare neck"
    assert target.named == ("subject: cat", "colour: red", "place: meadow", "style: cartoon")
    assert target.drawn == ()
    assert target.absent == ("blurry", "scarf")


def test_what_the_prompt_leaves_open_is_drawn_and_said() -> None:
    target = meant("a person with a hat", "illustration, on a beach, extra fingers")
    assert "with: hat" in target.named
    assert {line.split(":")[0] for line in target.drawn} == {"colour", "place", "style"}
    assert "style: illustration" not in target.drawn
    assert "place: beach" not in target.drawn
    assert "five fingers" not in target.caption
    assert target == meant("a person with a hat", "illustration, on a beach, extra fingers")


def test_the_prompt_is_believed_where_both_name_the_same() -> None:
    target = meant("a cat with a scarf on a beach", "scarf, beach")
    assert "scarf" in target.caption
    assert "beach" in target.caption
    assert target.absent == ()


def test_two_solids_keep_their_colours() -> None:
    target = meant("red circle and a blue square", "blue circle")
    assert "a red circle and a blue square" in target.caption
