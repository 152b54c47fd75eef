"""A report → ``ablate.html``, ``ablate.json`` and ``ablate.csv`` in a folder."""

from pathlib import Path

from negprompt.engine import writable
from negprompt.engine.written import write
from negprompt.measure.ablate.data import dumped, to_csv
from negprompt.measure.ablate.findings import Report
from negprompt.measure.ablate.page import page


def written(report: Report, folder: Path | str, *, html: bool = True) -> dict[str, Path]:
    """Write a report; the paths by kind. Those of an earlier report are written over.

    Raises OutputError where the folder cannot be written.
    """
    place = writable(folder)
    texts = {"json": dumped(report), "csv": to_csv(report)}
    if html:
        texts = {"html": page(report)} | texts
    return {
        kind: write(place / f"ablate.{kind}", text.encode("utf-8", "replace"))
        for kind, text in texts.items()
    }
