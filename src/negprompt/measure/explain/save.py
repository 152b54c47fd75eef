"""Explanation → files: ``explain.png``, ``baseline.png`` and ``explain.json`` in a folder."""

import json
from itertools import count
from pathlib import Path

from negprompt.engine import writable
from negprompt.engine.written import write
from negprompt.measure.explain.findings import Explanation, to_json
from negprompt.measure.explain.sheet import draw, draw_baseline

NAMES = ("explain.png", "baseline.png", "explain.json")


def save(found: Explanation, folder: Path | str) -> tuple[Path, ...]:
    """Write the sheet, the picture of the baseline and the numbers; their paths.

    No file is replaced: where one of the names is taken, all three get the next free number, as in
    ``explain-1.png``. Raises OutputError where the folder cannot be written.
    """
    sheet, baseline, numbers = _free(writable(folder))
    text = json.dumps(to_json(found), indent=1, ensure_ascii=False) + "\n"
    return (
        write(sheet, draw(found)),
        write(baseline, draw_baseline(found)),
        write(numbers, text.encode()),
    )


def _free(folder: Path) -> list[Path]:
    """The three names with the first number at which none of them is taken."""
    plain = [folder / name for name in NAMES]
    numbered = ([p.with_stem(f"{p.stem}-{i}") if i else p for p in plain] for i in count())
    return next(paths for paths in numbered if not any(path.exists() for path in paths))
