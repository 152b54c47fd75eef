"""Laws of the language on drawn texts: round trip, tiling spans, weights by the naive method."""

import math
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from negprompt.errors import PromptError
from negprompt.language import Break, Close, Node, Open, Prompt, Text, number, parse, to_text
from negprompt.language.tree import BREAK_WEIGHT, FACTOR

FRAGMENTS = [
    "(", ")", "[", "]", "\\", ":", ":1.5)", ": -.5 )", ":1)", ":1.1)", ":", "16:9", " ", "\n", "\t",
    "BREAK", " BREAK ", "B\\REAK", "BREAKS", "a", "blurry, ", "é", "\0", "\u202e", "1.2", "+", ",",
    "AND", "{", "|", ":1\\.5)", "\\(", "\\]", "\\\\", "\u3000", "漢",
]  # fmt: skip
spelled = st.lists(st.sampled_from(FRAGMENTS), max_size=24).map("".join)
anything = st.text(max_size=60)
texts = spelled | anything | st.text(alphabet="()[]:\\1.5+- aBREAK\n", max_size=40)


def read(text: str) -> Prompt | None:
    """The tree, or None where the text is refused in words."""
    try:
        return parse(text)
    except PromptError:
        return None


@given(texts)
@example("(\\:1.5)")
@example("(a:\\1.5)")
@example("(ratio 16: 9\\ )")
@example("a \\BREAK\\ b")
@example("BREAK\\ \\BREAK")
@example("B\\REAK BREAK")
@example("(a)\\")
@example("\\")
@example("(BREAK:1.5)")
@example(": 1)")
def test_printed_text_reads_as_the_same_tree(text: str) -> None:
    prompt = read(text)
    if prompt is None:
        return
    printed = parse(to_text(prompt))
    assert printed.nodes == prompt.nodes
    assert printed.weighted() == prompt.weighted()
    assert to_text(printed) == to_text(prompt)


@given(texts)
def test_spans_tile_the_source(text: str) -> None:
    prompt = read(text)
    if prompt is None:
        return
    place = 0
    for node in prompt.nodes:
        assert node.span.start == place
        place = node.span.stop
    assert place == (len(text) if prompt.nodes else 0)
    if text == "" or prompt.nodes:
        assert place == len(text)


@given(texts)
def test_every_character_of_a_segment_has_its_place(text: str) -> None:
    prompt = read(text)
    if prompt is None:
        return
    for segment in prompt.segments():
        if segment.is_break:
            continue
        places = [segment.locate(i, i + 1) for i in range(len(segment.text))]
        assert "".join(text[place.start] for place in places) == segment.text
        assert all(a.stop <= b.start for a, b in pairwise(places))
        assert all(
            segment.span.start <= place.start and place.stop <= segment.span.stop
            for place in places
        )


texts_inside = st.text(alphabet="ab (:1.5)[]\\BREAK", min_size=1, max_size=8)
marks = st.sampled_from(["(", "[", ")", "]", "BREAK"])
weights = st.none() | st.floats(-5, 5).map(lambda weight: round(weight, 3))


@given(st.lists(st.tuples(marks, texts_inside, weights), max_size=30))
def test_any_tree_in_normal_form_prints_and_reads_back(
    drawn: list[tuple[str, str, float | None]],
) -> None:
    prompt = Prompt(normal(drawn), "")
    assert parse(to_text(prompt)).nodes == prompt.nodes


def normal(drawn: list[tuple[str, str, float | None]]) -> tuple[Node, ...]:
    """Texts between marks, closing only what is open, with spans that mean nothing."""
    span = parse("x").nodes[0].span
    opened = {"(": 0, "[": 0}
    nodes: list[Node] = []
    for mark, text, weight in drawn:
        if mark == "BREAK":
            nodes.append(Break(span))
        elif mark in "([":
            opened[mark] += 1
            nodes.append(Open("(" if mark == "(" else "[", span))
        elif mark == ")" and opened["("]:
            opened["("] -= 1
            nodes.append(Close("(", weight, span))
        elif mark == "]" and opened["["]:
            opened["["] -= 1
            nodes.append(Close("[", None, span))
        else:
            continue
        nodes.append(Text(text, span))
    if nodes and isinstance(nodes[0], Break):
        nodes.insert(0, Text("", span))
    return tuple(nodes)


@given(spelled)
@example("(((a)b)c")
@example("[(a[b)c](d")
@example("(((([[a]]))))b[((c))]")
def test_one_pass_gives_the_weights_of_the_naive_method(text: str) -> None:
    prompt = read(text)
    if prompt is None:
        return
    expected = naive(prompt.nodes)
    got = prompt.weighted()
    assert got == expected


def naive(nodes: tuple[Node, ...]) -> list[tuple[str, float]]:
    """A1111's method: each closing bracket multiplies all pieces since its opening one."""
    pieces: list[tuple[str, float, bool]] = []
    stacks: dict[str, list[int]] = {"(": [], "[": []}

    def multiply(start: int, factor: float) -> None:
        pieces[start:] = [(t, w if b else w * factor, b) for t, w, b in pieces[start:]]

    for node in nodes:
        if isinstance(node, Open):
            stacks[node.bracket].append(len(pieces))
        elif isinstance(node, Close):
            factor = FACTOR[node.bracket] if node.weight is None else node.weight
            multiply(stacks[node.bracket].pop(), factor)
        elif isinstance(node, Text):
            pieces.append((node.text, 1.0, False))
        else:
            pieces.append(("BREAK", BREAK_WEIGHT, True))
    for bracket in FACTOR:
        for start in stacks[bracket]:
            multiply(start, FACTOR[bracket])
    merged: list[tuple[str, float, bool]] = []
    for text, weight, is_break in pieces or [("", 1.0, False)]:
        if merged and merged[-1][1] == weight and not is_break and not merged[-1][2]:
            text = merged.pop()[0] + text  # noqa: PLW2901
        merged.append((text, weight, is_break))
    return [(text, weight) for text, weight, _ in merged]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_printed_without_exponent_and_read_back(weight: float) -> None:
    digits = number(weight)
    assert set(digits) <= set("-.0123456789")
    assert float(digits) == weight
    ((_, read_back),) = parse(f"(a:{digits})").weighted()
    assert read_back == weight


@pytest.mark.parametrize(
    ("weight", "digits"), [(1.5, "1.5"), (2, "2"), (1e16, "1" + "0" * 16), (1e-5, "0.00001")]
)
def test_numbers(weight: float, digits: str) -> None:
    assert number(weight) == digits


@given(st.integers(1, 60), st.sampled_from("(["))
def test_depth_beyond_the_exact_levels_rounds_by_no_more_than_a_hair(depth: int, kind: str) -> None:
    closing = {"(": ")", "[": "]"}[kind]
    ((_, weight),) = parse(kind * depth + "a" + closing * depth).weighted()
    assert math.isclose(weight, (1.1 if kind == "(" else 1 / 1.1) ** depth, rel_tol=1e-13)
