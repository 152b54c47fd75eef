"""Errors: one line with a cure, and a caret under the place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negprompt import errors
from negprompt.errors import (
    ModelError,
    NegpromptError,
    Notice,
    OutputError,
    PromptError,
    RequestError,
    Span,
    shown,
)


def error(source: str | None = None, span: Span | None = None) -> PromptError:
    return PromptError("it broke", code="it-broke", cure="mend it", source=source, span=span)


def test_one_line_with_message_and_cure() -> None:
    assert str(error()) == "it broke — mend it"
    assert error().code == "it-broke"
    assert error().caret() == str(error())


def test_control_characters_of_a_message_are_spelled_out() -> None:
    assert str(RequestError("a\nb\0c", code="x", cure="d")) == r"a\nb\x00c — d"


@pytest.mark.parametrize("kind", [PromptError, RequestError, ModelError, OutputError])
def test_one_tree_drawn_in_the_docstring(kind: type[NegpromptError]) -> None:
    assert issubclass(kind, NegpromptError)
    assert f"── {kind.__name__} " in (errors.__doc__ or "")


def test_caret_points_at_the_span() -> None:
    assert error("a, (b:1.2.3)", Span(6, 11)).caret() == (
        "it broke — mend it\n  a, (b:1.2.3)\n        ^^^^^"
    )


def test_caret_shows_the_line_of_the_span_only() -> None:
    assert error("first\nsecond\nthird", Span(6, 12)).caret().splitlines()[1:] == [
        "  second",
        "  ^^^^^^",
    ]
    assert error("ab\ncd", Span(1, 5)).caret().splitlines()[1:] == ["  ab", "   ^"]


def test_caret_windows_long_text() -> None:
    _, line, carets = (
        error("x" * 500_000 + "(" + "y" * 500_000, Span(500_000, 500_001)).caret().split("\n")
    )
    assert line == "  …" + "x" * 30 + "(" + "y" * 30 + "…"
    assert line[carets.index("^")] == "("


def test_caret_cuts_long_spans() -> None:
    assert error("9" * 400, Span(0, 400)).caret().splitlines()[2] == "  " + "^" * 40


def test_caret_counts_columns_of_wide_and_unprintable_characters() -> None:
    lines = error("漢字\0\u202e\te\u0301(", Span(7, 8)).caret().splitlines()
    assert lines[1] == "  漢字\ufffd\ufffd e\u0301("
    assert lines[2] == "  " + " " * 8 + "^"


def test_caret_at_the_end_and_outside() -> None:
    assert error("ab", Span(2, 2)).caret().splitlines()[2] == "    ^"
    assert error("ab", Span(9, 12)).caret().splitlines()[2] == "    ^"
    assert error("", Span(0, 0)).caret().splitlines()[1:] == ["  ", "  ^"]


@given(st.text(), st.integers(0, 50), st.integers(0, 50))
def test_caret_is_three_lines_for_any_text(text: str, start: int, length: int) -> None:
    shown_lines = error(text, Span(start, start + length)).caret().split("\n")
    assert len(shown_lines) == 3
    assert shown_lines[2].strip(" ").strip("^") == ""


def test_shown_is_short() -> None:
    assert shown("a'b") == '"a\'b"'
    assert shown("x" * 100) == f"{'x' * 40!r}…{'x' * 20!r} (100 characters)"
    assert shown(-5) == "-5"
    assert len(shown(list(range(1000)))) == 61


def test_spans_and_notices_are_values() -> None:
    assert len(Span(2, 5)) == 3
    assert Notice("a-b", "c") == Notice("a-b", "c")
