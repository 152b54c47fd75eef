"""The page on dialects shows what the code reads."""

from tests.language.dialect_table import PAGE, STRINGS, page

from negprompt.language import DIALECTS


def test_the_table_is_what_the_readers_say() -> None:
    written = PAGE.read_text("utf-8")
    assert written == page(written), "run: python tests/language/dialect_table.py"


def test_the_table_is_wide_and_long() -> None:
    assert len(set(STRINGS)) >= 25
    text = PAGE.read_text("utf-8")
    assert all(f"`{name}`" in text for name in DIALECTS)
