"""Advice before a run, what is mended of it, the overview of terms, and the project file."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.policy.house import house

from negprompt.errors import PolicyError
from negprompt.policy import Layer, plan
from negprompt.policy.advice import Asked, advise
from negprompt.policy.families import families, habits_of
from negprompt.policy.mending import mended
from negprompt.policy.overview import overview
from negprompt.policy.project import found


def asked(prompt: str, *negatives: str, layers: tuple[Layer, ...] = (), **more: object) -> Asked:
    planned = plan(prompt, negatives or None, layers=layers)
    return Asked(planned, prompt, negatives, **more)  # type: ignore[arg-type]


def codes(one: Asked) -> list[str]:
    return [piece.code for piece in advise(one)]


SD1, SDXL, FLUX, FEW = (families()[name] for name in ("sd1", "sdxl", "flux", "few-step"))


@pytest.mark.parametrize(
    ("one", "code"),
    [
        (asked("a cat", "hat", cfg=1), "scale-one"),
        (asked("a cat", "hat", habits=FLUX), "negative-inert-family"),
        (asked("a cat", "hat", habits=FLUX, cfg=1), "negative-inert-family"),
        (asked("a cat", "hat", habits=FEW, cfg=1.5), "negative-inert-family"),
        (asked("a cat", "a cat"), "negative-equals-positive"),
        (asked("a sharp, blurred cat", "blurry"), "negative-conflicts"),
        (asked("a cat", "blurry, out of focus"), "term-duplicate"),
        (asked("a cat", "low quality", layers=(house(),)), "term-duplicate"),
        (asked("a cat", ", ".join(f"t{n}" for n in range(20)), habits=SDXL), "terms-over-budget"),
        (asked("a cat", "hat", past=("hat",)), "term-past-limit"),
        (asked("a cat", "hat++"), "dialect-look-alike"),
        (asked("a cat, no hat", "x"), "negation-in-words"),
        (asked("a cat", "no hat"), "double-negation"),
        (asked("a cat", "(hat:1.9)"), "weight-too-high"),
        (asked("a cat", "hat", habits=SD1, cfg=2), "scale-unusual"),
        (asked("a cat", "hat, qwert", vocabulary={"a", "cat", "hat"}), "term-unknown"),
        (asked("a qwert", "hat", vocabulary={"a", "cat", "hat"}), "term-unknown"),
        (asked("a cat", "hat", measured={"hat": "nothing"}), "term-useless"),
        (asked("a cat", "hat", measured={"Hat": "harms"}), "term-useless"),
    ],
)
def test_each_thing_is_told_with_its_cure(one: Asked, code: str) -> None:
    assert code in codes(one)
    assert all(piece.cure and piece.text for piece in advise(one))


def test_a_good_request_gets_no_advice() -> None:
    assert codes(asked("a cat on a beach", "scarf", habits=SD1, cfg=7)) == []
    assert codes(asked("a cat", "hat", habits=FLUX, cfg=2)) == []
    assert codes(asked("a cat's hat", "(Hat:1.2)", vocabulary={"a", "cat", "hat"})) == [
        "negative-conflicts"
    ]
    assert codes(asked("a cat", "hat", measured={"hat": "helps"})) == []


def test_every_family_has_a_source() -> None:
    assert all(
        one.source and one.says and one.scale[0] < one.scale[1] for one in families().values()
    )


@pytest.mark.parametrize(
    ("model", "family", "title"),
    [
        ("pocket", "sd1", "pocket"),
        ("stabilityai/sdxl-turbo", "sdxl", "few-step"),
        ("my_lcm_model.safetensors", "sd1", "few-step"),
        ("black-forest-labs/FLUX.1-schnell", "flux", "few-step"),
        ("runwayml/x", "sd1", "sd1"),
    ],
)
def test_a_model_is_known_by_its_name_or_family(model: str, family: str, title: str) -> None:
    habits = habits_of(model, family)
    assert habits is not None
    assert habits.name == title
    assert habits_of("runwayml/x", None) is None


def test_what_is_safe_is_mended() -> None:
    one = asked("a cat, no hat, on a beach", "no text, blurry, Blurry, (x:1.8), blurry")
    made = mended(one)
    assert made.prompt == "a cat, on a beach"
    assert made.negatives == ("text, blurry, (x:1.8), hat",)
    assert len(made.done) == 4
    left = asked(made.prompt, *made.negatives)
    assert mended(left).done == ()


def test_brackets_are_left_alone_and_useless_terms_go() -> None:
    made = mended(asked("a cat", "(hat, hat:1.2), scarf, hat", measured={"scarf": "nothing"}))
    assert made.negatives == ("(hat, hat:1.2)",)


def test_a_denial_makes_a_negative_where_there_is_none() -> None:
    made = mended(asked("a house without people"))
    assert (made.prompt, made.negatives) == ("a house", ("people",))


@given(
    st.text(alphabet="ab, no()hat:1.2", max_size=40), st.text(alphabet="ab, no()t:1.5", max_size=40)
)
def test_mending_ends_and_changes_nothing_without_saying(prompt: str, negative: str) -> None:
    one = asked(prompt, negative)
    made = mended(one)
    if not made.done:
        assert (made.prompt, made.negatives) == (prompt, (negative,))


def test_the_overview_says_why_a_term_is_left_out() -> None:
    layers = (
        house("default", "ugly"), house("always", "hat", "blurry"), house(),
        house("always", "text", name="for-xl", applies_to=("sdxl",)),
    )  # fmt: skip
    planned = plan("a cat with a hat", ["scarf"], layers=layers, family="sd1")
    rows = overview(planned, layers, ["scarf"], family="sd1")
    assert {(row.term, row.status) for row in rows} == {
        ("ugly", "opted out"), ("hat", "gives way"), ("blurry", "acts"), ("low quality", "acts"),
        ("text", "other model"), ("scarf", "acts"),
    }  # fmt: skip
    assert [row.layer for row in rows if row.term == "scarf"] == ["user"]


def test_hidden_words_stand_in_no_row() -> None:
    layer = house("enforced", "zyxwv", visibility="owner")
    rows = overview(plan("a cat", layers=(layer,)), (layer,), None, family=None)
    assert rows
    assert "zyxwv" not in repr(rows)


def test_the_nearest_project_file_counts(tmp_path: Path) -> None:
    (tmp_path / "negprompt.toml").write_text('policies = ["a", "b.toml"]\npolicy_folders = ["p"]\n')
    inner = tmp_path / "x" / "y"
    inner.mkdir(parents=True)
    project = found(inner)
    assert project.policies == ("a", str(tmp_path / "b.toml"))
    assert project.folders == (tmp_path / "p",)
    (inner / "negprompt.toml").write_text("")
    assert found(inner).policies == ()


@pytest.mark.parametrize("text", ["policy = 1", "policies = 'a'", "=", "policies = [1]"])
def test_a_wrong_project_file_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "negprompt.toml").write_text(text)
    with pytest.raises(PolicyError, match=r"negprompt\.toml"):
        found(tmp_path)
