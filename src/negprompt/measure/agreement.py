"""Generated pictures labelled by eye → how far a judge can be believed on them.

``draw`` makes the sheets, a person writes ``labels.csv`` beside them without having run a judge,
and ``score`` reads the tiles back and compares. The pictures are kept, so that the figure can be
had again with other weights or another judge.
"""

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

import numpy as np
from PIL import Image

from negprompt.engine import run
from negprompt.measure.arms import Setting
from negprompt.world.captions import caption
from negprompt.world.factors import BINARY, CONCEPTS
from negprompt.world.judge import CLASSES, Judge
from negprompt.world.scenes import Scene, posed
from negprompt.world.train.data import HELD_OUT

TILES, TILE = 5, 128
DRESSED = 4 * TILES * TILES
FIRST = HELD_OUT + 500_000
"""The seeds of the captions that the sheets are drawn from."""
BELIEVED = 0.90
"""A factor on which judge and eye agree less often is unmeasurable and leaves every headline."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often a judge says of a factor what the eye says."""

    factor: str
    rate: float
    """Share of agreement among the pictures of which the eye was sure."""
    n: int
    present: int
    """Pictures that the eye found to hold it; for a class factor, the classes that it found."""

    @property
    def measurable(self) -> bool:
        """Whether the factor may stand in a headline."""
        return self.rate >= BELIEVED


def draw(folder: Path, number: int = 200, say: Callable[[int], None] = lambda _done: None) -> None:
    """Generate ``number`` pictures for captions of unseen posed scenes, as the bench makes its own.

    Posed for, so that what is rare in the world is often there to be seen; the last sheets hold
    people and cats only, for what they wear.

    Writes ``sheet-N.webp`` (25 tiles each, lossless) and ``prompts.csv``; the prompts are not for
    the one who labels.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(FIRST)
    posing = [posed(FIRST + k) for k in range(number)] + _dressed(FIRST + number)
    prompts = [caption(scene, rng, about=about) for scene, about in posing]
    setting, tiles = Setting(n=1), []
    for k, prompt in enumerate(prompts):
        tiles.append(np.asarray(run(setting.request(prompt, None, k, 1)).images[0]))
        say(k + 1)
    per = TILES * TILES
    for sheet in range(0, len(tiles), per):
        rows = [np.concatenate(tiles[k : k + TILES], 1) for k in range(sheet, sheet + per, TILES)]
        picture = Image.fromarray(np.concatenate(rows, 0))
        picture.save(folder / f"sheet-{sheet // per + 1}.webp", lossless=True)
    with (folder / "prompts.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("image", "prompt"), *enumerate(prompts, 1)])


def _dressed(first: int) -> list[tuple[Scene, frozenset[str]]]:
    """DRESSED posed people and cats, from the first seeds that give them."""
    poses = (posed(seed) for seed in count(first))
    worn = (pose for pose in poses if pose[0].subject in {"person", "cat"})
    return list(islice(worn, DRESSED))


def tiles(folder: Path) -> list[Image.Image]:
    """The pictures of all sheets, in order."""
    found = []
    for path in sorted(folder.glob("sheet-*.webp"), key=lambda path: int(path.stem[6:])):
        sheet = Image.open(path).convert("RGB")
        for k in range(TILES * TILES):
            x, y = TILE * (k % TILES), TILE * (k // TILES)
            found.append(sheet.crop((x, y, x + TILE, y + TILE)))
    return found


def labels(path: Path) -> list[Mapping[str, str]]:
    """The rows of ``labels.csv``: image, the four class factors, ``present`` and ``unsure``.

    ``present`` and ``unsure`` are lists with semicolons; ``?`` for a class means unsure.
    """
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def score(folder: Path, judge: Judge) -> list[Agreement]:
    """Compare a judge with the labels, factor by factor.

    What belongs to a subject or a place is compared where the eye saw that one: elsewhere both
    would agree on nothing being there.
    """
    rows = labels(folder / "labels.csv")
    reading = judge.read(tiles(folder)[: len(rows)])
    found = []
    for factor in CLASSES:
        said = reading.label(factor)
        pairs = [(row[factor], name) for row, name in zip(rows, said, strict=True)]
        certain = [(eye, name) for eye, name in pairs if eye != "?"]
        same = np.mean([eye == name for eye, name in certain])
        found.append(Agreement(factor, float(same), len(certain), len({e for e, _ in certain})))
    for concept in BINARY:
        eye = np.array([concept in _names(row["present"]) for row in rows])
        sure = np.array([_can_be(concept, row) for row in rows])
        same_there = ((reading.presence(concept) > 0.5) == eye)[sure]
        rate = float(same_there.mean()) if sure.any() else 0.0
        found.append(Agreement(concept, rate, int(sure.sum()), int(eye[sure].sum())))
    return found


def _can_be(concept: str, row: Mapping[str, str]) -> bool:
    """Whether a label counts: the eye was sure, of a subject or place that can have the concept."""
    only = CONCEPTS[concept].only
    return concept not in _names(row["unsure"]) and (
        not only or bool({row["subject"], row["place"]} & set(only))
    )


def _names(cell: str) -> set[str]:
    return {name.strip() for name in cell.split(";") if name.strip()}
