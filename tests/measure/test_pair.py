"""The contrastive pair that ships, as the probe ``clip:pocket``, held against unseen renders."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image
from scipy.stats import mannwhitneyu

import negprompt
from negprompt.measure.probes import Probe, answers, probe
from negprompt.world.captions import vocabulary
from negprompt.world.factors import CONCEPTS
from negprompt.world.render import render
from negprompt.world.scenes import Scene, legible, sample
from negprompt.world.train.data import HELD_OUT

FIRST, SCENES = HELD_OUT + 3_000_000, 160
LEAST = 0.7
pytestmark = pytest.mark.slow
READ = ("neon", "oversaturated", "watermark", "hat", "parasol")
"""Concepts that it reads; others hardly (docs/world.md)."""


@pytest.fixture(scope="module")
def pair() -> Probe:
    found = probe("clip:pocket")
    assert found is not None
    return found


def area(there: Sequence[float | None], bare: Sequence[float | None]) -> float:
    """Share of the pairs that are in the right order."""
    return float(mannwhitneyu(there, bare).statistic) / (len(there) * len(bare))


def said(pair: Probe, scenes: Sequence[Scene], term: str) -> tuple[float | None, ...]:
    return answers(pair, [Image.fromarray(render(scene)) for scene in scenes], term)


@pytest.mark.parametrize("concept", READ)
def test_it_tells_a_concept_from_its_absence(pair: Probe, concept: str) -> None:
    only = CONCEPTS[concept].only
    home = {("subject" if only[0] in ("cat", "person") else "place"): only[0]} if only else {}
    scenes = [sample(FIRST + k, **home) for k in range(SCENES)]
    scenes = [scene for scene in scenes if legible(scene, concept)]
    found = said(pair, scenes, concept)
    there = [p for p, scene in zip(found, scenes, strict=True) if scene.has(concept)]
    bare = [p for p, scene in zip(found, scenes, strict=True) if not scene.has(concept)]
    assert min(len(there), len(bare)) >= 20
    assert area(there, bare) >= LEAST


@pytest.mark.parametrize("subject", ["house", "boat", "person"])
def test_it_tells_a_subject_from_others(pair: Probe, subject: str) -> None:
    scenes = [sample(FIRST + k) for k in range(SCENES)]
    others = [scene for scene in scenes if scene.subject != subject][:60]
    mine = [sample(FIRST + SCENES + k, subject=subject) for k in range(30)]
    assert area(said(pair, mine, subject), said(pair, others, subject)) >= LEAST


def test_a_word_of_no_caption_tells_nothing_of_a_hat(pair: Probe) -> None:
    """The pair is no judge: a word that it never met is no name of anything."""
    assert "fedora" not in vocabulary()
    scenes = [sample(FIRST + k, subject="person") for k in range(SCENES)]
    hats = [scene for scene in scenes if scene.has("hat")]
    bare = [scene for scene in scenes if not scene.has("hat")]
    named, strange = (area(said(pair, hats, t), said(pair, bare, t)) for t in ("hat", "fedora"))
    assert strange < named - 0.1


def test_pocket_judges_and_pair_fit_thirty_megabytes() -> None:
    inside = Path(negprompt.__file__).parent
    parts = (inside / "models" / "pocket", inside / "world" / "weights")
    files = [file for part in parts for file in part.rglob("*")]
    assert sum(file.stat().st_size for file in files if file.is_file()) <= 30_000_000
