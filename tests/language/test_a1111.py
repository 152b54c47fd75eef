"""A1111's emphasis language: brackets, weights, escapes, breaks, and what is refused."""

import re

import pytest

from negprompt.errors import PromptError, RequestError, Span
from negprompt.language import Break, Close, Open, Text, parse

ONE_STEP_DOWN = 1 / 1.1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [("", 1.0)]),
        ("()", [("", 1.0)]),
        ("(:1.5)", [("", 1.0)]),
        ("a (b) c", [("a ", 1.0), ("b", 1.1), (" c", 1.0)]),
        ("[x]", [("x", ONE_STEP_DOWN)]),
        ("((x:1.5))", [("x", 1.5 * 1.1)]),
        ("(a (b:1.5) c:2)", [("a ", 2.0), ("b", 3.0), (" c", 2.0)]),
        ("(x: 1.5 )", [("x", 1.5)]),
        ("(x:\n1.5)", [("x", 1.5)]),
        ("(x:-1)", [("x", -1.0)]),
        ("(x:.5)", [("x", 0.5)]),
        ("(x:０．５)", [("x:０．５", 1.1)]),  # full-width full stop is no decimal point
        ("(x:０)", [("x", 0.0)]),  # full-width digits are digits
        ("(x:1e2)", [("x:1e2", 1.1)]),
        ("(x:1,5)", [("x:1,5", 1.1)]),
        ("(x:nan)", [("x:nan", 1.1)]),
        ("(x:inf)", [("x:inf", 1.1)]),
        ("(x:+)", [("x:+", 1.1)]),
        ("[x:1.5]", [("x:1.5", ONE_STEP_DOWN)]),
        ("x:1.5)", [("x:1.5)", 1.0)]),
        ("(ratio 16:9)", [("ratio 16", 9.0)]),
        ("(a:1.5:2)", [("a:1.5", 2.0)]),
        ("(a[b)c]", [("a", 1.1), ("b", 1.0), ("c", ONE_STEP_DOWN)]),
        ("([a)b]", [("a", 1.0), ("b", ONE_STEP_DOWN)]),
        ("a) (b", [("a) ", 1.0), ("b", 1.1)]),
        ("((a", [("a", 1.1 * 1.1)]),
        ("x :( y", [("x :", 1.0), (" y", 1.1)]),
        (r"\(a\] \\ b\c", [(r"(a] \ bc", 1.0)]),
        ("(a)(b)[c][d]", [("ab", 1.1), ("cd", ONE_STEP_DOWN)]),
        ("(a)\\", [("a", 1.1), ("", 1.0)]),
        ("(red), {x} # <lora:a:1>", [("red", 1.1), (", {x} # <lora:a:1>", 1.0)]),
        ("[a:b:0.5] AND c", [("a:b:0.5", ONE_STEP_DOWN), (" AND c", 1.0)]),
    ],
)
def test_weights(text: str, expected: list[tuple[str, float]]) -> None:
    assert parse(text).weighted() == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a BREAK b", [("a", 1.0), ("BREAK", -1.0), ("b", 1.0)]),
        ("BREAK", [("", 1.0), ("BREAK", -1.0), ("", 1.0)]),
        (
            "a BREAK\n BREAK b",
            [("a", 1.0), ("BREAK", -1.0), ("", 1.0), ("BREAK", -1.0), ("b", 1.0)],
        ),
        ("(a BREAK b:1.5)", [("a", 1.5), ("BREAK", -1.0), ("b", 1.5)]),
        ("(a BREAK b:-1)", [("a", -1.0), ("BREAK", -1.0), ("b", -1.0)]),
        ("[a BREAK b", [("a", ONE_STEP_DOWN), ("BREAK", -1.0), ("b", ONE_STEP_DOWN)]),
        ("BREAKFAST, aBREAK", [("BREAKFAST, aBREAK", 1.0)]),
        (r"B\REAK", [("BREAK", 1.0)]),
        ("break", [("break", 1.0)]),
    ],
)
def test_breaks(text: str, expected: list[tuple[str, float]]) -> None:
    prompt = parse(text)
    assert prompt.weighted() == expected
    assert [s.is_break for s in prompt.segments()] == [
        weight == -1 and text == "BREAK" for text, weight in expected
    ]


def test_nodes_and_spans_of_crossing_brackets() -> None:
    prompt = parse("(a[b:2)c] BREAK")
    assert prompt.nodes == (
        Open("(", Span(0, 1)),
        Text("a", Span(1, 2)),
        Open("[", Span(2, 3)),
        Text("b", Span(3, 4)),
        Close("(", 2.0, Span(4, 7)),
        Text("c", Span(7, 8)),
        Close("[", None, Span(8, 9)),
        Text("", Span(9, 9)),
        Break(Span(9, 15)),
        Text("", Span(15, 15)),
    )
    assert [node.span for node in prompt.nodes][-3:] == [Span(9, 9), Span(9, 15), Span(15, 15)]


def test_places_of_characters_survive_escapes_and_merging() -> None:
    source = r"a\(b\\ (c)(d) e"
    segment, middle, last = parse(source).segments()
    assert segment.text == "a(b\\ "
    assert [source[segment.locate(i, i + 1).start] for i in range(5)] == list("a(b\\ ")
    assert middle.text == "cd"
    assert source[slice(middle.locate(0, 2).start, middle.locate(0, 2).stop)] == "c)(d"
    assert last.locate(1, 2) == Span(len(source) - 1, len(source))
    assert last.locate(1, 1) == Span(len(source) - 1, len(source) - 1)


NINES = "9" * 400


@pytest.mark.parametrize(
    ("text", "code", "marked"),
    [
        ("a, (b:1.2.3)", "weight-malformed", "1.2.3"),
        ("(a:.)", "weight-malformed", "."),
        ("(wait: ... )", "weight-malformed", "..."),
        (f"x (a:{NINES})", "weight-not-finite", NINES),
        (f"(a:-{NINES})", "weight-not-finite", f"-{NINES}"),
        ("(" * 10_000 + "abc" + ")" * 10_000, "weight-not-finite", "abc"),
        (f"((abc:{'9' * 200}):{'9' * 200})", "weight-not-finite", "abc"),
        ("ab\ud800c", "text-not-unicode", "\ud800"),
    ],
)
def test_refused_with_the_place(text: str, code: str, marked: str) -> None:
    with pytest.raises(PromptError) as caught:
        parse(text)
    error = caught.value
    assert error.code == code
    assert error.source == text
    assert error.span is not None
    assert text[error.span.start : error.span.stop] == marked
    assert "\n" not in str(error)
    assert len(str(error)) < 300
    assert "^" in error.caret().splitlines()[2]


def test_a_stray_weight_is_never_a_number() -> None:
    assert parse("a:1.2.3)").weighted() == [("a:1.2.3)", 1.0)]
    assert parse(f"a:{NINES})").weighted() == [(f"a:{NINES})", 1.0)]


def test_opposite_brackets_balance_at_any_depth() -> None:
    (segment,) = parse("([" * 20_000 + "a" + "])" * 20_000).segments()
    assert segment.weight == pytest.approx(1.0, abs=1e-9)


def test_square_brackets_fade_to_nothing() -> None:
    assert parse("[" * 10_000 + "a" + "]" * 10_000).weighted() == [("a", 0.0)]


def test_unknown_dialect_and_no_text() -> None:
    with pytest.raises(RequestError, match=re.escape("'klingon' is unknown — choose")) as caught:
        parse("a", dialect="klingon")
    assert caught.value.code == "dialect-unknown"
    with pytest.raises(RequestError, match="not text"):
        parse(None)  # type: ignore[arg-type]
