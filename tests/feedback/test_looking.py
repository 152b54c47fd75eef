"""What the judge of the pocket model adds, what a paired check finds, when a session ends."""

import numpy as np
import pytest
from PIL import Image
from tests.tiny_models import tiny_sd

from negprompt.engine import Request
from negprompt.feedback import Critique, Draft, Edit, apply, critique, draft_of
from negprompt.feedback.checking import Checked, check, settled
from negprompt.feedback.ending import ended
from negprompt.measure.probes import Probe, probe
from negprompt.measure.statistics import Pairs
from negprompt.models.families import SD1
from negprompt.models.load import Model
from negprompt.world.render import render
from negprompt.world.scenes import sample

UNNAMED = "what is that in the corner?"


def sees(*names: str) -> Probe:
    """A user's own probe that can describe a picture."""
    return Probe("mine", lambda images, _: [None] * len(images),
                 describe=lambda images: [frozenset(names)] * len(images))  # fmt: skip


def terms(text: str, *seen: str, prompt: str = "a cat") -> list[str]:
    picture = Image.new("RGB", (8, 8))
    return [e.term for e in critique(text, Draft(prompt), image=picture, probe=sees(*seen)).edits]


def test_what_is_seen_names_what_has_no_name() -> None:
    assert terms(UNNAMED, "cat", "text", "noise") == ["text"]
    assert terms(UNNAMED, "cat", "meadow", "parasol") == ["parasol"]
    assert terms("it looks terrible", "blurry", "noise", "cat") == ["blurry", "noise"]
    assert terms("it looks terrible", "hat", prompt="a cat with a hat") == []
    assert terms("the hands look wrong", "watermark") == ["deformed hands"]


def test_without_a_look_it_is_a_guess_and_says_so() -> None:
    (edit,) = critique(UNNAMED, Draft("a cat")).edits
    assert edit.term == "watermark"
    assert "mostly" in edit.reason


def test_the_shipped_judge_finds_the_watermark() -> None:
    judge = probe("judge")
    assert judge is not None
    assert judge.describe is not None
    scenes = [sample(seed) for seed in range(60)]
    marked = [s for s in scenes if "watermark" in s.present and "text" not in s.present][:5]
    named = []
    for scene in marked:
        picture = Image.fromarray(np.asarray(render(scene)))
        said = critique(UNNAMED, Draft(scene.subject), image=picture, probe=judge)
        named.append("watermark" in [edit.term for edit in said.edits])
    assert sum(named) >= 4


def test_a_check_makes_pairs_on_the_same_seeds() -> None:
    request = Request(prompt="a cat", steps=2, seed=3)
    draft = apply([Edit("add", "blurry", "", 1.3)], draft_of(request)).draft
    asked: list[int] = []

    def look(images: object, term: str) -> list[float | None]:
        assert term == "blurry"
        asked.append(len(list(images)))  # type: ignore[call-overload]
        return [1.0] * asked[-1]

    model = Model(tiny_sd(), "tiny", SD1)
    found = check("blurry", draft, request, Probe("mine", look), model=model, count=2)
    assert asked == [2, 2]
    assert found == Checked("blurry", Pairs(both=2, lost=0, gained=0, neither=0))
    assert found.is_useless
    knows_nothing = Probe("mine", lambda images, _: [None] * len(images))
    assert check("blurry", draft, request, knows_nothing, model=model, count=2) is None


@pytest.mark.parametrize(
    ("counted", "effect", "useless"),
    [
        (Pairs(4, 0, 0, 4), 0.0, True),
        (Pairs(1, 3, 0, 4), 0.75, False),
        (Pairs(2, 1, 2, 3), -1 / 3, True),
        (Pairs(0, 0, 0, 8), None, False),
    ],
)
def test_useless_is_what_had_something_to_take_away_and_did_not(
    counted: Pairs, effect: float | None, useless: bool
) -> None:
    found = Checked("noise", counted)
    assert found.effect == pytest.approx(effect)
    assert found.is_useless is useless
    draft = apply([Edit("add", "noise", ""), Edit("add", "text", "")], Draft("a cat")).draft
    done = settled([found], draft)
    assert [own.text for own in done.draft.own] == (["text"] if useless else ["noise", "text"])
    assert [c.reason.split(":")[0] for c in done.changes] == (
        ["it was checked on 8 pairs of pictures"] if useless else []
    )


def test_a_session_ends_when_somebody_is_content_or_at_its_bound() -> None:
    content, other = Critique((), is_content=True), Critique((Edit("add", "text", ""),))
    assert ended(content) == "you are content"
    assert ended(other, rounds=3) is None
    assert ended(other, rounds=8) == "8 rounds are done"
    assert ended(None, {"cat"}, complained={"blurry"}) is not None
    assert ended(None, {"cat", "blurry"}, complained={"blurry"}) is None
    assert ended(None, None, complained={"blurry"}) is None
