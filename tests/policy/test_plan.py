"""Plans: terms with weights and places, composed negatives, notices, refused weights."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negprompt.errors import PromptError, RequestError, Span
from negprompt.language import parse
from negprompt.policy import Plan, Term, plan, terms


def codes(planned: Plan) -> list[str]:
    return [notice.code for notice in planned.notices]


def test_terms_with_weights_and_places() -> None:
    text = r"deformed hands, (extra fingers, blurry:1.5), [low \(quality\)],, ((noise))"
    planned = plan("a hand", [text])
    assert [(term.text, term.weight) for term in planned.negatives[0].terms] == [
        ("deformed hands", 1.0),
        ("extra fingers", 1.5),
        ("blurry", 1.5),
        ("low (quality)", 1 / 1.1),
        ("noise", 1.1 * 1.1),
    ]
    spans = [text[t.span.start : t.span.stop] for t in planned.negatives[0].terms]
    assert spans == ["deformed hands", "extra fingers", "blurry", r"low \(quality\)", "noise"]
    assert not planned.notices


def test_a_term_of_several_weights_has_their_mean_over_letters() -> None:
    (term,) = terms(parse("bad (hand:2) s"))
    assert term == Term("bad hand s", (3 * 1 + 4 * 2 + 1) / 8, Span(0, 14), 0)


def test_a_break_ends_a_term() -> None:
    assert [t.text for t in terms(parse("a b BREAK c, BREAK"))] == ["a b", "c"]


@given(st.text(alphabet="ab ,()[]:1.5\\\n", max_size=40))
def test_terms_hold_every_letter_once_and_know_their_place(text: str) -> None:
    try:
        prompt = parse(text)
    except PromptError:
        return
    found = terms(prompt)
    said = "".join(s.text for s in prompt.segments())
    assert "".join("".join(t.text.split()) for t in found) == "".join(said.replace(",", "").split())
    for term in found:
        assert text[term.span.start] == term.text[0]
        assert text[term.span.stop - 1] == term.text[-1]
        assert min(s.weight for s in prompt.segments()) - 1e-9 <= term.weight
        assert term.weight <= max(s.weight for s in prompt.segments()) + 1e-9


def test_no_negative() -> None:
    planned = plan("a cat")
    assert planned.negatives == ()
    assert (planned.effective_negative, planned.raw_negative) == ("", "")
    assert codes(planned) == []
    assert not planned.cancels


def test_one_negative_is_its_own_text() -> None:
    planned = plan("a cat", [" (blurry:1.5) "], [3.0])
    assert planned.effective_negative == " (blurry:1.5) "
    assert planned.raw_negative == " (blurry:1.5) "


def test_several_are_joined_with_weights() -> None:
    planned = plan("a cat", ["blurry", "noise", "text"], [1, 2.5, 1e-7])
    assert planned.effective_negative == "blurry AND noise :2.5 AND text :0.0000001"
    assert [negative.weight for negative in planned.negatives] == [1.0, 2.5, 1e-7]
    assert [term.branch for n in planned.negatives for term in n.terms] == [0, 1, 2]


@pytest.mark.parametrize("text", ["", "  \n", "()", "BREAK"])
def test_an_explicit_empty_negative_is_said(text: str) -> None:
    planned = plan("a cat", [text])
    assert codes(planned) == ["negative-empty"]
    assert len(planned.negatives) == 1


@pytest.mark.parametrize(
    ("positive", "negatives"),
    [("a cat", ["a cat"]), ("a (cat:1)", ["a cat"]), ("(a)", ["(a:1.1)"]), ("a", ["a", "a"])],
)
def test_equal_texts_cancel(positive: str, negatives: list[str]) -> None:
    planned = plan(positive, negatives)
    assert planned.cancels
    assert codes(planned) == ["negative-equals-positive"]


def test_one_of_several_equal_is_inert() -> None:
    planned = plan("a", ["b", "a"])
    assert not planned.cancels
    assert codes(planned) == ["negative-inert"]
    assert "negative 2" in planned.notices[0].text


def test_weights_make_texts_different() -> None:
    assert not plan("a cat", ["a (cat)"]).cancels


def test_remarks_say_which_text() -> None:
    planned = plan("a (cat", ["b", "(c BREAK d)"])
    assert codes(planned) == ["bracket-unclosed", "break-in-group"]
    assert [n.text.split(":")[0] for n in planned.notices] == ["prompt", "negative 2"]


@pytest.mark.parametrize(
    ("weights", "code"),
    [
        ([1.0], "negative-weights-mismatch"),
        ([], "negative-weights-mismatch"),
        ([1.0, float("nan")], "negative-weight-invalid"),
        ([1.0, float("inf")], "negative-weight-invalid"),
        ([1.0, 10**400], "negative-weight-invalid"),
        ([1.0, "x"], "negative-weight-invalid"),
        ([1e308, 1e308], "negative-weight-invalid"),
        ([0, 0], "negative-weight-invalid"),
        ([1, -1], "negative-weight-invalid"),
        ([-2, 1], "negative-weight-invalid"),
    ],
)
def test_refused_weights(weights: list[float], code: str) -> None:
    with pytest.raises(RequestError) as caught:
        plan("a", ["b", "c"], weights)
    assert caught.value.code == code


def test_a_single_weight_may_be_negative_in_a_positive_sum() -> None:
    assert [n.weight for n in plan("a", ["b", "c"], [2, -1]).negatives] == [2.0, -1.0]


def test_one_text_is_not_a_list_of_letters() -> None:
    with pytest.raises(RequestError, match="put it in a list"):
        plan("a", "blurry")


def test_a_bad_weight_in_a_negative_points_at_it() -> None:
    with pytest.raises(PromptError) as caught:
        plan("a", ["b", "(c:1..2)"])
    assert caught.value.source == "(c:1..2)"
