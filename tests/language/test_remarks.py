"""What the language remarks on: brackets that never close, breaks in groups, unread weights."""

import pytest

from negprompt.language import parse, remarks


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("(a), [b], (c:1.2) BREAK d", []),
        ("a, (b", ["bracket-unclosed"]),
        ("smile :( [b", ["bracket-unclosed"]),
        ("(a BREAK b:1.5)", ["break-in-group"]),
        ("[a BREAK b", ["bracket-unclosed", "break-in-group"]),
        ("(a:1e2)", ["weight-unread"]),
        ("(a:nan), (b:-INF)", ["weight-unread"]),
        ("(a:1,5)", ["weight-unread"]),
        ("(a: b)", []),
        ("[a:1.5]", ["schedule-never"]),
        ("(a:b:1.5)", []),
    ],
)
def test_codes(text: str, codes: list[str]) -> None:
    assert [notice.code for notice in remarks(parse(text))] == codes


def test_words_hold_the_place_and_the_count() -> None:
    (notice,) = remarks(parse("a, (b [c"))
    assert notice.text.startswith("'(' at 3, and 1 more never closes and acts to the end")
    (unread,) = remarks(parse("(x: 1e2 )"))
    assert unread.text.startswith("': 1e2 ' at 2 is read as text, as in A1111")


def test_many_are_one_notice() -> None:
    (notice,) = remarks(parse("[" * 10_000))
    assert "9999 more" in notice.text
