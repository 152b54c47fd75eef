"""SD.Next's prompts step by step, what it would fail at, and schedules that never act."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negprompt.errors import PromptError
from negprompt.language import Side, findings, parse, remarks, translate, unfold


def acting(text: str, step: int, side: Side = "positive") -> list[tuple[str, float]]:
    """What SD.Next's reader gives at one of ten steps."""
    (part,) = unfold(text, "sdnext", steps=10, side=side).parts
    return next(prompt for last, prompt in part.stretches if step <= last).weighted()


@pytest.mark.parametrize("side", ["positive", "negative"])
def test_schedules_act_on_both_sides(side: Side) -> None:
    assert acting("[a:(b:1.2):0.5] c", 5, side) == [("a c", 1.0)]
    assert acting("[a:(b:1.2):0.5] c", 6, side) == [("b", 1.2), ("c", 1.0)]
    assert [acting("[a|b]", step, side)[0][0] for step in (1, 2, 3)] == ["a", "b", "a"]


def test_networks_are_called_from_the_positive_alone() -> None:
    text = "a <lora:x:0.5>"
    assert [n.items for n in unfold(text, "sdnext", steps=1).networks] == [("x", "0.5")]
    assert unfold(text, "sdnext", steps=1, side="negative").networks == ()
    assert acting(text, 1) == [("a", 1.0)]


def test_places_point_into_what_was_typed() -> None:
    text = "<lora:x:1> [a:b:0.5], (c:1.2)"
    (part,) = unfold(text, "sdnext", steps=10).parts
    (_, before), (_, after) = part.stretches
    for prompt, word in ((before, "a"), (after, "b"), (after, "c")):
        spans = [s.locate(s.text.index(word), s.text.index(word) + 1)
                 for s in prompt.segments() if word in s.text]  # fmt: skip
        assert [text[span.start : span.stop] for span in spans] == [word]


def test_a_translation_tells_of_schedules_and_keeps_words_apart() -> None:
    prompt = parse("a (b:1.2) [c:d:0.9] <lora:x:1>", "sdnext")
    made = translate(prompt, "a1111")
    assert made.text == "a (b:1.2) c<lora:x:1>"
    assert ["SD.Next" in loss.reason for loss in made.lost] == [True]
    assert translate(prompt, "plain").text == "a b c"


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("(a BREAK b)", ["BREAK"]),
        ("a BREAK BREAK b", ["BREAK"]),
        ("a ## BREAK b", ["BREAK"]),
        (r"a BREAK\) b", ["BREAK"]),
        (r"a BREAK \) b", []),
        ("a BREAK b ## c", []),
    ],
)
def test_breaks_that_sdnext_takes_for_words_are_told(text: str, places: list[str]) -> None:
    prompt = parse(text, "sdnext")
    found = [f for f in findings(prompt) if f.code == "break-in-group"]
    assert [text[s.start : s.stop] for f in found for s in f.spans] == places


def test_what_sdnext_fails_at_is_read_and_told() -> None:
    prompt = parse("\\ a", "sdnext")
    assert prompt.weighted() == [("a", 1.0)]
    assert [notice.code for notice in remarks(prompt)] == ["tool-fails"]


@pytest.mark.parametrize(
    ("text", "side", "codes"),
    [
        ("a, [b:1.5]", "negative", {"schedule-never"}),
        ("a, [b:c:1.0]", "positive", {"schedule-never"}),
        ("a, [b:0.5], [c:12], [d::.5]", "negative", set()),
        ("[a:b:0.5], c|d", "negative", {"schedules-off"}),
        ("[a:b:0.5] AND c|d", "positive", set()),
        ("[a|b], [c]", "positive", set()),
        ("a|b, [c]", "positive", set()),
        ("[a:b:0.5] # c|d", "positive", {"comment-unread"}),
    ],
)
def test_schedules_that_never_act_are_told(text: str, side: Side, codes: set[str]) -> None:
    assert {notice.code for notice in remarks(parse(text), side=side)} == codes


def test_a_blend_without_a_mean_is_told() -> None:
    assert [n.code for n in remarks(parse('("a", "b").blend(1, -1)', "compel"))] == [
        "blend-weights-cancel"
    ]
    assert remarks(parse('("a", "b").blend(1, -1, no_normalize)', "compel")) == ()


@given(st.text(alphabet="ab ([)]:|.19\\B#<>", max_size=40), st.sampled_from(["a1111", "sdnext"]))
def test_any_text_is_remarked_on(text: str, dialect: str) -> None:
    try:
        prompt = parse(text, dialect)
    except PromptError:
        return
    for finding in findings(prompt, side="positive"):
        assert all(0 <= s.start <= s.stop <= len(text) for s in finding.spans)
