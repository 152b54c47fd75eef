"""Explanation → files: ``explain.png``, ``baseline.png`` and ``explain.json`` in a folder."""

import json
from pathlib import Path

from negprompt.engine import writable
from negprompt.measure.explain.findings import Explanation, to_json
from negprompt.measure.explain.sheet import draw, draw_baseline
from negprompt.measure.written import write


def save(found: Explanation, folder: Path | str) -> tuple[Path, ...]:
    """Write the sheet, the picture of the baseline and the numbers; their paths.

    Files of these names are replaced. Raises OutputError where the folder cannot be written.
    """
    place = writable(folder)
    numbers = json.dumps(to_json(found), indent=1, ensure_ascii=False) + "\n"
    return (
        write(place / "explain.png", draw(found)),
        write(place / "baseline.png", draw_baseline(found)),
        write(place / "explain.json", numbers.encode()),
    )
