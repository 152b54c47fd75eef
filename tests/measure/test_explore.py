"""The sheet of scales and negatives on a tiny random model."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL.Image import Image
from tests.tiny_models import tiny_sd

from negprompt.engine import Request
from negprompt.errors import RequestError
from negprompt.measure.ablate import gallery
from negprompt.measure.explore import (
    SCALES,
    Cell,
    Sheet,
    explore,
    further,
    held,
    negatives,
    picture,
    pictures,
    to_json,
    verdict,
)
from negprompt.measure.probes.asking import Probe
from negprompt.models.families import SD1
from negprompt.models.load import Model
from negprompt.policy.plan import plan

ALWAYS = Probe("always", lambda images, term: [1.0] * len(images))
BASE = Request(prompt="a cat", model="tiny", steps=1, count=2)
COLUMNS = negatives("blurry", "text, watermark")


def test_a_sheet_has_every_scale_and_negative(tmp_path: Path) -> None:
    place = gallery(Model(tiny_sd(), "tiny", SD1), tmp_path)
    sheet = explore(BASE, place, ALWAYS, COLUMNS)
    cells = {cell.name: cell for cell in sheet.cells}
    assert list(cells) == [f"{c}{r}" for r in range(1, 6) for c in "abc"]
    assert place.spent.made == pictures(list(COLUMNS), 2) == 26
    assert [cells[f"a{r}"].scale for r in range(1, 6)] == list(SCALES)
    assert (cells["a1"].passes, cells["a2"].passes, cells["c5"].passes) == (1, 2, 2)
    assert cells["b1"].same_as == "a1"
    assert cells["b4"].negative == "blurry"
    assert all(cell.fidelity is not None and cell.fidelity.rate == 1 for cell in sheet.cells)
    assert cells["a5"].variety > 0
    assert verdict(sheet).startswith("The prompt is kept best in a1 (100%); a1")
    drawn = picture(sheet)
    assert drawn.width > 6 * 192
    assert len(to_json(sheet)["cells"]) == 15
    bare = explore(BASE, place, None, COLUMNS)
    assert place.spent.made == 26
    assert "No probe" in verdict(bare)
    assert [cell.passes for cell in bare.cells] == [cell.passes for cell in sheet.cells]

    more = further(BASE, "B4", "hat", place, ALWAYS, columns=COLUMNS)
    assert [(cell.name, cell.negative) for cell in more.cells] == [
        ("b4", "blurry"), ("b4+", "blurry, hat")
    ]  # fmt: skip
    assert np.array_equal(np.asarray(more.cells[0].images[0]), np.asarray(cells["b4"].images[0]))
    assert place.spent.made == 28
    assert picture(more).width > 192


@pytest.mark.parametrize("name", ["d4", "b6", "b1", "b", "", "4b"])
def test_a_cell_that_is_none_is_told(tmp_path: Path, name: str) -> None:
    place = gallery(Model(tiny_sd(), "tiny", SD1), tmp_path)
    with pytest.raises(RequestError) as told:
        further(BASE, name, "hat", place, None, columns=COLUMNS)
    assert told.value.code == "cell-unknown"


@pytest.mark.parametrize("dialect", ["a1111", "comfy", "compel"])
def test_the_template_says_the_same_in_each_dialect(dialect: str) -> None:
    column = negatives(dialect=dialect)["c"]
    assert column is not None
    (terms,) = (one.terms for one in plan("", (column,), dialect=dialect).negatives)
    weights = {term.text: term.weight for term in terms if term.weight != 1}
    assert weights == pytest.approx({"bad": 1.1, "abstract": 1 / 1.1})
    assert len(terms) == 22


def test_a_template_of_ones_own_is_as_it_is_typed() -> None:
    assert negatives(None, "{bad}", "novelai")["c"] == "{bad}"
    with pytest.raises(RequestError) as told:
        negatives(dialect="novelai")
    assert told.value.code == "dialect-read-only"


def test_a_sheet_in_another_dialect_is_not_gone_on_from(tmp_path: Path) -> None:
    file = tmp_path / "explore.json"
    cell = Cell("b2", 1.5, "(hat)1.2", (), 2, 8, 0.1, None)
    file.write_text(json.dumps(to_json(Sheet("a cat", (cell,), 0, "compel"))))
    assert held(file, "a cat", "compel") == {"b": "(hat)1.2"}
    assert not held(file, "a cat")


def test_what_is_kept_of_a_prompt_are_its_words(tmp_path: Path) -> None:
    seen: list[str] = []

    def ask(images: Sequence[Image], term: str) -> list[float | None]:
        seen.append(term)
        return [1.0] * len(images)

    place = gallery(Model(tiny_sd(), "tiny", SD1), tmp_path)
    asked = replace(BASE, prompt="a (big cat)1.2, fog--", dialect="compel")
    further(asked, "b2", "hat", place, Probe("all", ask), columns=COLUMNS)
    assert set(seen) == {"a big cat , fog"}
