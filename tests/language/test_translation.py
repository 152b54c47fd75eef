"""From one dialect to another: weights kept, the rest said."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from negprompt.errors import PromptError, RequestError
from negprompt.language import WRITERS, Prompt, parse, staged, translate


def said(text: str, dialect: str, to: str) -> str:
    return translate(parse(text, dialect), to).text


@pytest.mark.parametrize(
    ("text", "dialect", "to", "expected"),
    [
        ("((x:1.5)) [y]", "a1111", "comfy", "(x:1.6500000000000001) (y:0.9090909090909091)"),
        ("(a (b:1.5) c:2)", "comfy", "a1111", "(a :2)(b:1.5)( c:2)"),
        ("(a (b:1.5) c:2)", "a1111", "compel", "(a)2 (b)3 (c)2"),
        ("cat (big dog)1.3", "compel", "a1111", "cat (big dog:1.3)"),
        ("a BREAK b", "a1111", "compel", '("a", "b").and(1, 1)'),
        ('("a", "b").and()', "compel", "a1111", "a BREAK b"),
        ("a AND b:0.5", "a1111", "compel", '("a", "b").and(1, 0.5)'),
        ("a <lora:x:0.5>", "a1111", "compel", "a withLora(x, 0.5)"),
        ("a withLora(x, 0.5)", "compel", "a1111", "a<lora:x:0.5>"),
        ("embedding:bad, x", "comfy", "a1111", "bad, x"),
        ("a (b) BREAK AND <x:y>", "plain", "a1111", r"a \(b\) B\REAK A\ND <\x:y>"),
        ("ratio 16:9", "plain", "a1111", r"ratio 16:\9"),
        ("C++ (x)", "plain", "compel", r"C ++ \(x\)"),
        ("a (b) [c]", "plain", "comfy", r"a \(b\) [c]"),
        ("((a:1.2)", "a1111", "plain", "a"),
    ],
)
def test_closest_equivalents(text: str, dialect: str, to: str, expected: str) -> None:
    assert said(text, dialect, to) == expected


@pytest.mark.parametrize(
    ("text", "dialect", "to", "places"),
    [
        ("a (b:1.2)", "a1111", "comfy", []),
        ("a (b:1.2)", "a1111", "plain", ["b"]),
        ("a [b:c:0.3] d", "a1111", "comfy", ["[b:c:0.3]"]),
        ("[b|c] d", "a1111", "compel", ["[b|c]"]),
        ("a <lora:x:1>", "a1111", "comfy", ["<lora:x:1>"]),
        ("a #b\nc", "a1111", "comfy", ["#b"]),
        ("a:2", "a1111", "comfy", ["a"]),
        ("a BREAK b", "a1111", "comfy", [" BREAK "]),
        ("(x:-1)", "a1111", "compel", ["x"]),
        ('("a", "b").blend()', "compel", "comfy", ['("a", "b").blend()']),
        ("a.swap(b) c", "compel", "a1111", ["a.swap(b)"]),
        ("a #b", "plain", "a1111", ["a #b"]),
        ("embedding:x", "comfy", "plain", ["embedding:x"]),
        ("embedding:x", "plain", "comfy", ["embedding:x"]),
        ("a\\(b:1.2)", "a1111", "comfy", []),
        ("a\\\\(b:1.2)", "a1111", "comfy", ["b"]),
    ],
)
def test_what_is_lost_is_said_with_its_place(
    text: str, dialect: str, to: str, places: list[str]
) -> None:
    lost = translate(parse(text, dialect), to).lost
    assert [text[loss.span.start : loss.span.stop] for loss in lost] == places
    assert all(loss.reason for loss in lost)


def test_its_own_dialect_stays_as_it_is() -> None:
    for dialect in WRITERS:
        text = " [a:b:0.5]  (c:1.2) AND d++ "
        found = translate(parse(text, dialect), dialect)
        assert (found.text, found.lost) == (text, ())


def test_in_a_negative_and_is_a_word() -> None:
    prompt = parse("a AND b:2 <x:y>")
    assert translate(prompt, "comfy", negative=True).text == "a AND b:2 <x:y>"


def test_a_dialect_that_is_only_read_is_refused() -> None:
    with pytest.raises(RequestError) as caught:
        translate(parse("a"), "midjourney")
    assert caught.value.code == "dialect-read-only"


PIECES = ["a", "b c", " ", "(", ")", "(", ")", "[", "]", ":1.5)", ":0.25)", ":-2)", ":", "\\(",
          "16:9", ", ", "é", "\\\\", "#", "AND", "BREAK", "<x:y>", "|", "1.2", "++"]  # fmt: skip
spelled = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


def per_letter(prompts: list[Prompt]) -> list[tuple[str, float]]:
    return [
        (letter, segment.weight)
        for prompt in prompts
        for segment in prompt.segments()
        if not segment.is_break
        for letter in segment.text
        if not letter.isspace()
    ]


def acting(text: str) -> list[Prompt]:
    return [part.stretches[-1].prompt for part in staged(text, 1).parts]


@given(spelled)
@example("((a:1.5) b) [c]")
@example("a\\\\(b:1.5)")
@example("x:(16:9)")
def test_there_and_back_every_effective_weight_is_kept(text: str) -> None:
    try:
        before = acting(text)
        there = translate(parse(text), "comfy")
    except PromptError:
        return
    back = translate(parse(there.text, "comfy"), "a1111")
    after = acting(back.text)
    if "#" in there.text or len(before) > 1:
        return  # what stands in a comment is lost, and parts become one
    expected, got = per_letter(before), per_letter(after)
    assert [letter for letter, _ in got] == [letter for letter, _ in expected]
    assert all(math.isclose(a[1], b[1]) for a, b in zip(got, expected, strict=True))


@given(spelled, st.sampled_from([*WRITERS]), st.sampled_from([*WRITERS]))
def test_every_prompt_is_translated_or_refused_in_words(text: str, dialect: str, to: str) -> None:
    try:
        prompt = parse(text, dialect)
        found = translate(prompt, to)
        parse(found.text, to)
    except PromptError:
        return
    for loss in found.lost:
        assert 0 <= loss.span.start <= loss.span.stop <= len(text)


@given(st.text(alphabet='ab ()[]{}:<>|\\+-.,#1\n"=', max_size=24), st.sampled_from([*WRITERS]))
@example("A\\ND BREAK AND <l:x> 16:9", "a1111")
def test_plain_text_says_the_same_letters_everywhere(text: str, to: str) -> None:
    found = translate(parse(text, "plain"), to)
    prompts = acting(found.text) if to == "a1111" else [parse(found.text, to)]
    letters = [(letter, weight) for letter, weight in per_letter(prompts)]
    wanted = [(letter, 1.0) for letter in text if not letter.isspace()]
    if not found.lost:
        assert letters == wanted
