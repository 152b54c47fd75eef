"""What people say of pictures, and the edits that follow."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.feedback.complaint_table import DRAFTS, complaints, score

from negprompt.feedback import Draft, critique
from negprompt.feedback.critique import LONGEST
from negprompt.feedback.lexicon import lexicon
from negprompt.policy.concepts import concepts

TABLE = complaints()


def test_the_table_is_large_and_says_each_thing_once() -> None:
    assert len(TABLE) >= 300
    assert len({(row.draft, row.text) for row in TABLE}) == len(TABLE)
    assert sum(row.half == "test" for row in TABLE) >= 150


@pytest.mark.parametrize("half", ["dev", "test"])
def test_precision_and_recall(half: str) -> None:
    found = score(tuple(row for row in TABLE if row.half == half))
    assert found.precision >= 0.95
    assert found.recall >= 0.85


@pytest.mark.parametrize(
    ("text", "weight"),
    [("it is blurry", 1.0), ("it is so blurry", 1.3), ("it is a bit blurry", 0.8)],
)
def test_degrees_set_weights(text: str, weight: float) -> None:
    (edit,) = critique(text, Draft("a cat")).edits
    assert (edit.action, edit.term, edit.weight) == ("add", "blurry", weight)


def test_a_reason_quotes_what_was_said() -> None:
    for edit in critique("I love the sky but hate the hands", Draft("a cat")).edits:
        assert "you said" in edit.reason
        assert edit.term.split()[-1] in edit.reason


def test_a_term_that_is_heavy_already_becomes_a_wish() -> None:
    heavy = critique("still blurry", DRAFTS["busy"])
    assert [(e.action, e.weight) for e in heavy.edits] == [("strengthen", 1.4)]
    (edit,) = critique("still blurry", _with("blurry", 1.5)).edits
    assert (edit.action, edit.term) == ("positive", "sharp")


def _with(term: str, weight: float) -> Draft:
    from negprompt.feedback import Edit, apply

    return apply([Edit("add", term, "", weight)], Draft("a cat")).draft


@pytest.mark.parametrize("text", ["the logo is fine", "put the logo back", "the cartoon can stay"])
def test_what_a_policy_enforces_stays(text: str) -> None:
    said = critique(text, DRAFTS["house"])
    assert said.edits == ()
    (notice,) = said.notices
    assert notice.code == "edit-enforced"
    assert "house-enforced" in notice.text


def test_words_that_say_nothing_are_told() -> None:
    for text in ("", "hm", "🙂", "asdf qwer"):
        said = critique(text, Draft("a cat"))
        assert (said.edits, [n.code for n in said.notices]) == ((), ["critique-unread"])


def test_what_is_too_long_is_cut_and_told() -> None:
    said = critique("remove the text. " + "x " * LONGEST, Draft("a cat"))
    assert said.notices[0].code == "critique-too-long"
    assert said.edits[0].term == "text"


@settings(max_examples=40)
@given(st.text(max_size=200) | st.lists(st.sampled_from(sorted(lexicon().words))).map(" ".join))
def test_any_words_at_all_are_read(text: str) -> None:
    said = critique(text, DRAFTS["busy"])
    assert said.edits or said.notices or said.is_content
    assert all(edit.reason for edit in said.edits)
    for edit in said.edits:
        if edit.action in ("add", "strengthen", "weaken"):
            assert edit.weight is not None
            assert 0 < edit.weight <= 1.5


@settings(max_examples=60)
@given(st.sampled_from(sorted(concepts())), st.sampled_from(["no {}", "remove the {}", "{}"]))
def test_every_concept_is_named_by_its_first_word(name: str, said: str) -> None:
    one = concepts()[name]
    edits = critique(said.format(one.term), Draft("")).edits
    assert one.term in [edit.term for edit in edits]


def test_a_misspelled_word_is_read_and_another_word_is_not_mistaken_for_one() -> None:
    words = lexicon()
    spelled = {"watermakr": "watermark", "hnads": "hands", "blurryyy": "blurry", "fase": "face"}
    assert {wrong: words.spelled(wrong) for wrong in spelled} == spelled
    for word in ("house", "train", "sand", "mouse", "dress", "women", "flame", "lego"):
        assert words.spelled(word) == word


def test_a_thing_that_the_lexicon_does_not_know_is_called_what_it_was_called() -> None:
    for text, term in (
        ("remove the giraffe", "giraffe"),
        ("there's a weird purple blob", "purple blob"),
        ("why is there a stupid lamp post on the left", "lamp post"),
    ):
        assert [edit.term for edit in critique(text, Draft("")).edits] == [term]
