"""Verdicts and pruning where the truth was planted."""

import zlib
from collections.abc import Sequence
from dataclasses import replace
from math import ceil, log2
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL.Image import Image
from tests.measure.planted import (
    DEAD,
    EXPECTED,
    HARMFUL,
    SUBJECT,
    USEFUL,
    Effect,
    Planted,
    planted,
)

from negprompt.cli.prune import sentences, to_json
from negprompt.engine import Request
from negprompt.errors import RequestError
from negprompt.measure.ablate import Question, Report, ablate
from negprompt.measure.ablate.findings import Known
from negprompt.measure.ablate.gallery import Reader
from negprompt.measure.corrected import Labels
from negprompt.measure.prune import Pruned, Trial, _Bench, _Effect, _shortest, fewest, most, prune


def asked(world: Planted, seeds: int, **settings: Any) -> Question:
    negative = ", ".join(world.effects)
    base = Request(prompt="a cat", negative=(negative,), **settings)
    return Question(("a cat",), base, seeds, (SUBJECT,))


def found(world: Planted, seeds: int, folder: Path, **settings: Any) -> Report:
    gallery: Any = Planted(world.effects, world.jitter, folder)
    return ablate(asked(world, seeds), gallery, world.probe(), **settings)


@pytest.fixture(autouse=True)
def quiet_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted world has no model to ask for notices."""
    monkeypatch.setattr("negprompt.measure.ablate.run._notices", lambda *_: ())


def right(report: Report, world: Planted) -> float:
    kinds = list(world.effects.values())
    return float(
        np.mean([t.verdict == EXPECTED[k] for t, k in zip(report.terms, kinds, strict=True)])
    )


@pytest.mark.slow
def test_forty_planted_terms_are_told_apart(tmp_path: Path) -> None:
    world = planted(useful=10, dead=24, harmful=6)
    report = found(world, 240, tmp_path)
    assert right(report, world) >= 0.95
    counted = sum(len(column) for column in report.tally.columns.values())
    assert counted < 0.7 * report.question.pictures  # clear terms stopped early


def test_twelve_planted_terms_are_told_apart(tmp_path: Path) -> None:
    world = planted(useful=4, dead=5, harmful=3)
    assert right(found(world, 208, tmp_path), world) == 1


def test_few_seeds_make_no_false_claims(tmp_path: Path) -> None:
    world = planted(useful=0, dead=12, harmful=0)
    report = found(world, 48, tmp_path)
    assert {term.verdict for term in report.terms} <= {"nothing", "cannot tell yet"}
    open_terms = [term for term in report.terms if term.verdict == "cannot tell yet"]
    assert all(term.more is not None and term.more > 0 for term in open_terms)


def test_reasons_name_what_happened(tmp_path: Path) -> None:
    world = Planted(
        {"good": USEFUL, "idle": DEAD, "bad": HARMFUL, "worse": Effect(0.2, brings=0.8)}
    )
    report = found(world, 160, tmp_path)
    verdicts = {term.text: term for term in report.terms}
    assert [verdicts[name].verdict for name in world.effects] == [
        "helps", "nothing", "harms", "harms"
    ]  # fmt: skip
    assert verdicts["bad"].reason.startswith(f"{SUBJECT}: ")
    assert "brings what it names" in verdicts["worse"].reason
    assert verdicts["good"].more is None


def test_a_term_that_helps_at_a_price_is_looked_at_longer(tmp_path: Path) -> None:
    report = found(Planted({"both": Effect(0.5, cures=0.9, costs=0.3)}), 96, tmp_path)
    assert report.terms[0].verdict == "harms"


def test_without_stopping_early_all_seeds_are_taken(tmp_path: Path) -> None:
    world = Planted({"good": USEFUL, "idle": DEAD, "bad": HARMFUL})
    report = found(world, 64, tmp_path, early=False)
    assert report.seeds == 64
    assert all(term.alone.counted.n == 64 for term in report.terms)


def test_a_single_term_is_one_comparison(tmp_path: Path) -> None:
    report = found(Planted({"good": USEFUL}), 64, tmp_path)
    (term,) = report.terms
    assert term.verdict == "helps"
    assert term.alone.counted.steered.negatives == term.within.counted.steered.negatives


def shortened(world: Planted, folder: Path, seeds: int = 64) -> tuple[Pruned, list[Trial]]:
    trials: list[Trial] = []
    gallery: Any = Planted(world.effects, world.jitter, folder)
    return prune(asked(world, seeds), gallery, world.probe(), on_trial=trials.append), trials


def test_pruning_finds_the_terms_that_act(tmp_path: Path) -> None:
    world = planted(useful=5, dead=35, harmful=0)
    pruned, trials = shortened(world, tmp_path)
    kept = {pruned.question.text(number) for number in pruned.kept}
    useful = {name for name, effect in world.effects.items() if effect == USEFUL}
    assert useful <= kept
    assert len(kept) <= len(useful) + 2
    assert pruned.pictures <= 0.3 * pruned.leave_one_out
    assert pruned.pictures <= most(pruned.question)
    assert pruned.loss is not None
    assert abs(pruned.avoidance[1] - pruned.avoidance[0]) <= 0.03
    assert pruned.trials == tuple(trials)
    assert pruned.text.count(",") == len(kept) - 1


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [1, 0, 2, 3], [1, 2, 0, 3], [1, 2, 3, 0]])
def test_other_seeds_choose_the_fewest_of_an_order_that_keep_the_effect(
    order: list[int], tmp_path: Path
) -> None:
    """Wherever the one that acts was put, it and what was put before it stay."""
    world = Planted({"good": USEFUL, "idle": DEAD, "other": DEAD, "third": DEAD}, 0.0, tmp_path)
    gallery: Any = world
    bench = _Bench(asked(world, 64), gallery, Reader(world.probe(), tmp_path), lambda _trial: None)
    effect = _Effect({"good": 0.34}, (), 0.03)
    assert _shortest(bench, order, effect) == tuple(sorted(order[: order.index(0) + 1]))


@given(st.data())
def test_the_fewest_that_are_enough_are_found_in_few_questions(data: st.DataObject) -> None:
    every = data.draw(st.integers(1, 200))
    least = data.draw(st.integers(0, 1))
    truth = data.draw(st.integers(least, every))
    asked: list[int] = []

    def enough(size: int) -> bool:
        asked.append(size)
        return size >= truth

    assert fewest(every, data.draw(st.integers(0, 250)), enough, least=least) == truth
    assert len(asked) == len(set(asked)) <= 2 * ceil(log2(every + 1))
    assert every not in asked
    assert least <= min(asked, default=least)


def test_a_list_without_effect_is_pruned_to_nothing(tmp_path: Path) -> None:
    pruned, trials = shortened(Planted({"idle": DEAD, "other": DEAD}), tmp_path)
    assert (pruned.kept, pruned.text, pruned.loss) == ((), "", None)
    assert trials == [Trial((), 0.0, 64, accepted=True)]  # the subject does not fall


def test_pruning_keeps_what_holds_up_a_thing_that_should_stay(tmp_path: Path) -> None:
    prop = Effect(there=0.1, brings=0.9)
    for effects in ({"good": USEFUL, "idle": DEAD, "prop": prop}, {"idle": DEAD, "prop": prop}):
        world = Planted(effects, 0.01, tmp_path)
        gallery: Any = world
        bare, held = (
            prune(replace(asked(world, 64), keeps=keeps), gallery, world.probe())
            for keeps in ((), ("prop",))
        )
        kept = [{found.question.text(number) for number in found.kept} for found in (bare, held)]
        acting = {"good"} & set(effects)
        assert kept == [acting, acting | {"prop"}]
        (stays,) = held.stays
        assert stays.pairs.n == 64
        assert stays.pairs.steered.rate > 0.8
        assert any("prop is there in" in line for line in sentences(held))
        assert not bare.stays
        assert ("drop it" in sentences(bare)[1]) == (not acting)
        assert "drop it" not in sentences(held)[1]


def test_labels_put_right_what_pruning_lost(tmp_path: Path) -> None:
    """A probe that is right in three of four halves every effect."""
    world = Planted({"good": USEFUL, "idle": DEAD}, 0.2, tmp_path)
    gallery: Any = world
    said = tuple([1.0] * 15 + [0.0] * 5 + [0.0] * 15 + [1.0] * 5)
    known = Known({}, {"good": Labels(said, (True,) * 20 + (False,) * 20)})
    found = prune(asked(world, 64), gallery, world.probe(), labels=known)
    (good,) = found.removed
    assert good.corrected is not None
    assert good.effect.rate != 0
    assert good.corrected.rate == pytest.approx(2 * good.effect.rate)
    assert good.labels == 40
    (line,) = (line for line in sentences(found) if "put right" in line)
    assert line.startswith("good, put right by 40 labels: ")
    assert to_json(found)["put_right"][0]["labels"] == 40
    bare = prune(asked(world, 64), gallery, world.probe())
    assert not to_json(bare)["put_right"]
    assert (bare.kept, bare.loss) == (found.kept, found.loss)


def test_what_the_probe_cannot_say_is_left_out(tmp_path: Path) -> None:
    world = planted(useful=2, dead=6, harmful=0)
    gallery: Any = Planted(world.effects, 0.0, tmp_path)
    sees = world.probe()

    def ask(images: Sequence[Image], term: str) -> list[float | None]:
        said = sees.ask(images, term)
        unclear = [zlib.crc32(image.tobytes()) % 3 == 0 for image in images]
        return [None if one else p for one, p in zip(unclear, said, strict=True)]

    found = prune(asked(world, 96), gallery, replace(sees, ask=ask))
    useful = {name for name, effect in world.effects.items() if effect == USEFUL}
    assert {found.question.text(number) for number in found.kept} == useful
    full, short = found.avoidance
    assert 0.8 < short <= 1
    assert found.loss is not None
    assert found.loss.rate == pytest.approx(full - short)
    assert all(0 < one.pairs.n < 96 for one in found.removed)


def test_pruning_needs_a_probe(tmp_path: Path) -> None:
    world = Planted({"idle": DEAD}, folder=tmp_path)
    gallery: Any = world
    with pytest.raises(RequestError) as told:
        prune(asked(world, 16), gallery, None)
    assert told.value.code == "probe-needed"
