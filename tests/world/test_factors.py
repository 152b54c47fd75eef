"""The table of concepts is whole: what scenes, captions, judges and the bench read from it."""

from dataclasses import FrozenInstanceError

import pytest
from tests.world.reader import LEXICON

from negprompt.world.factors import (
    BINARY,
    CARELESS,
    COLOURS,
    CONCEPTS,
    FACTOR_NAMING,
    PLACE_WORDS,
    PLACES,
    STYLE_WORDS,
    STYLES,
    SUBJECT_WORDS,
    SUBJECTS,
    Concept,
    chance,
    rate,
)

each_concept = pytest.mark.parametrize("concept", CONCEPTS.values(), ids=lambda c: c.name)


@each_concept
def test_a_concept_has_words_and_antonyms_and_its_name_is_canonical(concept: Concept) -> None:
    assert concept.words
    assert concept.antonyms
    assert not set(concept.words) & set(concept.antonyms)
    assert concept.words[0] == concept.name or concept.name in concept.words


@each_concept
def test_a_concept_is_an_umbrella_or_has_a_prevalence(concept: Concept) -> None:
    if concept.kind == "umbrella":
        assert set(concept.members) <= set(BINARY)
        assert len(concept.members) > 1
    else:
        assert not concept.members
        assert concept.name in BINARY
        assert 0 < concept.prevalence < 1
    assert 0 <= concept.naming_rate < 1


@each_concept
def test_where_a_concept_occurs_is_a_subject_or_a_place(concept: Concept) -> None:
    assert set(concept.only) <= {*SUBJECTS, *PLACES}
    assert set(concept.under) <= set(concept.only or (*SUBJECTS, *PLACES))


def test_one_word_means_one_thing() -> None:
    words = [word for concept in CONCEPTS.values() for word in (*concept.words, *concept.antonyms)]
    words += [
        word
        for table in (SUBJECT_WORDS, PLACE_WORDS, STYLE_WORDS)
        for synonyms in table.values()
        for word in synonyms
    ]
    words += COLOURS
    assert len(words) == len(set(words))
    assert set(LEXICON) <= set(words)


def test_every_value_of_a_factor_has_a_word() -> None:
    assert {*SUBJECT_WORDS, "shapes"} == set(SUBJECTS)
    assert set(PLACE_WORDS) == set(PLACES)
    assert set(STYLE_WORDS) == set(STYLES)
    assert sum(STYLES.values()) == pytest.approx(1)
    assert set(FACTOR_NAMING) == {"subject", "colour", "place", "style"}


def test_the_prevalences_and_naming_rates_that_the_bench_counts_on() -> None:
    """Defects at .30 to .42 of careless scenes, biases near .55 where typical, else .30 to .40."""
    kinds = {kind: [c for c in CONCEPTS.values() if c.kind == kind] for kind in ("defect", "bias")}
    assert all(0.30 <= concept.prevalence <= 0.42 for concept in kinds["defect"])
    for concept in kinds["bias"]:
        assert 0.30 <= concept.prevalence <= 0.40
        assert [0.5 <= p <= 0.6 for p in concept.under.values()] == [True]
    assert {0.0, 0.05, 0.30, 0.65} <= {concept.naming_rate for concept in CONCEPTS.values()}


def test_chance_is_nought_outside_and_raised_under_what_is_typical() -> None:
    scarf, parasol, blurry = (CONCEPTS[name] for name in ("scarf", "parasol", "blurry"))
    assert chance(scarf, "cat", "beach") == 0.55
    assert chance(scarf, "person", "beach") == 0.35
    assert chance(scarf, "boat", "beach") == 0.0
    assert chance(parasol, "boat", "beach") == 0.55
    assert chance(parasol, "boat", "meadow") == 0.33
    assert chance(parasol, "boat", "town") == 0.0
    assert chance(blurry, "boat", "town") == 0.38
    assert chance(blurry, "boat", "town", careless=False) == 0.0
    assert chance(parasol, "boat", "beach", careless=False) == 0.55
    assert rate(blurry, "boat", "town") == pytest.approx(0.38 * CARELESS)
    assert rate(parasol, "boat", "beach") == pytest.approx(0.55)


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        CONCEPTS["scarf"].prevalence = 0.0  # type: ignore[misc]
    with pytest.raises(TypeError):
        CONCEPTS["scarf"].under["cat"] = 0.0  # type: ignore[index]
