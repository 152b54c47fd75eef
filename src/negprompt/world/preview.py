"""Scenes → a contact sheet, so that a person can look at the world."""

from pathlib import Path

import numpy as np
from PIL import Image

from negprompt.world.factors import SUBJECTS
from negprompt.world.render import render
from negprompt.world.scenes import sample


def sheet(path: Path, *, rows: int = 8, size: int = 128, seed: int = 0) -> None:
    """Write a contact sheet: one column a subject, the upper half of each free of defects.

    Raises OSError where ``path`` cannot be written.
    """
    columns = []
    for column, subject in enumerate(SUBJECTS):
        scenes = [sample(seed + 1000 * column + row, subject=subject) for row in range(rows)]
        scenes[: rows // 2] = [scene.clean() for scene in scenes[: rows // 2]]
        columns.append(np.concatenate([render(scene, size) for scene in scenes], 0))
    Image.fromarray(np.concatenate(columns, 1)).save(path)
