"""The suite and its bookkeeping, on known readings and on a tiny random model with real judges."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.tiny_models import tiny_sd

from negprompt.measure import bench, suite
from negprompt.measure.arms import Bench, Setting, batches, seen
from negprompt.measure.memory import Memory, memory
from negprompt.models.families import SD1
from negprompt.models.load import Model
from negprompt.policy.learned import words_of
from negprompt.world.captions import vocabulary
from negprompt.world.factors import BINARY, CONCEPTS
from negprompt.world.judge import CLASSES, ConvolutionalJudge, Judge, MixingJudge, Reading


def reading(present: Mapping[str, list[bool]], n: int, **labels: list[str]) -> Reading:
    """What a certain judge would say: ``present`` per concept, labels per factor, n pictures."""
    columns = np.zeros((n, len(BINARY)), np.float32)
    for name, values in present.items():
        columns[:, BINARY.index(name)] = values
    classes = {}
    for factor, names in CLASSES.items():
        said = labels.get(factor, [names[0]] * n)
        classes[factor] = np.eye(len(names), dtype=np.float32)[[names.index(one) for one in said]]
    return Reading(classes, columns)


def row(concept: str = "blurry") -> suite.Row:
    return next(row for row in suite.rows() if row.concept == concept)


@pytest.fixture(scope="module")
def judges() -> dict[str, Judge]:
    torch.manual_seed(0)
    return {
        "first": Judge(ConvolutionalJudge().eval()),
        "second": Judge(MixingJudge().eval()),
    }


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(tiny_sd(), "tiny", SD1)


def test_every_removable_concept_has_a_row() -> None:
    kinds = {"defect", "look", "bias"}
    expected = {c.name for c in CONCEPTS.values() if c.kind in kinds} | {"sketch", "cartoon"}
    found = {r.concept for r in suite.rows() if r.kind in suite.COUNTED_KINDS}
    assert found == expected
    assert {r.negative for r in suite.rows()} >= {"low quality", *suite.LISTS}
    sweep = [r.negative for r in suite.rows() if r.kind == "weight"]
    assert sweep == ["(blurry:0.5)", "(blurry:1)", "(blurry:1.5)", "(blurry:2)"]


@pytest.mark.parametrize("row", suite.rows(), ids=lambda row: f"{row.kind} {row.negative}")
def test_a_prompt_is_silent_about_its_row_and_speaks_known_words(row: suite.Row) -> None:
    said = words_of(row.prompt)
    assert not set(said) & set(words_of(row.negative))
    assert set(said) <= vocabulary()
    for name in row.concepts:
        only = CONCEPTS[name].only if name in CONCEPTS else ()
        assert not only or {row.subject, row.place} & set(only)


def test_a_negative_is_what_captions_call_it() -> None:
    unknown = {r.concept for r in suite.rows() if not set(words_of(r.negative)) <= vocabulary()
               | {"0", "1", "2", "5"}}  # fmt: skip
    assert unknown == {"border"}
    assert row("border").naming_rate == 0


@pytest.mark.parametrize(
    ("name", "without", "expected"),
    [
        ("watermark", 0.5, True),
        ("watermark", 0.15, True),
        ("watermark", 0.14, False),
        ("watermark", 0.86, False),
        ("border", 0.5, True),
        ("border", 0.1, False),
        ("lens flare", 0.5, False),
        ("sketch", 0.5, False),
        ("blurry", 0.5, True),
        ("noise", 0.5, False),
        ("neon", 0.5, True),
        ("low quality", 0.5, False),
    ],
)
def test_what_counts(name: str, without: float, *, expected: bool) -> None:
    assert row(name).counts(without) is expected


def test_lists_and_sweeps_do_not_count() -> None:
    assert not [r for r in suite.rows() if r.kind in ("list", "weight") and r.counts(0.5)]


def test_a_finding_counts_pairs() -> None:
    asked = row("blurry")
    without = reading({"blurry": [True, True, True, False]}, 4, subject=[asked.subject] * 4)
    steered = reading(
        {"blurry": [False, False, True, True]}, 4, subject=[asked.subject] * 3 + ["tooth"]
    )
    found = bench.finding(asked, without, steered)
    assert (found.pairs.lost, found.pairs.gained, found.pairs.both) == (2, 1, 1)
    assert found.subject.steered.rate == 0.75
    assert found.p_value == 1.0


def test_a_list_is_seen_where_any_of_it_is() -> None:
    both = reading({"noise": [True, False, False], "blurry": [False, True, False]}, 3)
    assert seen(both, "noise", "blurry").tolist() == [True, True, False]
    assert seen(both, "low quality").tolist() == [True, True, False]
    assert seen(both, CLASSES["style"][0]).tolist() == [True] * 3


def test_the_summary_is_the_mean_over_counted_rows_that_training_named() -> None:
    half, none = [True, False] * 4, [False] * 8
    one, other, border = row("watermark"), row("text"), row("border")
    found = [
        bench.finding(one, reading({"watermark": half}, 8), reading({"watermark": none}, 8)),
        bench.finding(other, reading({"text": half}, 8), reading({"text": half}, 8)),
        bench.finding(border, reading({"border": half}, 8), reading({"border": none}, 8)),
    ]
    report = bench.Report(4.0, 8, tuple(found))
    assert [f.row.concept for f in report.counted] == ["watermark", "text", "border"]
    assert [f.row.concept for f in report.named] == ["watermark", "text"]
    summary = report.summary()
    assert (summary["without"], summary["with"]) == (0.5, 0.25)
    assert summary["subject_change"] == 0


def test_a_summary_of_nothing_is_none() -> None:
    assert set(bench.Report(4.0, 8, ()).summary().values()) == {None}


def test_batches_cover_the_seeds() -> None:
    assert list(batches(5, 20)) == [(5, 8), (13, 8), (21, 4)]


def test_a_reading_survives_the_memory(judges: dict[str, Judge], tmp_path: Path) -> None:
    kept = Memory(tmp_path)
    pictures = [*map(_noise, range(3))]
    first = kept.recall({"q": 1}, lambda: {n: j.read(pictures) for n, j in judges.items()})
    again = kept.recall({"q": 1}, _never)
    for name, said in first.items():
        assert again[name].present == pytest.approx(said.present, abs=1e-5)
        assert again[name].label("place") == said.label("place")


def test_a_damaged_memory_is_made_again(tmp_path: Path) -> None:
    kept = Memory(tmp_path)
    kept.recall({"q": 1}, lambda: {"first": reading({}, 2)})
    (file,) = tmp_path.iterdir()
    file.write_text(file.read_text()[:40])
    assert len(kept.recall({"q": 1}, lambda: {"first": reading({}, 3)})["first"].present) == 3


def test_an_interrupted_suite_goes_on_and_ends_the_same(
    model: Model, judges: dict[str, Judge], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEGPROMPT_CACHE", str(tmp_path))
    setting = Setting(steps=1, n=2)
    counted: list[int] = []

    def stop(count: int) -> None:
        counted.append(count)
        if len(counted) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.negatives(_on(model, judges, stop), "first", setting, _ignore)
    kept = len(list(tmp_path.rglob("*.json")))
    assert kept == 5
    whole = bench.negatives(_on(model, judges, counted.append), "first", setting, _ignore)
    assert sum(counted) == bench.pictures(setting) + 2 * kept
    assert len(list(tmp_path.rglob("*.json"))) == len(counted) - kept
    other = bench.negatives(_on(model, judges, counted.append), "second", setting, _ignore)
    assert [f.row for f in other.findings] == [f.row for f in whole.findings]
    assert whole.n == 2
    assert list(whole.to_json()) == ["scale", "n", "rows", "summary"]
    assert list(whole.to_json()["rows"][0]) == [
        "kind", "concept", "prompt", "negative", "naming_rate", "counted", "without", "with"
    ]  # fmt: skip
    assert list(whole.to_json()["rows"][0]["with"]) == ["rate", "lo", "hi"]


def test_other_weights_have_another_memory(
    model: Model, judges: dict[str, Judge], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEGPROMPT_CACHE", str(tmp_path))
    same = memory(model.pipe, judges)
    assert memory(tiny_sd(), judges) == same
    assert memory(tiny_sd(seed=1), judges) != same
    assert memory(model.pipe, {"first": judges["first"]}) != same


def _on(model: Model, judges: dict[str, Judge], on_images: object) -> Bench:
    assert callable(on_images)
    return Bench(model, judges, memory(model.pipe, judges), on_images=on_images)


def _noise(seed: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def _never() -> dict[str, Reading]:
    raise AssertionError("the memory was not asked")


def _ignore(_finding: bench.Finding) -> None:
    pass
