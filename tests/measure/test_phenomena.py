"""What is said of negatives, on pictures whose truth is known, and on a tiny random model."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.measure.test_protocol_figures import seen
from tests.tiny_models import tiny_sd

from negprompt.errors import RequestError
from negprompt.guidance.rules import cfg
from negprompt.measure.phenomena import figure, measures, run, ways, written
from negprompt.measure.phenomena.measures import Album
from negprompt.measure.phenomena.sayings import SAYINGS
from negprompt.measure.phenomena.ways import Way
from negprompt.measure.protocol.cases import ARMS, Case
from negprompt.measure.protocol.pictures import Pictures, Stand
from negprompt.measure.protocol.run import identity
from negprompt.measure.statistics import Interval
from negprompt.models.families import SD1
from negprompt.models.load import Model, load
from negprompt.world.judge import ConvolutionalJudge, Judge, MixingJudge
from negprompt.world.judge import load as judge
from negprompt.world.scenes import Scene, sample

PAGE = Path(__file__).resolve().parents[2] / "docs" / "findings.md"
N = 8


def drawn(case: Case, k: int) -> list[Scene]:
    return [sample(1000 * k + i, **case.pins) for i in range(N)]


def album(**changes: Any) -> Album:
    """What an errorless judge sees of the world's own scenes, changed in some ways."""
    cases = ways.cases()
    plain = [drawn(case, k) for k, case in enumerate(cases)]
    of: dict[Way, list[Pictures]] = {}
    for way in run.Extent().ways:
        change = changes.get(way.name, lambda scene, case: scene)
        of[way] = [
            seen([change(scene, case) for scene in scenes])
            for case, scenes in zip(cases, plain, strict=True)
        ]
    return Album(cases, of, [seen(scenes) for scenes in plain])


def cured(scene: Scene, case: Case) -> Scene:
    return replace(scene, present=scene.present - set(case.targets))


def spoiled(scene: Scene, case: Case) -> Scene:
    return replace(scene, colour="red" if scene.colour == "white" else "white")


def verdict(name: str, found: Album) -> str:
    saying = SAYINGS[name]
    contrast = saying.measure.contrast(found, *saying.ends, "first")
    assert contrast is not None
    return saying.verdict(contrast.interval)


def test_prompts_are_of_the_screening_and_each_names_one_concept() -> None:
    cases = ways.cases()
    assert len(cases) == ways.CASES
    finals = {(case.prompt, case.negative) for arm in ("bias", "quality", "style")
              for case in ARMS[arm].cases(64, finals=True)}  # fmt: skip
    assert not finals & {(case.prompt, case.negative) for case in cases}
    assert all(len(case.targets) == 1 and case.antonym and case.measurable for case in cases)
    assert len({case.targets for case in ways.cases(6)}) == 6


@pytest.mark.parametrize(
    ("name", "way", "change"),
    [
        ("naming", ways.TERM, cured),
        ("many", ways.LIST_20, spoiled),
        ("early", ways.FIRST_HALF, cured),
        ("dilution", ways.TERM, cured),
        ("antonym", ways.ANTONYM, cured),
        ("reverse", ways.RARE_4, lambda s, case: replace(s, present=s.present | {"balloon"})),
    ],
)
def test_a_saying_is_reproduced_where_it_is_so_and_not_where_nothing_happens(
    name: str, way: Way, change: Any
) -> None:
    assert verdict(name, album(**{way.name: change})) == "reproduced"
    assert verdict(name, album()) == "not reproduced"


def test_distance_tells_what_leads_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def bleak(scene: Scene, case: Case) -> Scene:
        return replace(scene, style="sketch", place="studio", colour="white")

    assert verdict("scale", album(**{ways.TERM_7.name: bleak, ways.TERM.name: cured})) in (
        "reproduced", "open",
    )  # fmt: skip
    found = album(**{ways.TERM_7.name: bleak})
    far, near = (measures.DISTANCE.point(found, way, "first") for way in (ways.TERM_7, ways.TERM))
    assert far is not None
    assert near is not None
    assert far.interval.rate > 100 * near.interval.rate  # the same pictures as the true ones


def test_variety_is_compared_prompt_by_prompt() -> None:
    found = album()
    alike = [replace(p, colours=p.colours * 0.5) for p in found.of[ways.LIST_20]]
    less = replace(found, of={**found.of, ways.LIST_20: alike})
    contrast = measures.VARIETY.contrast(less, ways.NONE, ways.LIST_20, "first")
    assert contrast is not None
    assert contrast.interval.rate == pytest.approx(np.log(2))
    assert verdict("variety", less) == "reproduced"
    assert verdict("variety", found) == "not reproduced"


def test_a_verdict_follows_the_interval() -> None:
    saying = SAYINGS["dilution"]
    assert saying.verdict(Interval(0.2, 0.1, 0.3)) == "reproduced"
    assert saying.verdict(Interval(0.02, 0.01, 0.03)) == "not reproduced"  # too small to matter
    assert saying.verdict(Interval(0.1, -0.1, 0.3)) == "open"
    assert saying.verdict(None) == "open"
    assert saying.verdict(Interval(0.0, -0.03, 0.03), there=0.1) == "open"  # nothing to remove
    assert saying.verdict(Interval(0.0, -0.03, 0.03), there=0.2) == "not reproduced"


def test_lists_name_the_case_s_own_thing_once() -> None:
    for case in ways.cases():
        said = ways.LIST_20.request(case, steps=1, seed=0, count=1).negative
        assert said is not None
        terms = said[0].split(", ")
        assert terms[0] == case.negative
        assert len(terms) == len(set(terms)) == 20


def test_the_whole_report_on_a_tiny_model(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Model(tiny_sd(), "tiny", SD1)
    judges = {"first": Judge(ConvolutionalJudge().eval()), "second": Judge(MixingJudge().eval())}
    counted: list[int] = []
    stand = Stand(model=model, judges=judges, makers={"cfg": cfg}, folder=tmp_path,
                  on_images=counted.append)  # fmt: skip
    extent = run.Extent(prompts=3, seeds=2, steps=2, sayings=("early", "variety", "antonym"))
    report = run.findings(stand, extent, "bench-v1-x")
    assert sum(counted) == extent.cost[0] == 6 * 10
    text = written.page(report)
    assert [name for name in SAYINGS if f"--only {name}\n" in text] == list(SAYINGS)
    assert text.count(written.WAITING) == len(SAYINGS) - 3
    data = json.loads(written.dumped(report))
    assert [one["name"] for one in data["findings"]] == list(extent.sayings)
    assert set(data["findings"][0]["points"]["second"]) == {w.name for w in SAYINGS["early"].ways}
    picture = figure.png(report)
    assert picture.startswith(b"\x89PNG")
    kept = len(list(tmp_path.glob("*.npz")))
    again = run.findings(stand, extent, "bench-v1-x")
    assert written.dumped(again) == written.dumped(report)
    assert figure.png(again) == picture
    assert len(list(tmp_path.glob("*.npz"))) == kept


def test_a_finding_that_does_not_exist_is_told() -> None:
    with pytest.raises(RequestError) as told:
        run.sayings_of("naming, luck")
    assert told.value.code == "saying-unknown"


def test_the_page_says_what_the_code_says_and_holds_figures_of_these_weights() -> None:
    """After other weights: run the suite again, or write the page that says it was not."""
    text = PAGE.read_text("utf-8")
    for saying in SAYINGS.values():
        assert saying.said in text
        assert saying.rule in text
    if "bench-v1-" in text:
        shipped = identity(load("pocket"), {name: judge(name) for name in ("first", "second")})
        assert f"`{shipped}`" in text
    else:
        assert text == written.page(None)
