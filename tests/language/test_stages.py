"""What A1111 does before it reads emphasis: comments, networks, AND; all of it with places."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negprompt.errors import PromptError
from negprompt.language import networks, parse, parts, staged, uncommented


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", "a"),
        ("a # b", "a \n"),
        ("a\n# b\nc", "a\nc"),
        ("# a\n# b\nc", "\n\nc"),
        ("red #ff0000", "red \n"),
        (r"a \# b", "a \\\n"),
        ("a # b\n# c\nd", "a \nd"),
    ],
)
def test_comments_end_with_their_line(text: str, expected: str) -> None:
    assert uncommented(text) == expected


def test_networks_are_taken_out_with_their_arguments() -> None:
    called = networks("a <lora:x:0.5:te=1> b<hypernet:y> <z> <w:>")
    assert called.text == "a  b <z> <w:>"
    first, second = called.networks
    assert (first.kind, first.positional, first.named) == ("lora", ("x", "0.5"), {"te": "1"})
    assert (second.kind, second.items) == ("hypernet", ("y",))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [("", 1.0)]),
        ("a AND b", [("a", 1.0), (" b", 1.0)]),
        ("a:1.5 AND b : -2", [("a", 1.5), (" b", -2.0)]),
        ("aAND ANDY and b", [("aAND ANDY and b", 1.0)]),
        ("ratio 16:9", [("ratio 16", 9.0)]),
        ("(a AND b:1.5)", [("(a", 1.0), (" b:1.5)", 1.0)]),
        ("a:1e2", [("a:1e2", 1.0)]),
        ("a:1.2.3", [("a:1.2.3", 1.0)]),
        ("a:1:2", [("a:1", 2.0)]),
        ("AND", [("", 1.0), ("", 1.0)]),
    ],
)
def test_parts(text: str, expected: list[tuple[str, float]]) -> None:
    assert list(parts(text)) == expected


def test_a_weight_beyond_all_numbers_is_refused_where_it_stands() -> None:
    text = "a AND b:" + "9" * 400
    with pytest.raises(PromptError) as caught:
        parts(text)
    assert caught.value.code == "weight-not-finite"
    assert caught.value.span is not None
    assert caught.value.span.start == len("a AND b:")


def test_all_stages_at_once() -> None:
    text = "a # x\n<lora:q:1>[b:(c:1.5):0.5] AND d:2"
    found = staged(text, 4)
    assert [part.weight for part in found.parts] == [1.0, 2.0]
    said = [[(s.last, s.prompt.weighted()) for s in part.stretches] for part in found.parts]
    assert said == [
        [(2, [("a \nb", 1.0)]), (4, [("a \n", 1.0), ("c", 1.5)])],
        [(4, [(" d", 1.0)])],
    ]
    assert [network.kind for network in found.networks] == ["lora"]


def test_in_the_negative_only_comments_and_schedules_act() -> None:
    text = "a AND <lora:q:1> [b:2] #c"
    (part,) = staged(text, 3, negative=True).parts
    assert [(s.last, s.prompt.weighted()) for s in part.stretches] == [
        (2, [("a AND <lora:q:1>  \n", 1.0)]),
        (3, [("a AND <lora:q:1> b \n", 1.0)]),
    ]


def test_an_error_of_a_late_stage_points_into_what_was_typed() -> None:
    text = "<lora:q:1> [x:(b:1.2.3):0.5]"
    with pytest.raises(PromptError) as caught:
        staged(text, 4)
    assert caught.value.source == text
    assert caught.value.span is not None
    assert text[caught.value.span.start : caught.value.span.stop] == "1.2.3"


FRAGMENTS = ["a", " ", "[", "]", ":", "|", "(", ")", "0.5", ":2]", "AND", "#", "\n", "<l:x>", "\\"]


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=20).map("".join), st.integers(1, 6))
def test_every_character_keeps_its_place(text: str, steps: int) -> None:
    try:
        found = staged(text, steps)
    except PromptError:
        return
    for part in found.parts:
        assert part.stretches[-1].last == steps
        for _, prompt in part.stretches:
            for segment in prompt.segments():
                places = [segment.locate(i, i + 1).start for i in range(len(segment.text))]
                assert places == sorted(places)
                kept = "".join(text[place] for place in places)
                assert segment.is_break or kept.replace("#", "\n") == segment.text


@given(st.text(alphabet="ab (:1.5)[]\\,", max_size=30))
def test_without_stages_it_is_parse(text: str) -> None:
    try:
        expected = parse(text)
    except PromptError:
        return
    ((part,),) = [staged(text, 1, negative=True).parts]
    ((_, prompt),) = part.stretches
    if prompt.source == text and schedule_free(text):
        assert prompt.nodes == expected.nodes


def schedule_free(text: str) -> bool:
    """Whether nothing in it could be a choice."""
    return "[" not in text or ":" not in text
