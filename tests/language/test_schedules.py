"""A1111's prompt schedules: what acts at which step, and what is no schedule."""

import pytest

from negprompt.errors import PromptError, RequestError
from negprompt.language import schedule
from negprompt.language.nodes import DEEPEST, Begin, End, Text
from negprompt.language.schedules import read


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [(10, "")]),
        ("cat", [(10, "cat")]),
        ("[dog:cat:4] runs", [(4, "dog runs"), (10, "cat runs")]),
        ("[dog:cat:0.25]", [(2, "dog"), (10, "cat")]),
        ("[cat:0.5]", [(5, ""), (10, "cat")]),
        ("[cat::3]s", [(3, "cats"), (10, "s")]),
        ("[cat:dog: 3 ]", [(3, "cat"), (10, "dog")]),
        ("[dog:cat:1.0]", [(10, "dog")]),
        ("[dog:cat:11]", [(10, "dog")]),
        ("[dog:cat:0]", [(10, "cat")]),
        ("[dog:cat:-2]", [(10, "cat")]),
        ("[dog:cat:2e0]", [(2, "dog"), (10, "cat")]),
        ("[[a:b:2]:c:4]", [(2, "a"), (4, "b"), (10, "c")]),
        ("(x:[1.1:1.3:5])", [(5, "(x:1.1)"), (10, "(x:1.3)")]),
        ("([a:b:3] c:1.2)", [(3, "(a c:1.2)"), (10, "(b c:1.2)")]),
        (r"[a\:b:c:3]", [(3, r"a\:b"), (10, "c")]),
        ("[x [a:b:3]", [(3, "[x a"), (10, "[x b")]),
        ("[(a:b:3]", [(10, "[(a:b:3]")]),
        ("[a:b:c]", [(10, "[a:b:c]")]),
        ("[a:b:c:3]", [(10, "[a:b:c:3]")]),
        ("[a:[x:y:z]:3]", [(10, "[a:[x:y:z]:3]")]),
        ("[a:3", [(10, "[a:3")]),
        ("[a]", [(10, "[a]")]),
        ("a|b, [c:d:3]", [(10, "a|b, [c:d:3]")]),
        ("(a|b) [c:d:3]", [(10, "(a|b) [c:d:3]")]),
        ("[a|b:3]", [(10, "[a|b:3]")]),
        ("[c:d:3] \\", [(10, "[c:d:3] \\")]),
    ],
)
def test_what_acts_until_when(text: str, expected: list[tuple[int, str]]) -> None:
    assert list(schedule(text, 10)) == expected


def test_alternation_takes_its_texts_in_turn() -> None:
    assert [text for _, text in schedule("[a|b|]c", 5)] == ["ac", "bc", "c", "ac", "bc"]
    assert [text for _, text in schedule("[[a:x:3]|b]", 4)] == ["a", "b", "a", "b"]


def test_the_second_pass_counts_on() -> None:
    assert schedule("[a:b:0.5]", 10, hires_steps=8) == ((8, "b"),)
    assert schedule("[a:b:1.5]", 10, hires_steps=8) == ((4, "a"), (8, "b"))
    assert schedule("[a:b:13]", 10, hires_steps=8) == ((3, "a"), (8, "b"))


def test_the_old_rule_takes_numbers_below_one_for_fractions() -> None:
    assert schedule("[a:b:0.5]", 10, hires_steps=8, old=True) == ((5, "a"), (10, "b"))
    assert schedule("[a:b:2.5]", 10, old=True) == ((2, "a"), (10, "b"))


def test_marks_tile_the_text() -> None:
    text = "x [a:b:0.5] y"
    nodes = read(text)
    assert [text[n.span.start : n.span.stop] for n in nodes] == [
        "x ", "[", "a", ":", "b", ":0.5]", " y",
    ]  # fmt: skip
    assert [type(nodes[0]), type(nodes[1]), type(nodes[5])] == [Text, Begin, End]


def test_choices_nest_to_a_limit() -> None:
    def nested(depth: int) -> str:
        return "[" * depth + "a" + ":2]" * depth

    assert schedule(nested(DEEPEST), 5) == ((2, ""), (5, "a"))
    with pytest.raises(PromptError) as caught:
        schedule(nested(DEEPEST + 1), 5)
    assert caught.value.code == "nesting-too-deep"
    assert "^" in caught.value.caret()
    unclosed = "[a:" * 50_000
    assert schedule(unclosed, 5) == ((5, unclosed),)


def test_a_step_that_no_float_holds_is_refused() -> None:
    with pytest.raises(PromptError) as caught:
        schedule("x [a:b:1e999]", 5)
    assert caught.value.code == "weight-not-finite"
    assert caught.value.span is not None


def test_a_schedule_needs_a_step() -> None:
    with pytest.raises(RequestError, match="over 0 steps"):
        schedule("a", 0)
