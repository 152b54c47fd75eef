"""Captions tell the truth, at their naming rates, and their silence says nothing."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from tests.world.conftest import Captioned
from tests.world.reader import LEXICON, Said, read
from tests.world.statistics import agrees

from negprompt.world.captions import MODES, ROOM, caption, truth, vocabulary
from negprompt.world.factors import (
    CARELESS,
    CONCEPTS,
    FACTOR_NAMING,
    PLACES,
    STYLES,
    SUBJECTS,
    Concept,
    chance,
    rate,
)
from negprompt.world.scenes import Scene, posed, sample

NAMED = [concept for concept in CONCEPTS.values() if concept.naming_rate > 0]
each_named = pytest.mark.parametrize("concept", NAMED, ids=lambda c: c.name)


def sayable(concept: Concept, scene: Scene) -> bool:
    return not concept.only or bool({scene.subject, scene.place} & set(concept.only))


def likelihood(concept: Concept, scene: Scene) -> float:
    """p(concept | subject, place), of an umbrella of defects too."""
    if not concept.members:
        return rate(concept, scene.subject, scene.place)
    members = [CONCEPTS[name] for name in concept.members]
    absent = [1 - chance(member, scene.subject, scene.place) for member in members]
    return CARELESS * (1 - float(np.prod(absent)))


def check(scene: Scene, said: Said) -> None:
    """Every word is true of the scene."""
    for name, present in said.concepts:
        assert scene.has(name) == present, name
    assert set(said.subject) <= {scene.subject}
    assert set(said.colour) <= {scene.colour}
    assert set(said.place) <= {scene.place}
    assert set(said.style) <= {scene.style}
    for pair in said.solids:
        assert scene.solids is not None
        for (form, colour), solid in zip(pair, scene.solids, strict=True):
            assert form == solid.form
            assert colour in {"", solid.colour}


def test_a_caption_says_nothing_but_the_truth(captioned: list[Captioned]) -> None:
    for one in captioned:
        check(one.scene, one.said)


def test_a_caption_says_a_thing_once(captioned: list[Captioned]) -> None:
    for one in captioned:
        said = one.said
        assert len(one.spoken) == len(said.concepts)
        assert max(map(len, (said.subject, said.colour, said.place, said.style))) <= 1


@each_named
def test_silence_says_nothing_of_a_concept(captioned: list[Captioned], concept: Concept) -> None:
    """p(present | a caption that could speak of it and is silent) is the prevalence.

    In each group of scenes by prevalence, and for speech as well: the coin does not look.
    """
    for silent in (True, False):
        groups: dict[float, list[bool]] = {}
        for one in captioned:
            if sayable(concept, one.scene) and (concept.name not in one.spoken) == silent:
                p = likelihood(concept, one.scene)
                groups.setdefault(p, []).append(one.scene.has(concept.name))
        for p, present in groups.items():
            assert agrees(sum(present), len(present), p), (silent, p)


@pytest.mark.parametrize(
    ("factor", "share"),
    [
        ("subject", {n: (0.6 if n == "shapes" else 1) / 12.6 for n in SUBJECTS}),
        ("place", dict.fromkeys(PLACES, 1 / 6)),
        ("style", dict(STYLES)),
    ],
)
def test_silence_says_nothing_of_a_factor(
    captioned: list[Captioned], factor: str, share: dict[str, float]
) -> None:
    silent = [one.scene for one in captioned if not getattr(one.said, factor)]
    seen = Counter(getattr(scene, factor) for scene in silent)
    for name, p in share.items():
        assert agrees(seen[name], len(silent), p), name


def test_silence_on_one_defect_says_nothing_of_others(captioned: list[Captioned]) -> None:
    """A caption that names a subject and no quality at all describes the world's own rates."""
    silent = [one.scene for one in captioned if one.said.subject and not one.said.concepts]
    for name in ("blurry", "noise", "watermark", "border", "low quality"):
        p = likelihood(CONCEPTS[name], silent[0])
        assert agrees(sum(scene.has(name) for scene in silent), len(silent), p), name


@each_named
def test_a_concept_is_spoken_of_at_its_naming_rate(
    captioned: list[Captioned], concept: Concept
) -> None:
    room = MODES["sentence"] + MODES["tags"]
    room += MODES["defects"] if concept.kind in {"defect", "umbrella"} else 0
    could = [one for one in captioned if sayable(concept, one.scene)]
    spoken = sum(concept.name in one.spoken for one in could) / len(could)
    # a caption that has no room for all leaves some out
    assert 0.75 < spoken / (concept.naming_rate * room) < 1 or concept.naming_rate < 0.1


def test_a_factor_is_spoken_of_at_its_naming_rate(captioned: list[Captioned]) -> None:
    sentence = MODES["sentence"] + MODES["bare"]
    tags, subject = MODES["tags"], MODES["subject"]
    expected = {
        "subject": sentence + FACTOR_NAMING["subject"] * tags + subject,
        "colour": FACTOR_NAMING["colour"] * (sentence + tags + subject),
        "place": FACTOR_NAMING["place"] * (sentence + tags),
        "style": FACTOR_NAMING["style"] * (sentence + tags),
    }
    for factor, share in expected.items():
        spoken = sum(bool(getattr(one.said, factor)) for one in captioned)
        assert agrees(spoken, len(captioned), share), factor


def test_many_captions_speak_of_no_quality_and_nothing_extra(captioned: list[Captioned]) -> None:
    """As prompts do; a model that saw few would draw whatever pictures such prompts suggest."""
    bare = sum(bool(one.said.subject and not one.said.concepts) for one in captioned)
    assert bare > (MODES["bare"] + MODES["subject"]) * 0.95 * len(captioned)


def test_some_captions_are_empty_and_some_speak_of_quality_alone(
    captioned: list[Captioned],
) -> None:
    empty = sum(not one.text for one in captioned)
    alone = sum(
        bool(one.said.concepts)
        and all(CONCEPTS[name].kind in {"defect", "umbrella"} for name in one.spoken)
        and not (one.said.subject or one.said.colour or one.said.place or one.said.style)
        for one in captioned
    )
    assert 0.12 < empty / len(captioned) < 0.14
    assert 0.06 < alone / len(captioned) < 0.09


def test_a_short_caption_has_at_most_six_concepts(captioned: list[Captioned]) -> None:
    assert max(len(one.spoken) for one in captioned) == ROOM


def test_the_caption_of_a_posed_scene_speaks_of_what_it_was_posed_for() -> None:
    rng = np.random.default_rng(6)
    for seed in range(2000):
        scene, about = posed(seed)
        said = read(caption(scene, rng, about=about))
        check(scene, said)
        assert {name for name, _ in said.concepts} == about


def test_every_synonym_is_used(captioned: list[Captioned]) -> None:
    texts = "\n".join(one.text for one in captioned)
    for concept in NAMED:
        for word in (*concept.words, *concept.antonyms):
            assert word in texts, word


def test_what_has_naming_rate_nought_is_never_said(captioned: list[Captioned]) -> None:
    unnamed = [concept for concept in CONCEPTS.values() if concept.naming_rate == 0]
    assert unnamed
    for concept in unnamed:
        for word in (*concept.words, *concept.antonyms):
            assert not any(word in one.text for one in captioned)
            assert not any(word in truth(one.scene) for one in captioned[:500])
            assert not set(word.split()) & vocabulary()


def test_the_vocabulary_is_the_words_of_all_captions(captioned: list[Captioned]) -> None:
    rng = np.random.default_rng(4)
    texts = [one.text for one in captioned]
    texts += [caption(one.scene, rng, long=True) for one in captioned[:300]]
    words = {word for text in texts for word in text.replace(",", " ").split()}
    assert words == vocabulary()


def test_a_long_caption_says_everything_three_times_and_truly() -> None:
    rng = np.random.default_rng(5)
    for seed in range(300):
        scene = sample(seed)
        said = read(caption(scene, rng, long=True))
        check(scene, said)
        expected = {concept.name for concept in NAMED if sayable(concept, scene)}
        assert Counter(name for name, _ in said.concepts) == dict.fromkeys(expected, 3)
        assert [len(x) for x in (said.subject, said.colour, said.place, said.style)] == [3] * 4


def test_captions_vary_in_order_and_follow_their_coins() -> None:
    scene = sample(3)
    texts = [caption(scene, np.random.default_rng(seed)) for seed in range(60)]
    assert len(set(texts)) > 40
    assert texts == [caption(scene, np.random.default_rng(seed)) for seed in range(60)]


def test_the_full_true_caption_leaves_nothing_out() -> None:
    for seed in range(400):
        scene = sample(seed)
        text = truth(scene)
        said = read(text)
        check(scene, said)
        named = {name for name in scene.present if CONCEPTS[name].naming_rate > 0}
        assert {name for name, _ in said.concepts} == {*named, "low quality"}
        assert said.subject == [scene.subject]
        assert (said.colour, said.place, said.style) == (
            [scene.colour], [scene.place], [scene.style],
        )  # fmt: skip
        assert all(LEXICON[CONCEPTS[name].words[0]] == (name, True) for name in named)
        assert text.endswith("low quality" if scene.has("low quality") else "high quality")


def test_the_target_is_one_known_sentence() -> None:
    scene = sample(1, subject="cat", colour="red", place="town", style="illustration")
    scarfed = replace(scene, present=frozenset({"scarf"}))
    assert (
        truth(scarfed) == "an illustration of a red cat in a snowy night town, scarf, high quality"
    )
