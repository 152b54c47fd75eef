"""Pairs on the same seeds, effects counted from readings, sentences, and the sheet."""

from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.tiny_models import tiny_sd

from negprompt.engine import Request, run
from negprompt.errors import RequestError
from negprompt.measure import sheet, verdict
from negprompt.measure.compare import Arm, Comparison, compare, concept_of
from negprompt.models.families import SD1
from negprompt.models.load import Model
from negprompt.world.factors import BINARY, CONCEPTS
from negprompt.world.judge import CLASSES, ConvolutionalJudge, Judge, Reading


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(tiny_sd(), "tiny", SD1)


@pytest.fixture(scope="module")
def judge() -> Judge:
    torch.manual_seed(0)
    return Judge(ConvolutionalJudge().eval())


@pytest.fixture(scope="module")
def found(model: Model, judge: Judge) -> Comparison:
    return compare(asked(), model=model, judge=judge)


def asked(**settings: Any) -> Request:
    base = Request(prompt="a cat", negative=("scarf, blurry",), steps=2, seed=3, count=10)
    return replace(base, **settings)


def test_both_arms_are_the_engines_own_pictures(model: Model, found: Comparison) -> None:
    assert found.seeds == tuple(range(3, 13))
    bare = run(asked(negative=None), model=model).images
    steered = run(asked(), model=model).images
    for mine, other in zip(
        (*found.without.images, *found.steered.images), (*bare, *steered), strict=True
    ):
        assert np.array_equal(np.asarray(mine), np.asarray(other))


def test_progress_counts_the_steps_of_both_arms(model: Model, judge: Judge) -> None:
    said: list[tuple[int, int]] = []
    compare(
        asked(), model=model, judge=judge, on_step=lambda done, total: said.append((done, total))
    )
    assert said == [(k, 8) for k in range(1, 9)]  # 2 batches · 2 arms · 2 steps


def test_time_that_is_up_leaves_fewer_pairs(model: Model, judge: Judge) -> None:
    found = compare(asked(), model=model, judge=judge, seconds=0)
    assert found.seeds == tuple(range(3, 11))
    assert len(found.without.images) == len(found.steered.images) == 8


def test_without_a_negative_there_is_nothing_to_compare(model: Model, judge: Judge) -> None:
    with pytest.raises(RequestError, match="no negative"):
        compare(asked(negative=None), model=model, judge=judge)


def test_differences_are_mean_absolute_ones(found: Comparison) -> None:
    maps = found.differences()
    assert len(maps) == 10
    a, b = (np.asarray(arm.images[0], float) for arm in (found.without, found.steered))
    assert maps[0] == pytest.approx(np.abs(a - b).mean(-1) / 255, abs=1e-6)


@pytest.mark.parametrize(
    ("term", "name"),
    [
        ("blurry", "blurry"), (" Out of  focus ", "blurry"), ("deformed hands", "extra fingers"),
        ("worst quality", "low quality"), ("comic", "cartoon"), ("beach", "beach"), ("red", "red"),
        ("cottage", "house"), ("cluttered background", "clutter"), ("sparkles", None), ("", None),
    ],
)  # fmt: skip
def test_a_term_names_a_concept(term: str, name: str | None) -> None:
    assert concept_of(term) == name


def test_every_word_of_a_concept_names_it() -> None:
    for concept in CONCEPTS.values():
        assert {concept_of(word) for word in concept.words} == {concept.name}


def reading(present: dict[str, list[bool]], n: int, **labels: list[str]) -> Reading:
    columns = np.zeros((n, len(BINARY)), np.float32)
    for name, values in present.items():
        columns[:, BINARY.index(name)] = values
    classes = {}
    for factor, names in CLASSES.items():
        said = labels.get(factor, [names[0]] * n)
        classes[factor] = np.eye(len(names), dtype=np.float32)[[names.index(one) for one in said]]
    return Reading(classes, columns)


def known(found: Comparison) -> Comparison:
    """The same pictures with readings that are known."""
    before = {"scarf": [True] * 6 + [False] * 4, "blurry": [True, False] * 5}
    after = {"scarf": [False] * 9 + [True], "blurry": [False] * 10}
    subjects = ["cat"] * 8 + ["boat"] * 2
    return replace(
        found,
        without=Arm(found.without.images, reading(before, 10, subject=["cat"] * 10)),
        steered=Arm(found.steered.images, reading(after, 10, subject=subjects)),
    )


def test_effects_are_counted_term_by_term_and_together(found: Comparison) -> None:
    scarf, blurry, either = known(found).effects()
    assert scarf.pairs is not None
    assert blurry.pairs is not None
    assert either.pairs is not None
    assert (scarf.pairs.lost, scarf.pairs.gained) == (6, 1)
    assert (blurry.pairs.lost, blurry.pairs.gained) == (5, 0)
    assert either.term == "scarf or blurry"
    assert (either.pairs.without.rate, either.pairs.steered.rate) == (0.8, 0.1)


def test_what_else_changed_is_counted(found: Comparison) -> None:
    assert known(found).changed() == {"subject": 2, "colour": 0, "place": 0, "style": 0}


def test_the_verdict_is_in_words(found: Comparison) -> None:
    scarf, _, _, rest = verdict.sentences(known(found))
    assert scarf == (
        "scarf: in 60 % [31, 83] of the pictures without, in 10 % [2, 40] with; "
        "10 seeds, gone in 6, new in 1 (McNemar p = 0.12)"
    )
    assert rest.startswith("what else changed, of 10 pairs: subject in 2, colour in 0")


def test_a_picture_is_put_into_words(found: Comparison) -> None:
    assert known(found).without.words(0).endswith("; blurry, scarf")
    assert known(found).steered.words(0) == "red cat, meadow, illustration"


def test_the_sheet_shows_pairs_and_says_when_it_leaves_some_out(found: Comparison) -> None:
    whole = sheet.sheet(found, ["one line"])
    part = sheet.sheet(found, ["one line"], most=2)
    assert whole.width > part.width
    assert whole.height > part.height
    with Image.open(BytesIO(sheet.png(part))) as read:
        assert read.size == part.size


@pytest.mark.parametrize("text", ["", "a\nb\tc\x00", "w" * 5000, "\u202e right to left", "雪 ☃ é"])
def test_the_sheet_takes_any_text(found: Comparison, text: str) -> None:
    named = replace(found, request=replace(found.request, prompt=text))
    assert sheet.sheet(named, [text], most=1).height > 3 * sheet.CELL


def test_heat_is_black_for_nothing_and_bright_for_half_the_range() -> None:
    drawn = np.asarray(sheet.heat(np.array([[0.0, 0.25, 0.5, 1.0]], np.float32)))[0].sum(-1)
    assert drawn[0] < drawn[1] < drawn[2] == drawn[3]
