"""The pocket packs: what is asked of them, on known readings, on tiny models, and as they ship."""

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.measure.test_bench import reading
from tests.tiny_models import tiny_sd

from negprompt.engine import loaded, run
from negprompt.measure import counted
from negprompt.measure.arms import Bench, Setting
from negprompt.measure.compare import concept_of
from negprompt.measure.memory import Memory
from negprompt.measure.packs import __main__ as program
from negprompt.measure.packs import evidence, written
from negprompt.measure.packs.run import CHOSEN, Pack, Report, arms, measure, packs
from negprompt.measure.page import shown
from negprompt.measure.protocol.run import identity
from negprompt.measure.suite import rows
from negprompt.models.families import SD1
from negprompt.models.load import Model
from negprompt.policy import Layer
from negprompt.policy.files import folders, listed, read
from negprompt.policy.learned import words_of
from negprompt.world.captions import vocabulary
from negprompt.world.factors import CONCEPTS, STYLES, rate
from negprompt.world.judge import ConvolutionalJudge, Judge, MixingJudge
from negprompt.world.judge import load as judge

DOCS = Path(__file__).resolve().parents[2] / "docs"
SETTING = Setting(n=2, steps=1)
each = pytest.mark.parametrize("pack", packs(), ids=lambda pack: pack.layer.name)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    torch.manual_seed(0)
    judges = {"first": Judge(ConvolutionalJudge().eval()), "second": Judge(MixingJudge().eval())}
    kept = Memory(tmp_path_factory.mktemp("measured"))
    return Bench(Model(tiny_sd(), "tiny", SD1), judges, kept)


@pytest.fixture(scope="module")
def report(bench: Bench) -> Report:
    return measure(bench, SETTING, "first", "bench-v1-x")


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the packs that ship, where the program that fills them looks."""
    for name in CHOSEN:
        file = listed(folders()[-1:])[name]
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(program, "folders", lambda: (tmp_path,))
    return tmp_path


@each
def test_prompts_can_show_what_the_pack_names_and_do_not_speak_of_it(pack: Pack) -> None:
    assert 2 <= len(pack.prompts) <= 3
    for text, concept in pack.terms.items():
        assert concept_of(text) == concept
        for colour, subject, place in CHOSEN[pack.layer.name]:
            parts = CONCEPTS[concept].members or (concept,) if concept in CONCEPTS else ()
            assert concept in STYLES or all(rate(CONCEPTS[c], subject, place) > 0.1 for c in parts)
            prompt = next(p for p in pack.prompts if f"{colour} {subject}" in p)
            assert not set(words_of(prompt)) & set(words_of(text))
            assert set(words_of(prompt)) <= vocabulary()


@each
def test_what_is_measured_is_what_generate_draws_under_the_policy(pack: Pack) -> None:
    request = Setting(n=1, steps=2).request(pack.prompts[0], None, 3, 1)
    model = loaded("pocket")
    under = run(replace(request, policies=(pack.layer,)), model=model).images[0]
    typed = run(replace(request, negative=(pack.negative(SETTING),)), model=model).images[0]
    without = run(request, model=model).images[0]
    assert under.tobytes() == typed.tobytes()
    assert under.tobytes() != without.tobytes()


def test_arms_of_the_suite_of_negatives_are_found_again(bench: Bench, report: Report) -> None:
    """A term's arm that the suite has as well is asked in the same words."""
    common = {(row.prompt, row.negative) for row in rows()} & set(arms(SETTING))
    assert {negative for _, negative in common} == {"blurry", "watermark", "low quality", "logo"}
    before = set(bench.memory.folder.iterdir())
    assert len(before) == len(arms(SETTING))
    for prompt, negative in common:
        bench.arm(prompt, negative, SETTING)
        bench.arm(prompt, None, SETTING)
    assert set(bench.memory.folder.iterdir()) == before


def pictures(judged: Mapping[str, Any]) -> counted.Arms:
    both = (reading(one, 40, subject=["heart"] * 40) for one in judged.values())
    without, steered = ({"first": one} for one in both)
    return counted.Arms("a red heart in a room", without, steered)


def test_a_row_says_which_way_it_went() -> None:
    half, few = [True] * 20 + [False] * 20, [True] * 3 + [False] * 37
    both = [pictures({"without": {"blurry": half, "noise": few, "text": half},
                      "with": {"blurry": few, "noise": half, "text": half[::-1]}})]  # fmt: skip
    found = {name: counted.row(name, (name,), "first", both) for name in ("blurry", "noise")}
    assert [found["blurry"].way, found["noise"].way] == ["falls", "rises"]
    assert found["blurry"].counts == (17, 0, 40)
    assert found["blurry"].change.rate == pytest.approx(-0.425)
    swapped = counted.row("text", ("text",), "first", both)
    assert (swapped.way, swapped.counts, swapped.p_value) == ("open", (20, 20, 40), 1.0)
    assert counted.row("the subject", counted.SUBJECT, "first", both).steered.rate == 1


@pytest.mark.parametrize(
    ("name", "believed"),
    [("blurry", True), ("logo", True), ("clutter", False), ("low quality", False),
     ("cartoon", False), ("diagram", False)],
)  # fmt: skip
def test_a_mark_stands_where_judges_cannot_be_believed(name: str, *, believed: bool) -> None:
    both = [pictures({"without": {}, "with": {}})]
    assert counted.row("it", (name,), "first", both).is_measurable is believed
    assert counted.row("it", (name,), "first", both).cells()[0] == ("it" if believed else "it?")


def test_the_page_has_a_row_for_each_thing_by_each_judge(bench: Bench, report: Report) -> None:
    text = written.page(report)
    for found in report.found:
        terms = list(found.pack.terms)
        wanted = ["clinical style"] if found.pack.layer.name == "pocket-medical" else []
        each_judge = [*terms, "any of these", *wanted, "the subject"]
        assert [row.what for row in found.whole] == 2 * each_judge
        assert [row.what for row in found.alone] == 2 * terms
        assert [row.judge for row in found.alone[:: len(terms)]] == ["first", "second"]
        assert f"`{', '.join(terms)}`" in text
        for row in (*found.whole, *found.alone):
            assert f"| {' | '.join(row.cells())} | {row.way} |" in text
    assert "| `pocket-medical` | clinical style? | rises |" in text
    assert ".10 of the world's scenes have it, and .21 of those without the rest." in text
    other = measure(bench, SETTING, "second", "bench-v1-x")
    assert other.judges == ("second", "first")
    assert written.to_json(other)["judge"] == "second"


def bare(layer: Layer) -> Layer:
    terms = tuple(replace(term, evidence="") for term in layer.terms)
    return replace(layer, residual="", terms=terms)


def test_packs_are_filled_with_what_was_found(
    report: Report, shipped: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    source = shipped / "packs.json"
    source.write_text(written.dumped(report), "utf-8")
    monkeypatch.setattr(sys, "argv", ["packs", str(source)])
    before = {name: read(shipped / f"{name}.toml", {}) for name in CHOSEN}
    program.main()
    assert capsys.readouterr().out.split() == [str(shipped / f"{name}.toml") for name in CHOSEN]
    for found in report.found:
        name = found.pack.layer.name
        now = read(shipped / f"{name}.toml", {})
        for term, row in zip(now.terms, found.alone, strict=False):
            rates = f"{shown(row.without)} → {shown(row.steered)}"
            n = 2 * len(found.pack.prompts)
            assert term.text == row.what
            assert term.evidence.startswith(f"alone {rates}, n {n}, first judge")
            assert ("unsure" in term.evidence) is not row.is_measurable
            assert term.evidence.endswith("scale 2; negprompt bench --suite packs, bench-v1-x")
        assert bool(now.residual) is now.is_enforced
        assert bare(now) == bare(before[name])
    once = {file: file.read_bytes() for file in shipped.iterdir()}
    program.main()
    assert {file: file.read_bytes() for file in shipped.iterdir()} == once


def test_a_term_that_was_not_measured_is_not_filled(report: Report) -> None:
    data = written.to_json(report)
    pack = data["packs"]["pocket-floor"]
    with pytest.raises(ValueError, match="not enough values"):
        evidence.filled('text = "mist"\nevidence = ""\n', data, pack)


def test_page_and_packs_hold_figures_of_these_weights() -> None:
    """After other weights: run the suite again and fill the packs: CONTRIBUTING.md, Figures."""
    text, source = (DOCS / "packs.md").read_text("utf-8"), DOCS / "packs.json"
    if not source.exists():
        assert text == written.page(None)
        assert not any(term.evidence for pack in packs() for term in pack.layer.terms)
        assert not any(pack.layer.residual for pack in packs())
        return
    data = json.loads(source.read_text("utf-8"))
    present = identity(loaded("pocket"), {name: judge(name) for name in ("first", "second")})
    assert data["id"] == present
    assert f"`{present}`" in text
    for pack in packs():
        said = data["packs"][pack.layer.name]
        assert (said["terms"], said["prompts"]) == ([*pack.terms], [*pack.prompts])
        assert pack.layer.residual == evidence.residual(data, said)
        for term in pack.layer.terms:
            assert term.evidence == evidence.evidence(data, said, term.text)
