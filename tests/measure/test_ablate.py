"""Ablation on tiny random pipelines with the probe none and a user's; verdicts on known counts."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.tiny_models import tiny_sd, tiny_sdxl

from negprompt.engine import Request, run
from negprompt.errors import RequestError
from negprompt.measure import labels
from negprompt.measure.ablate import Question, Report, ablate, gallery
from negprompt.measure.ablate.data import command, to_csv, to_json
from negprompt.measure.ablate.page import page
from negprompt.measure.ablate.run import kept_things
from negprompt.measure.ablate.written import written
from negprompt.measure.probes.asking import Probe
from negprompt.models.choices import Loading
from negprompt.models.families import SD1, SDXL
from negprompt.models.load import Model, load


def model() -> Model:
    return Model(tiny_sd(), "tiny", SD1)


def question(negative: str = "blurry, scarf", **settings: Any) -> Question:
    base = Request(prompt="a cat", negative=(negative,), model="tiny", steps=2, cfg=12.0)
    return Question(("a cat",), base, **{"seeds": 10, **settings})


def red(images: Sequence[Image.Image], term: str) -> list[float | None]:
    """A user's probe: whether a picture is rather red; abstains on a dragon."""
    if term == "dragon":
        return [None] * len(images)
    return [float(np.asarray(i)[..., 0].mean() > 127) for i in images]


RED = Probe("mine:red", red)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ablate")


@pytest.fixture(scope="module")
def report(place: Path) -> Report:
    return ablate(question(), gallery(model(), place), RED, early=False)


def test_arms_are_none_full_and_each_term_left_out_and_alone() -> None:
    asked = question("(blurry:1.3), scarf, hat")
    arms = {arm.name: "; ".join(text for text, _ in arm.negatives) for arm in asked.arms()}
    assert arms == {
        "none": "",
        "full": "(blurry:1.3), scarf, hat",
        "without blurry": "scarf, hat",
        "only blurry": "(blurry:1.3)",
        "without scarf": "(blurry:1.3), hat",
        "only scarf": "scarf",
        "without hat": "(blurry:1.3), scarf",
        "only hat": "hat",
    }
    assert [arm.name for arm in question("scarf").arms()] == ["none", "full"]
    assert len(list(question("scarf, hat").arms())) == 4
    assert question("scarf, hat").pictures == 40


@pytest.mark.parametrize(
    ("settings", "code"),
    [({"negative": ""}, "terms-missing"), ({"margin": 0.0}, "value-out-of-range"),
     ({"seeds": 0}, "value-out-of-range")],
)  # fmt: skip
def test_a_question_is_checked(settings: dict[str, Any], code: str) -> None:
    with pytest.raises(RequestError) as told:
        question(**settings)
    assert told.value.code == code
    with pytest.raises(RequestError):
        Question((), question().base)


def test_every_arm_is_the_engines_own_pictures_on_the_same_seeds(
    report: Report, place: Path
) -> None:
    asked = question()
    for arm in asked.arms():
        paths = report.tally.column(arm).paths
        assert [path.stem for path in paths] == [str(seed) for seed in range(10)]
        own = run(arm.request(asked.base, "a cat", 0, 10), model=model()).images
        for path, image in zip(paths, own, strict=True):
            assert path.is_relative_to(place)
            with Image.open(path) as kept:
                assert np.array_equal(np.asarray(kept.convert("RGB")), np.asarray(image))
                assert "a cat" in kept.text["parameters"]  # type: ignore[attr-defined]


def test_a_finding_has_all_effects(report: Report) -> None:
    for term in report.terms:
        for found in (term.alone, term.within, term.together):
            assert found.counted.n == 10
            assert found.counted.concept is not None
            assert found.counted.concept.pairs.n == 10
            assert found.moved.lo <= found.moved.rate <= found.moved.hi
            assert found.moved.rate > 0
            assert found.push is not None
            assert found.map.shape == (48, 48)
            assert found.map.mean() == pytest.approx(found.moved.rate, rel=0.2)
            assert found.counted.kept[0].thing == "a cat"
    assert report.seeds == 10
    first = report.terms[0]
    readings = [report.tally.column(arm).readings["blurry"] for arm in
                (first.alone.counted.without, first.alone.counted.steered)]  # fmt: skip
    concept = first.alone.counted.concept
    assert concept is not None
    assert concept.pairs.without.rate == np.mean([p == 1 for p in readings[0]])
    assert concept.pairs.steered.rate == np.mean([p == 1 for p in readings[1]])


def test_the_same_question_makes_no_picture_twice(report: Report, place: Path) -> None:
    asked: list[str] = []

    def once(images: Sequence[Image.Image], term: str) -> list[float | None]:
        asked.append(term)
        return red(images, term)

    again = gallery(model(), place)
    found = ablate(question(), again, Probe("mine:red", once), early=False)
    assert again.spent.made == 0
    assert asked == []
    assert to_json(found)["terms"] == to_json(report)["terms"]
    ablate(question(), again, Probe("mine:red", once), early=False, anew=True)
    assert set(asked) == {"blurry", "scarf", "a cat"}


def test_other_weights_have_other_pictures(place: Path) -> None:
    one, other = (gallery(Model(tiny_sd(seed), "tiny", SD1), place) for seed in (0, 1))
    asked = question().base
    assert one.place(asked) != other.place(asked)
    assert one.place(asked) == gallery(model(), place).place(asked)


def test_a_damaged_picture_is_made_again(tmp_path: Path) -> None:
    kept = gallery(model(), tmp_path)
    request = replace(question().base, count=2)
    first = kept.batch(request)
    first.paths[1].write_bytes(first.paths[1].read_bytes()[:100])
    again = kept.batch(request)
    assert kept.spent.made == 4
    assert np.array_equal(np.asarray(first.images[1]), np.asarray(again.images[1]))


def test_without_a_probe_change_and_strength_are_told(tmp_path: Path) -> None:
    pipe = Model(tiny_sdxl(), "tiny-xl", SDXL)
    found = ablate(question(seeds=2), gallery(pipe, tmp_path), None)
    for term in found.terms:
        assert term.verdict == "cannot tell yet"
        assert term.more is None
        assert term.alone.counted.concept is None
        assert term.alone.moved.rate > 0
        assert term.alone.push is not None
    assert json.loads(json.dumps(to_json(found)))["probe"] == "none"


def test_a_term_that_changes_nothing_is_told_without_a_probe(tmp_path: Path) -> None:
    asked = question()
    same = replace(asked.base, cfg=1.0)
    found = ablate(replace_base(asked, same), gallery(model(), tmp_path), None)
    assert {term.verdict for term in found.terms} == {"nothing"}
    assert found.seeds == 8  # one batch was enough
    assert "scale-one" in {notice.code for notice in found.notices}


def replace_base(asked: Question, base: Request) -> Question:
    return Question(asked.prompts, base, asked.seeds, asked.keeps, asked.margin)


def test_a_probe_that_abstains_on_one_term(tmp_path: Path) -> None:
    found = ablate(question("dragon, scarf"), gallery(model(), tmp_path), RED)
    assert found.terms[0].alone.counted.concept is None
    assert found.terms[1].alone.counted.concept is not None


def test_several_prompts_are_counted_together(tmp_path: Path) -> None:
    base = question().base
    asked = Question(("a cat", "a dog"), base, 3)
    found = ablate(asked, gallery(model(), tmp_path), RED, early=False)
    assert found.terms[0].alone.counted.n == 6
    assert found.tally.prompts == [0, 0, 0, 1, 1, 1]
    assert found.question.keeps == ()  # the prompts have nothing in common
    assert "nothing-kept" in {notice.code for notice in found.notices}


def test_stops_early_where_the_answer_is_clear(tmp_path: Path) -> None:
    looks: list[Any] = []
    never = Probe("never", lambda images, term: [0.0] * len(images))
    asked = question(seeds=96, keeps=("cat",))
    found = ablate(asked, gallery(model(), tmp_path), never, on_look=looks.append)
    assert {term.verdict for term in found.terms} == {"nothing"}
    assert "hardly there" in found.terms[0].reason
    assert found.seeds < 96
    assert looks[-1].pictures == 0
    assert looks[0].pictures == 4 * 88


def test_labels_of_pairs_put_figures_right(report: Report, place: Path) -> None:
    """A person who sees what the probe does not: the corrected effect is the person's."""
    asked = question(seeds=16)
    shown = ablate(asked, gallery(model(), place), RED, early=False)
    rows: list[labels.Label] = []
    for arm, there in ((asked.none, True), (asked.only(0), False)):
        paths = shown.tally.column(arm).paths
        rows += [labels.Label(path, "blurry", there) for path in paths]
    file = labels.save(place / "labels.csv", rows)
    assert labels.read(file) == rows
    found = ablate(asked, gallery(model(), place), RED, labels=labels.known(file, RED), early=False)
    concept = found.terms[0].alone.counted.concept
    assert concept is not None
    assert concept.labels == 32
    assert concept.corrected is not None
    assert concept.corrected.rate == pytest.approx(-1, abs=0.3)
    assert found.terms[1].alone.counted.concept is not None
    assert found.terms[1].alone.counted.concept.corrected is None


def test_json_and_csv_say_the_same(report: Report) -> None:
    data = json.loads(json.dumps(to_json(report)))
    assert data["command"].startswith("negprompt ablate 'a cat' --negative 'blurry, scarf'")
    rows = list(csv.DictReader(io.StringIO(to_csv(report))))
    for term in data["terms"]:
        mine = next(r for r in rows if r["term"] == term["term"] and r["comparison"] == "alone"
                    and r["what"] == term["term"])  # fmt: skip
        concept = term["alone"]["concept"]
        assert float(mine["effect"]) == pytest.approx(concept["effect"]["rate"], abs=1e-3)
        assert int(mine["lost"]) == concept["lost"]
        assert term["verdict"] == mine["verdict"]
    assert "--cfg 12" in command(report)
    loading = Loading(vae="other.safetensors", lora_dir="loras", loras=(("ink", 0.5),))
    question = replace(report.question, base=replace(report.question.base, loading=loading))
    said = command(replace(report, question=question, labels=Path("eyes.csv")))
    for words in ("--vae other.safetensors", "--lora-dir loras", "--lora ink:0.5", "--labels eyes"):
        assert words in said
        assert words not in command(report)


def test_the_words_of_the_prompts_are_watched_in_their_language() -> None:
    probe = Probe("all", lambda images, term: [1.0] * len(images))
    for dialect, prompt in (("a1111", "a (cat:1.2)"), ("compel", "a (cat)1.2")):
        base = replace(question().base, dialect=dialect)
        assert kept_things(Question((prompt,), base), probe) == ("a cat",)


def test_a_report_is_written(report: Report, tmp_path: Path) -> None:
    paths = written(report, tmp_path)
    assert [path.name for path in paths.values()] == ["ablate.html", "ablate.json", "ablate.csv"]
    assert "html" not in written(report, tmp_path, html=False)
    assert json.loads(paths["json"].read_text("utf-8"))["version"] == 1


def test_the_page_needs_nothing_else(report: Report) -> None:
    text = page(report)
    inside = json.loads(text.split('type="application/json">')[1].split("</script>")[0])
    names = [arm["name"] for arm in inside["arms"]]
    assert names == ["none", "full", "without blurry", "only blurry"]
    assert inside["arms"][2]["also"] == ["only scarf"]
    assert all(p.startswith("data:image/webp") for a in inside["arms"] for p in a["pictures"])
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in text


def test_a_hostile_term_stays_text(tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    asked = question(evil, seeds=1)
    text = page(ablate(asked, gallery(model(), tmp_path), None))
    assert text.count("<script") == 2
    assert "<img src=x" not in text


@pytest.mark.slow
def test_a_killed_run_goes_on_and_ends_the_same(tmp_path: Path) -> None:
    """The model is loaded from a folder: its tokenizer is learned anew in every process."""
    tiny_sd().save_pretrained(tmp_path / "model")
    code = (
        "import runpy, sys, time\n"
        f"m = runpy.run_path({__file__!r})\n"
        "g = m['gallery'](m['load'](sys.argv[1] + '/model'), sys.argv[1] + '/out', "
        "lambda n: (print('batch', flush=True), time.sleep(0.5)))\n"
        "m['ablate'](m['question'](), g, m['RED'], early=False)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
        env=environment(),
    )  # fmt: skip
    assert child.stdout is not None
    for _ in range(3):
        assert child.stdout.readline() == "batch\n"
    child.kill()  # SIGKILL
    child.wait()
    child.stdout.close()
    kept = len(list((tmp_path / "out").rglob("*.png")))
    assert 0 < kept < 40
    rest = gallery(load(str(tmp_path / "model")), tmp_path / "out")
    found = ablate(question(), rest, RED, early=False)
    assert rest.spent.made <= 40 - kept + 8  # a batch that was cut off is made whole again
    whole = gallery(load(str(tmp_path / "model")), tmp_path / "whole")
    assert to_json(found)["terms"] == to_json(ablate(question(), whole, RED, early=False))["terms"]
    assert not list((tmp_path / "out").rglob("*.part"))


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}


def test_memory_is_bounded(tmp_path: Path) -> None:
    """What is kept of a picture is far smaller than the picture."""
    found = ablate(question(seeds=3), gallery(model(), tmp_path), RED)
    for column in found.tally.columns.values():
        assert all(layout.nbytes == 432 for layout in column.layouts)
        assert not any(isinstance(v, Image.Image) for v in vars_of(column))


def vars_of(column: Any) -> list[Any]:
    return [getattr(column, name) for name in column.__slots__]
