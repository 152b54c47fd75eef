"""The page of an ablation in Chromium: no request leaves it, keys work, pictures are right."""

import base64
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.tiny_models import tiny_sd

from negprompt.engine import Request
from negprompt.measure.ablate import Question, Report, ablate, gallery
from negprompt.measure.ablate.written import written
from negprompt.measure.probes.asking import Probe
from negprompt.models.families import SD1
from negprompt.models.load import Model

CHROMIUM = Path(os.environ.get("NEGPROMPT_CHROMIUM", "/usr/bin/chromium"))
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no {CHROMIUM}")
PATIENCE = 120_000
"""Milliseconds: a busy machine is slow, not wrong."""


def red(images: Sequence[Image.Image], term: str) -> list[float | None]:
    return [float(np.asarray(i)[..., 0].mean() > 127) for i in images]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    base = Request(prompt="a cat", negative=("blurry, <b>scarf</b>",), model="tiny", steps=2,
                   cfg=12.0)  # fmt: skip
    place = gallery(Model(tiny_sd(), "tiny", SD1), tmp_path_factory.mktemp("page"))
    question = Question(("a cat",), base, 3)
    return ablate(question, place, Probe("mine:red", red), early=False)


@pytest.fixture(scope="module")
def page(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    path = written(report, tmp_path_factory.mktemp("written"))["html"]
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox"], timeout=PATIENCE
        )
        opened = browser.new_page()
        opened.set_default_timeout(PATIENCE)
        opened.asked, opened.wrong = [], []
        opened.on("request", lambda request: opened.asked.append(request.url))
        opened.on("pageerror", lambda error: opened.wrong.append(str(error)))
        opened.on("console", lambda said: opened.wrong.append(said.text))
        opened.goto(path.as_uri())
        yield opened
        browser.close()


def shown(page: Any, name: str) -> np.ndarray:
    """The pixels of a picture of the page."""
    data = page.get_attribute(f"#{name}", "src").split(",", 1)[1]
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        return np.asarray(image.convert("RGB"), np.float32)


def test_no_request_leaves_the_page(page: Any) -> None:
    assert [url for url in page.asked if not url.startswith(("file:", "data:"))] == []
    assert page.wrong == []


def test_terms_are_text_with_bars(page: Any) -> None:
    assert page.locator("#terms tr").count() == 2
    assert "<b>scarf</b>" in page.inner_text("#terms")
    label = page.locator("#terms svg.bar").first.get_attribute("aria-label")
    assert "points, 95 % from" in label


def test_keys_compare_pictures(page: Any, report: Report) -> None:
    def right(name: str, arm: Any, seed: int) -> None:
        with Image.open(report.tally.column(arm).paths[seed]) as kept:
            own = np.asarray(kept.convert("RGB"), np.float32)
        assert np.array_equal(shown(page, name), own)

    question = report.question
    right("upper", question.none, 0)
    right("lower", question.full, 0)
    page.keyboard.press("n")
    assert "seed 1" in page.inner_text("#said")
    right("upper", question.none, 1)
    page.keyboard.press("x")
    right("upper", question.full, 1)
    page.keyboard.press("p")
    page.focus("#slide")
    page.keyboard.press("Home")
    assert "100%" in page.get_attribute("#upper", "style")
    page.keyboard.press("f")
    assert page.get_attribute("#flicker", "aria-pressed") == "true"
    page.keyboard.press("f")
    assert page.get_attribute("#flicker", "aria-pressed") == "false"


def test_the_grid_is_walked_by_arrows(page: Any, report: Report) -> None:
    page.focus(".grid button[data-arm='0'][data-column='0']")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert "seed 1" in page.inner_text("#said")
    assert "right: full" in page.inner_text("#said")
    cells = page.locator(".grid button")
    assert cells.count() == len(list(report.question.arms())) * 3


def test_a_term_shows_its_own_arms_and_where_it_acted(page: Any) -> None:
    page.focus("#terms button >> nth=0")
    page.keyboard.press("Enter")
    assert "only blurry" in page.inner_text("#said")
    assert page.locator("#where").is_visible()
    assert "blurry" in page.get_attribute("#map", "alt")
