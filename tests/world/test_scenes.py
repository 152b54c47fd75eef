"""Scenes follow the table: prevalences, pinned factors, clean versions, umbrellas, legibility."""

from collections import Counter
from dataclasses import replace

import pytest
from tests.world.conftest import MANY
from tests.world.statistics import agrees

from negprompt.world.factors import (
    BINARY,
    CARELESS,
    COLOURS,
    CONCEPTS,
    PLACES,
    STYLES,
    SUBJECTS,
    rate,
)
from negprompt.world.scenes import Scene, legible, posed, sample

DEFECTS = {name for name in BINARY if CONCEPTS[name].kind == "defect"}


def test_the_same_seed_gives_the_same_scene() -> None:
    assert sample(7) == sample(7)
    assert sample(7) != sample(8)


def test_subjects_colours_places_and_styles_have_their_rates(scenes: list[Scene]) -> None:
    shares = {
        "subject": {name: 0.6 if name == "shapes" else 1.0 for name in SUBJECTS},
        "colour": dict.fromkeys(COLOURS, 1.0),
        "place": dict.fromkeys(PLACES, 1.0),
        "style": dict(STYLES),
    }
    for factor, share in shares.items():
        seen = Counter(getattr(scene, factor) for scene in scenes)
        assert set(seen) == set(share)
        for name, weight in share.items():
            assert agrees(seen[name], len(scenes), weight / sum(share.values())), name


@pytest.mark.parametrize("name", BINARY)
def test_a_concept_has_its_prevalence_wherever_it_can_be(scenes: list[Scene], name: str) -> None:
    concept = CONCEPTS[name]
    by_chance: dict[float, list[bool]] = {}
    for scene in scenes:
        p = rate(concept, scene.subject, scene.place)
        by_chance.setdefault(p, []).append(name in scene.present)
    share = CARELESS if concept.kind == "defect" else 1.0
    wanted = {share * p for p in (concept.prevalence, *concept.under.values())}
    assert sorted(set(by_chance) - {0.0}) == pytest.approx(sorted(wanted))
    assert (0.0 in by_chance) == bool(concept.only)
    for p, present in by_chance.items():
        assert agrees(sum(present), len(present), p), p


def test_defects_are_independent_in_careless_scenes_and_nowhere_else(scenes: list[Scene]) -> None:
    first, second = "blurry", "watermark"
    both = sum({first, second} <= scene.present for scene in scenes)
    p = CARELESS * CONCEPTS[first].prevalence * CONCEPTS[second].prevalence
    assert agrees(both, len(scenes), p)
    whole = sum(not scene.present & DEFECTS for scene in scenes)
    assert 1 - CARELESS < whole / len(scenes) < 1.15 * (1 - CARELESS)


@pytest.fixture(scope="module")
def poses() -> list[tuple[Scene, frozenset[str]]]:
    return [posed(seed) for seed in range(2 * MANY)]


@pytest.mark.slow
def test_a_posed_scene_has_what_it_is_posed_for_by_an_even_coin(
    poses: list[tuple[Scene, frozenset[str]]],
) -> None:
    found = poses[:MANY]
    for name in ("watermark", "noise", "scarf", "parasol", "balloon"):
        there = [name in scene.present for scene, about in found if name in about]
        assert len(there) > 200
        assert agrees(sum(there), len(there), 0.5), name
    assert {len(about) for _, about in found} == {1, 2, 3, 4}
    assert not any("border" in about for _, about in found)


@pytest.mark.slow
@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("other", ["text", "border", "neon"])
def test_what_a_posed_scene_is_not_posed_for_is_as_likely_as_in_the_world(
    poses: list[tuple[Scene, frozenset[str]]], there: bool, other: str
) -> None:
    """p(other | watermark or none), by Bayes from the table."""
    p = CONCEPTS["watermark"].prevalence
    careless = 1.0 if there else CARELESS * (1 - p) / (CARELESS * (1 - p) + 1 - CARELESS)
    expected = CONCEPTS[other].prevalence * (careless if other in DEFECTS else 1.0)
    found = [
        other in scene.present
        for scene, about in poses
        if about == {"watermark"} and ("watermark" in scene.present) == there
    ]
    assert len(found) > 200
    assert agrees(sum(found), len(found), expected)


def test_negatives_are_lists_so_many_scenes_carry_three_defects(scenes: list[Scene]) -> None:
    assert sum(len(scene.present & DEFECTS) >= 3 for scene in scenes) >= 0.15 * len(scenes)


def test_only_a_hand_has_fingers_and_extra_ones_are_six_or_seven(scenes: list[Scene]) -> None:
    hands = [scene for scene in scenes if scene.subject == "hand"]
    assert {scene.fingers for scene in scenes if scene.subject != "hand"} == {0}
    assert {scene.fingers for scene in hands if "extra fingers" in scene.present} == {6, 7}
    assert {scene.fingers for scene in hands if "extra fingers" not in scene.present} == {5}


def test_two_solids_of_two_colours_and_the_first_has_the_scenes(scenes: list[Scene]) -> None:
    pairs = [scene.solids for scene in scenes if scene.subject == "shapes"]
    assert all(scene.solids is None for scene in scenes if scene.subject != "shapes")
    assert {solid.form for pair in pairs if pair for solid in pair} == {"circle", "square"}
    for scene in scenes:
        if scene.solids:
            assert scene.solids[0].colour == scene.colour != scene.solids[1].colour


@pytest.mark.parametrize(
    ("factor", "value"),
    [("subject", "cat"), ("colour", "blue"), ("place", "beach"), ("style", "sketch")],
)
def test_a_pinned_factor_leaves_the_other_tosses_alone(factor: str, value: str) -> None:
    for seed in range(40):
        free, pinned = sample(seed), sample(seed, **{factor: value})
        assert getattr(pinned, factor) == value
        others = {"subject", "colour", "place", "style"} - {factor}
        assert all(getattr(pinned, name) == getattr(free, name) for name in others)
        anywhere = {name for name in BINARY if not CONCEPTS[name].only}
        assert pinned.present & anywhere == free.present & anywhere


def test_a_clean_scene_keeps_all_but_its_defects(scenes: list[Scene]) -> None:
    for scene in scenes[:500]:
        clean = scene.clean()
        assert not clean.present & DEFECTS
        assert clean.present == scene.present - DEFECTS
        assert clean.fingers == (5 if scene.subject == "hand" else 0)
        assert replace(clean, present=scene.present, fingers=scene.fingers) == scene
        assert clean.clean() == clean


def test_an_umbrella_is_there_when_any_member_is() -> None:
    bare = sample(0).clean()
    for name in ("low quality", "artifacts"):
        assert not bare.has(name)
        for defect in DEFECTS:
            spoiled = replace(bare, present=frozenset({defect}))
            assert spoiled.has(name) == (defect in CONCEPTS[name].members)


def test_an_unknown_concept_is_an_error() -> None:
    with pytest.raises(KeyError):
        sample(0).has("quality")


@pytest.mark.parametrize(
    ("factor", "defects", "readable"),
    [
        ("style", {"low resolution"}, False),
        ("blurry", {"low resolution"}, False),
        ("blurry", {"noise", "cropped"}, True),
        ("noise", {"jpeg artifacts"}, False),
        ("jpeg artifacts", {"noise"}, True),
        ("jpeg artifacts", {"low resolution"}, False),
        ("low resolution", {"blurry", "noise"}, True),
        ("extra fingers", {"cropped"}, False),
        ("hat", {"cropped"}, False),
        ("watermark", {"cropped", "low resolution", "noise"}, True),
        ("subject", {"cropped", "low resolution", "blurry"}, True),
    ],
)
def test_what_hides_what(factor: str, defects: set[str], *, readable: bool) -> None:
    scene = replace(sample(0, colour="red"), present=frozenset(defects))
    assert legible(scene, factor) == readable
    assert legible(scene.clean(), factor)


def test_white_cannot_be_told_when_colours_are_driven_up() -> None:
    garish = frozenset({"oversaturated"})
    assert not legible(replace(sample(0, colour="white"), present=garish), "colour")
    assert legible(replace(sample(0, colour="red"), present=garish), "colour")
    assert legible(sample(0, colour="white").clean(), "colour")


def test_most_of_the_world_is_legible(scenes: list[Scene]) -> None:
    """Else a judge's score over legible scenes would speak of a sliver."""
    for name in BINARY:
        there = [scene for scene in scenes if name in scene.present]
        assert sum(legible(scene, name) for scene in there) > len(there) / 3, name
