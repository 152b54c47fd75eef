"""compel's dialect: suffixes, groups, swaps, blends, parts, and what is refused."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negprompt.errors import PromptError
from negprompt.language import conjunction, parse, to_text
from negprompt.language.conjunctions import Blend, Fragment, Swap
from negprompt.language.nodes import DEEPEST


def fragments(text: str) -> list[tuple[str, float]]:
    """The fragments of a prompt that has one part."""
    (line,) = conjunction(parse(text, "compel")).parts
    assert not isinstance(line, Blend)
    return [(item.text, item.weight) for item in line if isinstance(item, Fragment)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [("", 1.0)]),
        ("cat, dog", [("cat, dog", 1.0)]),
        ("cat,dog", [("cat, dog", 1.0)]),
        ("cat++ dog", [("cat", 1.1**2), ("dog", 1.0)]),
        ("cat- (hot dog)0.5", [("cat", 0.9), ("hot dog", 0.5)]),
        ('"hot dog"--', [("hot dog", 0.9**2)]),
        ("(a (b)1.5 c)2", [("a", 2.0), ("b", 3.0), ("c", 2.0)]),
        ("(hot-dog).attend(1.3)", [("hot-dog", 1.3)]),
        ("(x)-1.5", [("x", 0.9), ("1.5", 1.0)]),
        ("(worst quality:1.4)", [("worst quality:1 . 4", 1.0)]),
        ("(a, b)", [("a , b", 1.0)]),
        ("[x] {y} BREAK", [("[x] {y} BREAK", 1.0)]),
        ("(unbalanced (two)+", [("(unbalanced", 1.0), ("two", 1.1)]),
        ("(a + b)++", [("(a + b)++", 1.0)]),
        (r"\(a\) (b)", [("(a) b", 1.0)]),
        ("foo.bar++", [("foo.bar++", 1.0)]),
        ("a withLora(x, 0.5) b", [("a b", 1.0)]),
    ],
)
def test_fragments(text: str, expected: list[tuple[str, float]]) -> None:
    said = fragments(text)
    assert [words for words, _ in said] == [words for words, _ in expected]
    assert [weight for _, weight in said] == pytest.approx([weight for _, weight in expected])


def test_swaps_hold_both_sides_under_the_weights_around_them() -> None:
    (line,) = conjunction(parse("(a cat.swap(big dog, s_end=0.5))2", "compel")).parts
    assert not isinstance(line, Blend)
    first, swap = line
    assert first == Fragment("a", 2.0)
    assert isinstance(swap, Swap)
    assert swap.original == (Fragment("cat", 2.0),)
    assert swap.edited == (Fragment("big dog", 2.0),)
    assert swap.options == {"s_start": 0.0, "s_end": 0.5, "t_start": 0.2, "t_end": 1.0}


def test_blends_and_parts_keep_their_weights() -> None:
    both = conjunction(parse('withLora(l) ("a", "b c+").blend(0.7, -0.3, no_normalize)', "compel"))
    (blend,) = both.parts
    assert isinstance(blend, Blend)
    assert (blend.weights, blend.normalize) == ((0.7, -0.3), False)
    assert blend.lines == ((Fragment("a", 1.0),), (Fragment("b", 1.0), Fragment("c", 1.1)))
    assert [network.items for network in both.networks] == [("l",)]
    prompt = parse('("a", "b").and(1, 2)', "compel")
    assert conjunction(prompt).weights == (1.0, 2.0)
    assert [share.weight for share in prompt.parts()] == [1.0, 2.0]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('("a", "b").and(1)', "parts-mismatch"),
        ('("a", "b").blend(1, 2, 3)', "parts-mismatch"),
        ('("a", "b").and(foo, bar)', "weight-malformed"),
        ('("a", "b").and(nan, inf)', "weight-not-finite"),
        ('("a", "b.swap(c)").blend()', "swap-in-blend"),
        ('("a", "b").blend() c', "blend-not-alone"),
        ("a" + "+" * 9_000, "weight-not-finite"),
        ("(a)" + "9" * 400, "weight-not-finite"),
        ("(" * (2 * DEEPEST), "nesting-too-deep"),
    ],
)
def test_refused_with_the_place(text: str, code: str) -> None:
    with pytest.raises(PromptError) as caught:
        parse(text, "compel")
    assert caught.value.code == code
    assert caught.value.source == text
    assert "^" in caught.value.caret()


def test_deep_groups_take_no_time_to_speak_of() -> None:
    assert fragments("(" * DEEPEST + "x" + ")" * DEEPEST) == [("x", 1.0)]
    assert fragments("a.swap(" * 90 + "=") == [("a.swap(" * 90 + "=", 1.0)]


FRAGMENTS = [
    "(", ")", '"', "a", "b", " ", ",", ".", "+", "-", "++", "1.5", "=", "\\(", "\\)", '\\"', "\\",
    "word", ".swap(", ".attend(", ").blend(", ").and(", "withLora(x)", "s_end=0.1", '("a", "b")',
    "hot-dog", "\n", "é", "\u3000", "[x]", ")1.3", ")--",
]  # fmt: skip


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join))
def test_round_trip(text: str) -> None:
    try:
        prompt = parse(text, "compel")
    except PromptError:
        return
    assert parse(to_text(prompt), "compel").nodes == prompt.nodes


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("blurry++, a hat---", "(blurry)++ , a (hat)---"),
        ("(old)1.3, (grey)0.5", "(old)1.3 , (grey)0.5"),
        ("(a (b)- c)++", "(a (b)- c)++"),
        ("(x)1.21", "(x)1.21"),
    ],
)
def test_a_weight_that_signs_say_is_written_in_signs(text: str, written: str) -> None:
    """1.21 is not 1.1 · 1.1 in floating point, so it stays a number."""
    prompt = parse(text, "compel")
    assert to_text(replace(prompt, source="")) == written
    assert parse(written, "compel").nodes == prompt.nodes


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join))
def test_spans_run_in_order_inside_the_source(text: str) -> None:
    try:
        prompt = parse(text, "compel")
    except PromptError:
        return
    for node in prompt.nodes:
        assert 0 <= node.span.start <= node.span.stop <= len(text)
    words = [s for s in prompt.segments() if s.text.strip()]
    assert all(a.span.start <= b.span.start for a, b in pairwise(words))
