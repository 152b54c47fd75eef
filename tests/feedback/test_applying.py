"""Edits to a draft: what each does, what is refused, and that an undo gives back what was."""

from dataclasses import asdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.policy.house import house

from negprompt.engine import Request
from negprompt.feedback import Draft, Edit, apply, asked, draft_of, replayed

REQUEST = Request(
    prompt="a cat with a red hat on a beach",
    negative=("text, (hat:1.3), [a (b:1.2), c]",),
    policies=(house("always", "blurry", "noise", rank="floor"), house("enforced", "logo")),
    seed=7,
)


START = draft_of(REQUEST, scale=3.0)


def edit(action: str, term: str = "", weight: float | None = None, without: str = "") -> Edit:
    return Edit(action, term, "for a test", weight, without)  # type: ignore[arg-type]


def negative(draft: Draft) -> str:
    """The negative that acts."""
    return asked(draft, REQUEST).planned().effective_negative


def test_what_feedback_adds_stands_in_a_layer_of_its_own() -> None:
    done = apply([edit("add", "watermark", 1.2)], START)
    assert negative(done.draft) == (
        "logo, blurry, noise, (watermark:1.2) BREAK text, (hat:1.3), [a (b:1.2), c]"
    )
    request = asked(done.draft, REQUEST)
    assert (request.seed, request.prompt) == (REQUEST.seed, REQUEST.prompt)
    origins = {t.text: t.layer for t in request.planned().negatives[0].terms}
    assert origins["watermark"].startswith("feedback@0.0.1#")


@pytest.mark.parametrize(
    ("what", "after"),
    [
        (edit("strengthen", "text", 1.4), "(text:1.4), (hat:1.3), [a (b:1.2), c]"),
        (edit("weaken", "hat", 0.8), "text, (hat:0.8), [a (b:1.2), c]"),
        (edit("remove", "hat"), "text, [a (b:1.2), c]"),
        (edit("strengthen", "caption", 1.4), "(text:1.4), (hat:1.3), [a (b:1.2), c]"),
    ],
)
def test_a_typed_term_is_rewritten_where_it_stands(what: Edit, after: str) -> None:
    assert apply([what], START).draft.negative == (after,)


def test_a_policy_that_is_not_enforced_gives_a_term_up_and_shows_it() -> None:
    done = apply([edit("remove", "blur")], START)
    assert "blurry" not in negative(done.draft)
    labels = [asked(d, REQUEST).planned().layers for d in (START, done.draft)]
    assert labels[0] != labels[1]


def test_a_policys_term_that_is_strengthened_is_still_one_term() -> None:
    done = apply([edit("strengthen", "noise", 1.3)], START)
    assert negative(done.draft).count("noise") == 1
    assert "(noise:1.3)" in negative(done.draft)


@pytest.mark.parametrize(
    ("what", "code"),
    [
        (edit("remove", "logo"), "edit-enforced"),
        (edit("weaken", "emblem", 0.5), "edit-enforced"),
        (edit("remove", "giraffe"), "edit-impossible"),
        (edit("remove", "a b"), "edit-impossible"),
        (edit("undo"), "edit-impossible"),
        (edit("positive", without="giraffe"), "edit-impossible"),
        (edit("add", "x", 9.0), "edit-impossible"),
        (edit("scale", weight=1.0), "edit-impossible"),
    ],
)
def test_what_cannot_be_is_told_and_changes_nothing(what: Edit, code: str) -> None:
    done = apply([what], START)
    assert (done.draft, done.changes) == (START, ())
    assert [notice.code for notice in done.notices] == [code]


@pytest.mark.parametrize(
    ("without", "term", "after"),
    [
        ("hat", "", "a cat on a beach"),
        ("red hat", "", "a cat on a beach"),
        ("beach", "a meadow", "a cat with a red hat, a meadow"),
        ("", "snow", "a cat with a red hat on a beach, snow"),
    ],
)
def test_the_prompt_is_changed_instead(without: str, term: str, after: str) -> None:
    assert apply([edit("positive", term, without=without)], START).draft.positive == after


def test_the_scale_goes_down_to_where_negatives_still_act() -> None:
    draft = START
    for scale in (2.25, 1.69, 1.5):
        draft = apply([edit("scale", weight=0.75)], draft).draft
        assert asked(draft, REQUEST).cfg == scale
    assert apply([edit("scale", weight=0.75)], draft).notices[0].code == "edit-impossible"


def test_the_oldest_goes_where_the_budget_is_full_and_it_is_said() -> None:
    draft = START
    for term in ("one", "two", "three"):
        draft = apply([edit("add", term)], draft, budget=3).draft
    draft = apply([edit("add", "one", 1.2)], draft, budget=3).draft  # asked for again
    done = apply([edit("add", "four")], draft, budget=3)
    assert [own.text for own in done.draft.own] == ["three", "one", "four"]
    assert [(c.action, c.term) for c in done.changes] == [("add", "four"), ("remove", "two")]
    assert [notice.code for notice in done.notices] == ["term-put-out"]


def test_praise_is_kept_until_somebody_complains() -> None:
    draft = apply([edit("protect", "sky")], START).draft
    assert draft.protected == ("sky",)
    assert apply([edit("add", "sky")], draft).draft.protected == ()


EDITS = st.builds(
    edit,
    st.sampled_from(["add", "strengthen", "weaken", "remove", "protect", "positive", "scale"]),
    st.sampled_from(["text", "blur", "noise", "hat", "logo", "snow", "deformed hands"]),
    st.sampled_from([0.75, 1.0, 1.3]),
)


@settings(max_examples=25)
@given(st.lists(EDITS, max_size=4), st.lists(EDITS, max_size=4))
def test_undo_gives_back_the_draft_before(first: list[Edit], second: list[Edit]) -> None:
    before = apply(first, START).draft
    done = apply(second, before)
    if done.changes:
        assert apply([edit("undo")], done.draft).draft == before
    else:
        assert done.draft == before


@settings(max_examples=25)
@given(st.lists(st.lists(EDITS, min_size=1, max_size=3), max_size=4))
def test_a_session_can_be_folded_again_from_plain_rows(batches: list[list[Edit]]) -> None:
    draft = START
    for batch in batches:
        draft = apply(batch, draft, budget=4).draft
    rows = [[asdict(one) for one in batch] for batch in batches]
    again = [[Edit(**row) for row in batch] for batch in rows]
    assert replayed(START, again, budget=4) == draft


@settings(max_examples=25)
@given(st.lists(EDITS, max_size=8))
def test_no_edits_touch_what_is_enforced_or_pass_the_budget(edits: list[Edit]) -> None:
    draft = apply(edits, START, budget=3).draft
    assert len(draft.own) <= 3
    assert "logo" in negative(draft) if "logo" not in draft.positive else True


def test_a_term_that_only_its_owner_may_see_is_nowhere() -> None:
    secret = house("enforced", "zyxwv", visibility="owner")
    draft = draft_of(Request(prompt="a cat", policies=(secret,)))
    assert "zyxwv" not in repr(draft)
    done = apply([edit("remove", "zyxwv")], draft)
    assert [notice.code for notice in done.notices] == ["edit-impossible"]
    assert secret.label not in repr(done)
