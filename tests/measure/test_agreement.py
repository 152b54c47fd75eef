"""A judge against labels: on renders whose truth is known, and on the committed labels by eye."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from negprompt.measure.agreement import TILE, TILES, labels, score, tiles
from negprompt.measure.suite import STYLES, UNMEASURABLE
from negprompt.world.judge import CLASSES, load
from negprompt.world.render import render
from negprompt.world.scenes import sample
from negprompt.world.train.data import HELD_OUT

JUDGES = Path(__file__).parents[2] / "docs" / "judges"
SUITE_VALUES = {"style": STYLES}
"""What the suite asks of a class factor; of the others it asks nothing."""
FIELDS = ("image", *CLASSES, "present", "unsure")


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sheet of whole cats in a meadow with their true labels; every second hat is unsure."""
    folder = tmp_path_factory.mktemp("labelled")
    kept = [sample(HELD_OUT + k, subject="cat", place="meadow").clean() for k in range(TILES**2)]
    pictures = np.stack([render(scene) for scene in kept])
    grid = pictures.reshape(TILES, TILES, TILE, TILE, 3).transpose(0, 2, 1, 3, 4)
    Image.fromarray(grid.reshape(TILES * TILE, TILES * TILE, 3)).save(
        folder / "sheet-1.webp", lossless=True
    )
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(FIELDS)
        for k, scene in enumerate(kept):
            colour = "?" if k < 5 else scene.colour
            unsure = "hat" if k % 2 else ""
            row = (k + 1, "cat", colour, "meadow", scene.style, "; ".join(scene.present), unsure)
            writer.writerow(row)
    return folder


def test_the_tiles_of_a_sheet_are_its_pictures(labelled: Path) -> None:
    first = sample(HELD_OUT, subject="cat", place="meadow").clean()
    found = tiles(labelled)
    assert len(found) == TILES**2
    assert np.array_equal(np.asarray(found[0]), render(first))


def test_only_what_the_eye_was_sure_of_counts(labelled: Path) -> None:
    found = {one.factor: one for one in score(labelled, load("first"))}
    assert found["subject"].n == TILES**2
    assert found["subject"].rate >= 0.8
    assert found["colour"].n == TILES**2 - 5
    assert found["hat"].n == (TILES**2 + 1) // 2
    assert found["bee"].n == found["extra fingers"].n == 0
    assert found["watermark"].rate == 1
    assert found["watermark"].present == 0


def test_what_judge_and_eye_see_differently_is_in_no_headline() -> None:
    """Of the labels made by eye on the shipped model's pictures."""
    assert len(labels(JUDGES / "labels.csv")) == 300
    weak = {one.factor for one in score(JUDGES, load("first")) if not one.measurable}
    named = {value for factor in weak & set(CLASSES) for value in SUITE_VALUES[factor]}
    assert weak - set(CLASSES) | named == UNMEASURABLE
