"""The card's bookkeeping on known readings, and a tiny card of a tiny random model."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.tiny_models import tiny_sd

from negprompt.measure import card, held_out, page
from negprompt.measure.arms import Bench
from negprompt.measure.memory import memory
from negprompt.measure.statistics import Interval
from negprompt.models.families import SD1
from negprompt.models.load import Model
from negprompt.world.captions import vocabulary
from negprompt.world.factors import BINARY, CONCEPTS
from negprompt.world.judge import CLASSES, ConvolutionalJudge, Judge, Reading
from negprompt.world.scenes import Scene, legible, sample
from negprompt.world.train.data import HELD_OUT


def omniscient(scenes: tuple[Scene, ...]) -> Reading:
    """What a judge without error would say of scenes."""
    present = np.array([[s.has(name) for name in BINARY] for s in scenes], np.float32)
    classes = {
        factor: np.array([[getattr(s, factor) == c for c in names] for s in scenes], np.float32)
        for factor, names in CLASSES.items()
    }
    return Reading(classes, present)


@pytest.fixture(scope="module")
def scenes() -> tuple[Scene, ...]:
    return held_out.held_out(300, 60)


@pytest.mark.parametrize("factor", [*CLASSES, *BINARY])
def test_a_judge_without_error_has_balanced_accuracy_one(
    factor: str, scenes: tuple[Scene, ...]
) -> None:
    found = held_out.balanced(omniscient(scenes), scenes, factor)
    assert found.rate.rate == 1
    assert found.n > 30


def test_a_judge_that_never_sees_anything_is_right_half_of_the_time(
    scenes: tuple[Scene, ...],
) -> None:
    blind = replace(omniscient(scenes), present=np.zeros((len(scenes), len(BINARY)), np.float32))
    assert held_out.balanced(blind, scenes, "blurry").rate.rate == 0.5


def test_fingers_are_counted_on_legible_hands_only(scenes: tuple[Scene, ...]) -> None:
    n = sum(s.subject == "hand" and legible(s, "extra fingers") for s in scenes)
    assert held_out.fingers(omniscient(scenes), scenes).n == n


def test_held_out_scenes_are_held_out() -> None:
    assert all(scene.seed >= HELD_OUT for scene in held_out.held_out(5, 5))
    assert all(scene.seed >= HELD_OUT for scene, _, _ in card.prompts(8))


def test_prompts_name_the_factors_and_every_second_one_a_defect() -> None:
    asked = card.prompts(120)
    assert len({said for _, _, said in asked}) > 100
    for k, (scene, named, said) in enumerate(asked):
        assert (named is not None) == bool(k % 2)
        words = {word.strip(",") for word in said.split()}
        assert words <= vocabulary()
        assert scene.colour in words
        if named is not None:
            assert said.endswith(CONCEPTS[named].words[0])
        if named == "extra fingers":
            assert scene.subject == "hand"


@pytest.mark.parametrize("seed", range(20))
def test_silent_prompts_name_no_style_and_no_defect(seed: int) -> None:
    scene = sample(HELD_OUT + seed)
    said = card._where(scene)
    assert said.startswith(("a ", "an "))
    assert not any(word in said for c in CONCEPTS.values() for word in c.words)
    assert not any(style in said for style in CLASSES["style"])


def test_a_figure_meets_its_aim_by_each_judge() -> None:
    by = {"first": Interval(0.95, 0.9, 0.99), "second": Interval(0.85, 0.8, 0.9)}
    figure = card.Figure("some section", "subject right", 100, by, aim=(0.9, 1.0))
    assert (figure.met("first"), figure.met("second")) == (True, False)
    assert replace(figure, aim=None).met("first") is None


def test_the_page_is_a_table_with_marks() -> None:
    by = {"first": Interval(0.95, 0.9, 1.0), "second": Interval(0.85, 0.8, 0.9)}
    figures = [
        card.Figure("some section", "subject right", 100, by, aim=(0.9, 1.0)),
        card.Figure("another", "blurry", 50, by, aim=(0.18, 0.38), world=0.28),
    ]
    assert page.markdown(figures) == (
        "## Some section\n\n"
        "|  | first judge | second judge | n | aim |\n"
        "| --- | --- | --- | --- | --- |\n"
        "| subject right | .95 [.90, 1.00] | .85 [.80, .90] ✗ | 100 | ≥ .90 |\n"
        "\n## Another\n\n"
        "|  | world | first judge | second judge | n | aim |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
        "| blurry | .28 | .95 [.90, 1.00] ✗ | .85 [.80, .90] ✗ | 50 | .18 to .38 |\n"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.05, ".05"), (1.0, "1.00"), (-0.12, "-.12"), (0.999, "1.00"), (0.0, ".00"), (-0.001, ".00")],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert page.number(value) == text


def test_autoencoded_pictures_keep_their_size() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    (made,) = held_out.autoencoded(tiny_sd(), [Image.fromarray(pixels)])
    assert made.size == (32, 32)


def test_a_small_card_has_every_section_and_is_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEGPROMPT_CACHE", str(tmp_path))
    monkeypatch.setattr(card, "STEPS", 1)
    torch.manual_seed(0)
    model, judges = Model(tiny_sd(), "tiny", SD1), {"first": Judge(ConvolutionalJudge().eval())}
    extent = card.Extent(prompts=20, silent=2, biased=1, scenes=8, limited=4)
    counted: list[int] = []
    bench = Bench(model, judges, memory(model.pipe, judges), on_images=counted.append)
    figures = card.card(bench, extent)
    assert sum(counted) == extent.pictures
    assert len({figure.section for figure in figures}) == 5
    assert {f.name for f in figures} >= {"subject right", "a named defect appears", *BINARY}
    assert all(0 <= f.by["first"].rate <= 1 for f in figures)
    kept = len(list(tmp_path.rglob("*.json")))
    assert card.card(bench, extent) == figures
    assert len(list(tmp_path.rglob("*.json"))) == kept
    assert list(page.to_json(figures)) == ["scale", "steps", "figures"]
