"""Terms of a prompt: what stands between commas, breaks and the marks of parts."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negprompt.language import parse
from negprompt.policy import plan
from negprompt.policy.terms import terms, terms_by_weight


@pytest.mark.parametrize(
    ("text", "dialect", "found"),
    [
        ("a (b:1.5), c", "a1111", ["a b", "c"]),
        ("a BREAK b", "a1111", ["a", "b"]),
        ("a cat+ (old dog)1.2, hat", "compel", ["a cat old dog", "hat"]),
        ('("a cat+", "dog").and()', "compel", ["a cat", "dog"]),
        ('("a", "b+").blend(1, 2)', "compel", ["a", "b"]),
        ("sun(flower)", "a1111", ["sunflower"]),
        (
            "(blurry), ugly, [old], (a, b:1.3), c",
            "sdnext",
            ["blurry", "ugly", "old", "a", "b", "c"],
        ),
        ("(a), (b) ,c", "sdnext", ["a", "b", "c"]),  # a and b are one run of one weight
        ("very (long:1.2) hair, x", "sdnext", ["very long hair", "x"]),
    ],
)
def test_terms_are_words_as_they_are_read(text: str, dialect: str, found: list[str]) -> None:
    assert [term.text for term in terms(parse(text, dialect))] == found


def test_a_negative_in_compels_language_keeps_its_words_apart() -> None:
    made = plan("a person", ["a cat+ dog"], dialect="compel")
    assert [term.text for term in made.negatives[0].terms] == ["a cat dog"]


def test_terms_by_weight_are_no_means() -> None:
    text = "(a (b:1.5) c:2), d"
    found = terms_by_weight(parse(text).segments())
    assert [(t.text, t.weight) for t in found] == [("a", 2.0), ("b", 3.0), ("c", 2.0), ("d", 1.0)]
    assert [text[t.span.start : t.span.stop] for t in found] == ["a", "b", "c", "d"]


@given(
    st.lists(st.sampled_from(["a", "(b)", "[c d]", "(e:1.3)", "f", "(g"]), min_size=1, max_size=8)
)
def test_each_place_between_commas_is_a_term_of_sdnext(pieces: list[str]) -> None:
    text = ", ".join(pieces)
    found = terms(parse(text, "sdnext"))
    assert [term.text for term in found] == [re.sub(r"[^a-z ]", "", piece) for piece in pieces]
    assert [text[t.span.start : t.span.stop] for t in found] == [t.text for t in found]
