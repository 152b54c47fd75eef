"""``labels.csv`` ⇄ what a person saw in pictures, and what a probe says of the same.

Columns: ``image`` (a path from the file's own folder), ``term``, ``present`` (1, 0, or ? for
unsure, which counts for nothing).
"""

import csv
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image

from negprompt.engine.written import write
from negprompt.errors import OutputError, shown
from negprompt.measure.ablate.findings import SEEN_FROM, Known
from negprompt.measure.corrected import Labels
from negprompt.measure.probes import Probe, answers
from negprompt.measure.probes.calibrated import Line, fit

COLUMNS: Final = ("image", "term", "present")
CHUNK: Final = 16
WORDS: Final = {"1": True, "0": False, "?": None}


@dataclass(frozen=True, slots=True)
class Label:
    """What a person said of one picture."""

    image: Path
    term: str
    present: bool | None
    """None where the person was not sure."""


def read(path: Path) -> list[Label]:
    """The labels of a file; the last one of a picture and a term counts.

    Raises OutputError ``labels-unreadable``.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        folder = path.parent.resolve()
        found = [
            Label((folder / row["image"]).resolve(), row["term"], WORDS[row["present"].strip()])
            for row in rows
        ]
    except (OSError, KeyError, AttributeError, TypeError, ValueError, csv.Error) as error:
        raise OutputError(
            f"the labels {shown(str(path))} cannot be read: {error}",
            code="labels-unreadable",
            cure="give a CSV with the columns image, term, present (1, 0 or ?), as "
            "`negprompt label` writes it",
        ) from error
    return list({(label.image, label.term): label for label in found}.values())


def save(path: Path, labels: Sequence[Label]) -> Path:
    """Write labels. Raises OutputError ``file-unwritable``."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(COLUMNS)
    folder = path.parent.resolve()
    words = {value: word for word, value in WORDS.items()}
    for label in labels:
        rows.writerow(
            (
                Path(os.path.relpath(label.image, folder)).as_posix(),
                label.term,
                words[label.present],
            )
        )
    return write(path, out.getvalue().encode())


def known(path: Path, probe: Probe) -> Known:
    """What a person and the probe say of the same pictures; unsure ones are left out.

    Raises OutputError ``labels-unreadable``, and what the probe raises.
    """
    sure = [label for label in read(path) if label.present is not None]
    eyes = {(str(label.image), label.term): bool(label.present) for label in sure}
    by_term = {}
    for term in dict.fromkeys(label.term for label in sure):
        pairs = list(_beside(probe, term, [label for label in sure if label.term == term]))
        said = tuple(float(p > SEEN_FROM) for p, _ in pairs)
        by_term[term] = Labels(said, tuple(true for _, true in pairs))
    return Known(eyes, by_term, path)


def lines(path: Path, probe: Probe) -> dict[str, Line]:
    """How a probe's probabilities are put right for each term with 30 labels or more.

    Raises as ``known``.
    """
    sure = [label for label in read(path) if label.present is not None]
    found = {}
    for term in dict.fromkeys(label.term for label in sure):
        pairs = list(_beside(probe, term, [label for label in sure if label.term == term]))
        if len(pairs) >= 30 and len({true for _, true in pairs}) == 2:
            found[term] = fit([p for p, _ in pairs], [true for _, true in pairs])
    return found


def _beside(probe: Probe, term: str, labels: Sequence[Label]) -> Iterator[tuple[float, bool]]:
    """What the probe says beside what the person said."""
    for first in range(0, len(labels), CHUNK):
        some = labels[first : first + CHUNK]
        said = answers(probe, [_picture(label.image) for label in some], term)
        for p, label in zip(said, some, strict=True):
            if p is not None:
                yield p, bool(label.present)


def _picture(path: Path) -> Image.Image:
    try:
        with Image.open(path, formats=("PNG", "JPEG", "WEBP")) as image:
            return image.convert("RGB")
    except (OSError, ValueError, SyntaxError) as error:
        raise OutputError(
            f"the picture {shown(str(path))} cannot be read: {error}",
            code="picture-unreadable",
            cure="give PNG, JPEG or WebP files that are there",
        ) from error
