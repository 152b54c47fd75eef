"""The dialects that are read for import: SD.Next, Midjourney, NovelAI."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negprompt.errors import NegpromptError, PromptError
from negprompt.language import Prompt, parse
from negprompt.language.midjourney import Job, job, permutations
from negprompt.language.sdnext import read as read_sdnext

IMPORTED = ["sdnext", "midjourney", "novelai"]


# ----------------------------------------------------------------------------------------- SD.Next


@pytest.mark.parametrize(
    ("text", "native", "a1111"),
    [
        ("", [("", 1.0)], [("", 1.0)]),
        ("[x]", [("x", 0.909)], [("x", 0.909)]),
        ("[[x]]", [("x", 0.826)], [("x", 0.826)]),
        ("((x:1.5))", [("x", 1.65)], [("x", 1.65)]),
        ("(x: 1.5)", [("x 1.5", 1.1)], [("x: 1.5", 1.1)]),
        (
            "a, (b:1.2), c",
            [("a,", 1.0), ("b", 1.2), ("c", 1.0)],
            [("a, ", 1.0), ("b", 1.2), (", c", 1.0)],
        ),
        ("(a:1.2.3) b", [("a b", 1.0)], [("a b", 1.0)]),
        ("{x}", [("x}", 1.0)], [("{x}", 1.0)]),
        (r"ratio 16\:9", [("ratio 16:9", 1.0)], [("ratio 16:9", 1.0)]),
        ("ratio 16:9", [("ratio 16 9", 1.0)], [("ratio 16:9", 1.0)]),
        ("a\nb", [("a b", 1.0)], [("a\nb", 1.0)]),
        (
            "a ## b",
            [("a", 1.0), ("BREAK", -1.0), ("b", 1.0)],
            [("a ", 1.0), ("BREAK", -1.0), ("b", 1.0)],
        ),
        (
            "(a BREAK b)",
            [("a", 1.1), ("BREAK", -1.0), ("b", 1.1)],
            [("a", 1.1), ("BREAK", -1.0), (" b", 1.1)],
        ),
        (r"(a)\)", [("a)", 1.1)], [("a)", 1.1)]),
    ],
)
def test_both_modes_of_sdnext(
    text: str, native: list[tuple[str, float]], a1111: list[tuple[str, float]]
) -> None:
    assert read_sdnext(text).weighted() == native
    assert read_sdnext(text, "a1111").weighted() == a1111


@given(st.text(alphabet="ab ([)]:.19\\", max_size=30))
def test_sdnext_rounds_to_three_decimals(text: str) -> None:
    for _, weight in parse(text, "sdnext").weighted():
        assert weight == round(weight, 3)


# -------------------------------------------------------------------------------------- Midjourney


def parts(text: str) -> list[tuple[str, float]]:
    return [
        ("".join(segment.text for segment in part.segments), part.weight)
        for part in parse(text, "midjourney").parts()
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hot dog", [("hot dog", 1.0)]),
        ("hot:: dog", [("hot", 1.0), ("dog", 1.0)]),
        ("cat::2 dog::-0.5", [("cat", 2.0), ("dog", -0.5)]),
        ("cat::2 dog", [("cat", 2.0), ("dog", 1.0)]),
        ("a cat --no hat, scarf", [("a cat", 1.0), ("hat, scarf", -0.5)]),
        ("a cat —no hat", [("a cat", 1.0), ("hat", -0.5)]),
        ("a cat --no hat --ar 3:2 --no tie", [("a cat", 1.0), ("hat, tie", -0.5)]),
        ("a cat::2 --no hat", [("a cat", 2.0), ("hat", -0.5)]),
        ("a cat --no", [("a cat", 1.0)]),
        ("https://x.y/z.png a cat --ar 3:2 --tile", [("a cat", 1.0)]),
        ("::2 cat", [("cat", 1.0)]),
        ("cat::2dog", [("cat", 1.0), ("2dog", 1.0)]),
        (r"a \{cat\}", [("a {cat}", 1.0)]),
        ("well-known --", [("well-known --", 1.0)]),
    ],
)
def test_parts_of_midjourney(text: str, expected: list[tuple[str, float]]) -> None:
    assert parts(text) == expected


@pytest.mark.parametrize("text", ["a::1 b::-1", "a::-2", "--no hat", "a --no b::1 c", "a::0"])
def test_parts_must_add_up_to_something(text: str) -> None:
    if text == "a --no b::1 c":  # what stands behind --no is one value
        assert parts(text) == [("a", 1.0), ("b::1 c", -0.5)]
        return
    with pytest.raises(PromptError, match="add up to") as caught:
        parse(text, "midjourney")
    assert caught.value.code == "parts-sum-not-positive"
    assert "^" in caught.value.caret()


def test_a_command_is_words_images_and_parameters() -> None:
    text = "http://x.y/z.jpg  a {red, {big} } bird --ar 16:9 --s 100 --iw .5 --tile --no fog, rain"
    assert job(text) == Job(
        "a {red, {big} } bird",
        ("http://x.y/z.jpg",),
        {
            "aspect": "16:9",
            "stylize": 100,
            "image_weight": 0.5,
            "tile": None,
            "no": "fog, rain",
        },
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a {red, blue} bird", ["a red bird", "a blue bird"]),
        ("{a,b} {c,d}", ["a c", "a d", "b c", "b d"]),
        ("a {x {1, 2}, y}z", ["a x 1z", "a x 2z", "a yz"]),
        ("a {, b} c", ["a c", "a b c"]),
        ("a {red bird", ["a {red bird"]),
        ("a } bird, cat", ["a } bird, cat"]),
        ("{{a}}", ["a"]),
        (r"a \{red\, blue\}", ["a {red, blue}"]),
        (r"{red\, blue, {} green }", ["red, blue", "green"]),
    ],
)
def test_permutations(text: str, expected: list[str]) -> None:
    assert list(permutations(text)) == expected


def test_permutations_have_a_limit() -> None:
    with pytest.raises(PromptError, match="more than 40 prompts") as caught:
        permutations("{a,b}" * 100)
    assert caught.value.code == "permutations-too-many"
    assert len(permutations("{a,b}" * 7, most=128)) == 128


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=3), max_size=4))
def test_permutations_multiply(options: list[list[str]]) -> None:
    text = " ".join("{" + ",".join(each) + "}" for each in options)
    assert len(permutations(text, most=100)) == math.prod(map(len, options))


# ----------------------------------------------------------------------------------------- NovelAI


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{best}, [worst]", [("best", 1.05), (", ", 1.0), ("worst", 1 / 1.05)]),
        ("{{a}}", [("a", 1.05 * 1.05)]),
        ("{a", [("a", 1.05)]),
        ("a} [b]]", [("a} ", 1.0), ("b", 1 / 1.05), ("]", 1.0)]),
        ("1.5::rain:: b", [("rain", 1.5), (" b", 1.0)]),
        ("-1::hat::", [("hat", -1.0)]),
        ("2::a 0.5::b:: c", [("a ", 2.0), ("b", 0.5), (" c", 1.0)]),
        ("2::{a}::", [("a", 2 * 1.05)]),
        ("std::x, v1.5::y", [("std::x, v1.5::y", 1.0)]),
        ("(x:1.5) a|b", [("(x:1.5) a|b", 1.0)]),
    ],
)
def test_weights_of_novelai(text: str, expected: list[tuple[str, float]]) -> None:
    got = parse(text, "novelai").weighted()
    assert [words for words, _ in got] == [words for words, _ in expected]
    assert [w for _, w in got] == pytest.approx([w for _, w in expected])


# ---------------------------------------------------------------------------------- laws of all


FRAGMENTS = [
    "(", ")", "[", "]", "{", "}", "\\", ":", "::", "::2", ":1.5)", "1.5::", "-0.5", " ", "\n", "a",
    "blurry, ", "BREAK", "##", "--no ", " --ar 3:2", "—", "http://x.y ", "é", "漢", ",", "|", "\\:",
]  # fmt: skip
texts = st.lists(st.sampled_from(FRAGMENTS), max_size=20).map("".join) | st.text(max_size=40)
imported = st.sampled_from(IMPORTED)


def read(text: str, dialect: str) -> Prompt | None:
    """The tree, or None where the text is refused in words."""
    try:
        return parse(text, dialect)
    except NegpromptError:
        return None


@given(texts, imported)
def test_spans_tile_the_source(text: str, dialect: str) -> None:
    prompt = read(text, dialect)
    if prompt is None or not prompt.nodes:
        return
    spans = [node.span for node in prompt.nodes]
    assert (spans[0].start, spans[-1].stop) == (0, len(text))
    assert all(before.stop == after.start for before, after in pairwise(spans))


@given(texts, imported)
def test_every_character_has_its_place(text: str, dialect: str) -> None:
    prompt = read(text, dialect)
    if prompt is None:
        return
    for segment in prompt.segments():
        if segment.is_break:
            continue
        places = [segment.locate(i, i + 1).start for i in range(len(segment.text))]
        shown = [text[place] for place in places if place < len(text)]
        pairs = zip(segment.text, shown, strict=True)
        assert all(
            said == there or (said.isspace() and dialect == "sdnext") or (dialect == "midjourney")
            for said, there in pairs
        )
        assert all(before < after for before, after in pairwise(places)) or dialect != "novelai"


HOSTILE = {
    "round": "(" * 60_000,
    "square": "[a" * 40_000,
    "braces": "{" * 30_000 + "a,b" + "}" * 30_000,
    "colons": "a::1 " * 12_000,
    "numbers": "1.5::a" * 10_000,
    "digits": "(a:" + "1" * 60_000 + ")",
    "parameters": "--no a " * 8_000,
    "escapes": "\\)" * 30_000,
    "spaces": " " * 60_000 + "BREAK",
    "breaks": "BREAK " * 10_000,
    "nested": "(a" * 49 + "b " * 20_000,
}


@pytest.mark.parametrize("dialect", IMPORTED)
@pytest.mark.parametrize("name", HOSTILE)
def test_long_texts_get_an_answer_or_a_short_error(name: str, dialect: str) -> None:
    error = refusal(HOSTILE[name], dialect)
    if error is not None:
        assert len(str(error)) < 300
        assert all(len(line) < 300 for line in error.caret().splitlines())


def refusal(text: str, dialect: str) -> PromptError | None:
    try:
        parse(text, dialect)
    except PromptError as error:
        return error
    return None


def test_depth_is_bounded_where_each_level_rounds() -> None:
    assert parse("(" * 50 + "a" + ")" * 50, "sdnext").weighted()[0][1] == pytest.approx(117, 0.01)
    with pytest.raises(PromptError) as caught:
        parse("(" * 51 + "a", "sdnext")
    assert caught.value.code == "nesting-too-deep"
