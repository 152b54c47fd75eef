"""Pictures follow their scenes: the same twice, and changed by a defect in nothing else."""

from dataclasses import replace
from itertools import groupby
from math import cos, pi, sin
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from negprompt.world.canvas import Canvas, box, capsule, curve, ellipse
from negprompt.world.factors import BINARY, COLOURS, CONCEPTS, PLACES, STYLES, SUBJECTS
from negprompt.world.look import SKIN, Look
from negprompt.world.preview import sheet
from negprompt.world.render import render, spoil
from negprompt.world.scenes import Scene, sample
from negprompt.world.subjects import DRAW, hand

DEFECTS = [name for name in BINARY if CONCEPTS[name].kind == "defect"]
LATER = [name for name in DEFECTS if name not in {"cropped", "extra fingers"}]
"""The defects that befall the finished picture."""


def clean(seed: int, **fixed: str) -> Scene:
    """A scene that carries nothing at all."""
    return replace(sample(seed, **fixed).clean(), present=frozenset())


def having(scene: Scene, *names: str) -> Scene:
    return replace(scene, present=scene.present | set(names))


def differs(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which pixels differ, [h, w]."""
    changed: NDArray[np.bool_] = (one != other).any(-1)
    return changed


@pytest.mark.parametrize("size", [48, 128, 200])
def test_a_picture_has_the_size_asked_for(size: int) -> None:
    picture = render(sample(1), size)
    assert picture.shape == (size, size, 3)
    assert picture.dtype == np.uint8


@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_same_scene_gives_the_same_pixels(subject: str) -> None:
    for seed in range(2):
        scene = sample(seed, subject=subject)
        assert np.array_equal(render(scene, 64), render(scene, 64))


def test_every_named_value_can_be_seen() -> None:
    """Another subject, colour, place or style changes the picture of the same seed."""
    scene = clean(5, subject="cat", colour="red", place="meadow", style="illustration")
    base = render(scene, 64)
    others = [replace(scene, subject=name) for name in SUBJECTS[2:-1] if name != "cat"]
    others += [replace(scene, colour=name) for name in COLOURS if name != "red"]
    others += [replace(scene, place=name) for name in PLACES if name != "meadow"]
    others += [replace(scene, style=name) for name in STYLES if name != "illustration"]
    for other in others:
        assert differs(base, render(other, 64)).mean() > 0.05


@pytest.mark.parametrize("name", BINARY)
def test_every_concept_can_be_seen(name: str) -> None:
    concept = CONCEPTS[name]
    where = concept.only[0] if concept.only else "cat"
    pinned = {"place": where} if where in PLACES else {"subject": where}
    scene = clean(11, **pinned)
    marked = replace(having(scene, name), fingers=6 if name == "extra fingers" else scene.fingers)
    assert differs(render(scene), render(marked)).sum() > 60


@pytest.mark.parametrize("name", LATER)
def test_a_defect_spoils_the_very_same_clean_picture(name: str) -> None:
    """What else is in the scene, named or not, stays: the defect is applied to the clean pixels."""
    for seed, subject in enumerate(("person", "boat", "shapes")):
        scene = sample(seed, subject=subject).clean()
        picture = Image.fromarray(render(scene))
        expected = spoil(picture, frozenset({name}), np.random.default_rng((seed, 2)))
        spoiled = render(having(scene, name))
        assert np.array_equal(spoiled, np.asarray(expected))
        assert not np.array_equal(spoiled, render(scene))


def test_a_picture_without_defects_is_left_alone() -> None:
    picture = Image.fromarray(render(clean(0)))
    same = spoil(picture, frozenset({"scarf", "neon"}), np.random.default_rng(0))
    assert np.array_equal(np.asarray(picture), np.asarray(same))


def test_extra_fingers_change_the_hand_and_nothing_around_it() -> None:
    for seed in range(4):
        scene = clean(seed, subject="hand")
        pictures = [render(replace(scene, fingers=count)) for count in (5, 6, 7)]
        changed = differs(pictures[0], pictures[1]) | differs(pictures[1], pictures[2])
        assert differs(pictures[0], pictures[1]).sum() > 100
        assert differs(pictures[1], pictures[2]).sum() > 100
        edge = 4
        around = np.ones_like(changed)
        around[edge:-edge, edge:-edge] = False
        assert not changed[around].any()
        assert changed[100:].mean() < 0.02, "the wrist stays"


def test_cropping_moves_the_subject_and_leaves_the_place() -> None:
    for seed in range(4):
        scene = clean(seed, subject="star", place="meadow", style="cartoon")
        changed = differs(render(scene), render(having(scene, "cropped")))
        assert 0.15 < changed.mean() < 0.85


@pytest.mark.parametrize("count", [5, 6, 7])
def test_a_hand_has_as_many_fingers_as_its_scene_says(count: int) -> None:
    """Counted along an arc that crosses every finger below its tip and passes above the thumb."""
    size, scale = 512, 0.36
    for seed in range(6):
        pixels = np.zeros((size, size, 3), np.float32)
        canvas = Canvas(pixels, "illustration", (0.0, -1.0)).at(0.5, 0.5, scale)
        scene = replace(clean(seed, subject="hand", colour="blue"), fingers=count)
        hand(canvas, Look(scene, COLOURS["blue"], np.random.default_rng(seed)))
        arc = [
            pixels[round((0.5 + scale * (0.5 - 1.22 * sin(a))) * size),
                   round((0.5 + scale * 1.22 * cos(a)) * size)].sum() > 0.3
            for a in np.linspace(0.2 * pi, 0.8 * pi, 500)
        ]  # fmt: skip
        runs = sum(on for on, _ in groupby(arc))
        assert runs == count - 1


def test_skin_is_never_the_main_colour() -> None:
    for skin in SKIN:
        assert all(np.abs(np.subtract(skin, colour)).max() > 0.1 for colour in COLOURS.values())


@pytest.mark.parametrize("style", list(STYLES))
def test_what_is_drawn_outside_the_paper_is_cut_off(style: str) -> None:
    pixels = np.full((32, 32, 3), 0.5, np.float32)
    canvas = Canvas(pixels, style, (0.6, -0.8))
    canvas.at(3.0, 3.0, 0.5).fill(ellipse(0, 0, 1, 1), (1.0, 0.0, 0.0))
    assert (pixels == 0.5).all()
    canvas.at(0.0, 0.0, 0.5).fill(box(-1, -1, 1, 1), (1.0, 0.0, 0.0))
    assert (pixels[:12, :12] != 0.5).any(-1).all()
    assert (pixels[20:, 20:] == 0.5).all()


def test_frames_nest_turn_and_flip() -> None:
    def centre(canvas: Canvas) -> tuple[float, float]:
        canvas.soft().fill(ellipse(0, 0, 0.1, 0.1), (1.0, 1.0, 1.0), bulge=0)
        ys, xs = np.nonzero(canvas.pixels[..., 0])
        return float(xs.mean()) / 100, float(ys.mean()) / 100

    def paper() -> Canvas:
        return Canvas(np.zeros((100, 100, 3), np.float32), "illustration", (0.0, -1.0))

    half = pi / 2
    for canvas, expected in (
        (paper().at(0.5, 0.5, 0.4).within(0.5, 0.25, 0.5), (0.7, 0.6)),
        (paper().at(0.5, 0.5, 0.4, flip=True).within(0.5, 0.25, 0.5), (0.3, 0.6)),
        (paper().at(0.5, 0.5, 0.4, half).within(0.5, 0.0, 0.5), (0.5, 0.7)),
        (paper().at(0.5, 0.5, 0.4, half, flip=True).within(0.0, 0.5, 0.5), (0.7, 0.5)),
    ):
        assert centre(canvas) == pytest.approx(expected, abs=0.02)


def test_outlines() -> None:
    assert box(0, 1, 2, 3) == [(0, 1), (2, 1), (2, 3), (0, 3)]
    assert len(curve(box(0, 0, 1, 1), 2)) == 16
    xs = [x for x, _ in capsule(0, 0, 1, 0, 0.2, tip=0.1)]
    assert (min(xs), max(xs)) == pytest.approx((-0.2, 1.1), abs=0.01)


def test_every_subject_can_be_drawn() -> None:
    assert set(DRAW) == set(SUBJECTS)


def test_a_contact_sheet_has_a_column_a_subject(tmp_path: Path) -> None:
    sheet(tmp_path / "sheet.png", rows=2, size=32)
    with Image.open(tmp_path / "sheet.png") as image:
        assert image.size == (32 * len(SUBJECTS), 64)
