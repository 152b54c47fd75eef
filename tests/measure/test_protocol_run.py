"""The bench on a tiny random model with judges that learned nothing: cells, memory, identity."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.tiny_models import tiny_sd

from negprompt.engine import Request, run
from negprompt.guidance.rules import Rule, cfg
from negprompt.measure.protocol import target, written
from negprompt.measure.protocol.cases import Case
from negprompt.measure.protocol.methods import TRIES, Maker, Method, mark
from negprompt.measure.protocol.pictures import STRIDE, Stand, cell, joined, pushed, seen_in
from negprompt.measure.protocol.run import WORLD, Report, Suite, Table, bench, identity, pictures
from negprompt.models.families import SD1
from negprompt.models.load import Model
from negprompt.world.judge import ConvolutionalJudge, Judge, MixingJudge

CASE = Case("a blue cat in a room", "scarf", ("logo",), {"subject": "cat"}, "bare neck")
NONE = Method("no negative", 2.0, negative=False)


def backwards(scale: float, *, weights: Sequence[float] = (1.0,)) -> Rule:
    """A rule of the user's: towards the negative."""
    rule = cfg(scale, weights=weights)
    return Rule("backwards", rule.needs, lambda b, step, s: (2 * b.negatives[0] - b.positive, s))


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


@pytest.fixture
def stand(model: Model, judges: Mapping[str, Judge], tmp_path: Path) -> Callable[..., Stand]:
    def made(makers: Mapping[str, Maker] | None = None, **more: object) -> Stand:
        settings = {"model": model, "judges": judges, "makers": makers or {"cfg": cfg}} | more
        return Stand(**({"folder": tmp_path} | settings))  # type: ignore[arg-type]

    return made


def test_a_cell_is_the_engines_own_pictures_read_by_both_judges(
    stand: Callable[..., Stand], model: Model, judges: Mapping[str, Judge]
) -> None:
    found = cell(stand(), CASE, Method("cfg 3", 3.0), seeds=range(5, 8), steps=2)
    asked = Request(prompt=CASE.prompt, negative=("scarf",), cfg=3.0, steps=2, seed=5, count=3)
    own = run(asked, model=model)
    assert found.passes.tolist() == [own.cost.passes] * 3 == [4] * 3
    for name, judge in judges.items():
        assert found.readings[name].present == pytest.approx(
            judge.read(own.images).present, abs=1e-5
        )
        last = judge.network.get_submodule("head.2" if name == "first" else "head")
        with torch.no_grad():
            logits = last(torch.from_numpy(found.features[name])).sigmoid().numpy()
        count = found.readings[name].present.shape[1]
        assert logits[:, -count:] == pytest.approx(found.readings[name].present, abs=1e-4)
    assert len(joined([found, found])) == 6


def test_reject_draws_again_where_the_detector_sees_it_and_pays_for_all(
    stand: Callable[..., Stand], judges: Mapping[str, Judge]
) -> None:
    """Judges that learned nothing see a thing in some pictures and not in others, or always."""
    plain = cell(stand(), CASE, NONE, seeds=range(4), steps=1)
    sees = next(
        name for name in ("logo", "text", "border", "noise", "neon", "hat", "bee", "clutter")
        if seen_in(plain, "first", (name,)).all()
    )  # fmt: skip
    asked = replace(CASE, targets=(sees,))
    method = Method("reject", 2.0, negative=False, tries=TRIES)
    found = cell(stand(), asked, method, seeds=range(4), steps=1)
    further = cell(stand(), CASE, NONE, seeds=range(STRIDE, STRIDE + 4), steps=1)
    seen = seen_in(further, "first", (sees,))
    assert found.passes.min() >= 2 * plain.passes[0]
    kept = ~seen
    assert found.colours[kept] == pytest.approx(further.colours[kept])
    assert (
        cell(stand(), replace(CASE, targets=()), method, seeds=range(4), steps=1).passes.max() == 2
    )


def test_a_users_rule_draws_other_pictures_and_is_kept_under_its_text(
    stand: Callable[..., Stand],
) -> None:
    ours = stand({"cfg": cfg, "mine": backwards})
    found = [
        cell(ours, CASE, Method(name, 2.0, rule=name), seeds=range(2), steps=1)
        for name in ("cfg", "mine")
    ]
    assert not np.allclose(found[0].colours, found[1].colours)
    assert mark(backwards) != mark(cfg)
    push = pushed(ours, CASE, Method("mine", 2.0, rule="mine"), seeds=range(2), steps=1)
    again = pushed(ours, CASE, Method("mine", 2.0, rule="mine"), seeds=range(2), steps=1)
    assert push == again
    assert push.scale == pytest.approx(2 * push.toward - 1, abs=1e-3)


def test_the_whole_table_after_an_interruption(stand: Callable[..., Stand], tmp_path: Path) -> None:
    suite = Suite(name="screening", steps=1, seeds=1, own=(CASE, replace(CASE, negative="hat")))
    makers: dict[str, Maker] = {"cfg": cfg, "mine:backwards": backwards}
    counted: list[int] = []

    def stop(count: int) -> None:
        counted.append(count)
        if len(counted) == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench(stand(makers, on_images=stop, folder=tmp_path), suite, "bench-v1-x")
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.npz")}
    assert len(kept) >= 9
    whole = bench(stand(makers, folder=tmp_path), suite, "bench-v1-x")
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())
    (tmp_path / "other").mkdir()
    fresh = bench(stand(makers, folder=tmp_path / "other"), suite, "bench-v1-x")
    assert written.dumped(fresh) == written.dumped(whole)
    _is_a_whole_report(whole)


def _is_a_whole_report(report: Report) -> None:
    (table,) = report.tables
    names = [line.name for line in table.lines]
    assert names == [WORLD, "no negative", "cfg 2", "cfg 4", "cfg 7", "reject", "antonym",
                     "mine:backwards", "matched to cfg 2", "matched to mine:backwards"]  # fmt: skip
    data = written.to_json(report)
    (arm,) = data["arms"]
    assert [row["name"] for row in arm["rows"]] == names
    assert set(arm["rows"][2]["figures"]["subject"]) == {"first", "second"}
    assert set(arm["rows"][2]["figures"]["subject"]["first"]) == {"rate", "lo", "hi", "n"}
    rows = written.to_csv(report).splitlines()
    assert rows[0] == (
        "id,suite,arm,method,metric,judge,rate,lo,hi,n,disputed,"
        "beside,difference,difference_lo,difference_hi,p,opposed"
    )
    assert any(row.startswith("bench-v1-x,screening,own,antonym,subject,second,") for row in rows)
    page = written.markdown(report)
    assert "## own" in page
    assert page.count("| mine:backwards |") == 4
    assert page.count("By the second judge") == 1
    assert page.count("Beside cfg 2, on the same prompts and seeds, by the second judge") == 1
    _is_tested(table, arm)


def _is_tested(table: Table, arm: Mapping[str, Any]) -> None:
    """Every row but the world's and plain guidance's stands beside plain guidance."""
    assert arm["beside"] == table.plain == "cfg 2"
    tested = [row["name"] for row in arm["rows"] if row["beside"]]
    assert tested == [row["name"] for row in arm["rows"] if row["name"] not in (WORLD, "cfg 2")]
    for line in table.lines[1:]:
        for metric, test in line.tests.get("first", {}).items():
            own, plain = (one.by["first"][metric] for one in (line, table.lines[2]))
            assert own is not None
            assert plain is not None
            assert test.difference.rate == pytest.approx(own.interval.rate - plain.interval.rate)
            assert 0 < test.p <= 1


def test_a_damaged_file_is_made_again(stand: Callable[..., Stand], tmp_path: Path) -> None:
    first = cell(stand(), CASE, NONE, seeds=range(2), steps=1)
    (file,) = tmp_path.glob("*.npz")
    file.write_bytes(file.read_bytes()[:200])
    again = cell(stand(), CASE, NONE, seeds=range(2), steps=1)
    assert again.colours == pytest.approx(first.colours)


def test_the_identity_is_another_for_other_weights_judges_and_worlds(
    model: Model, judges: Mapping[str, Judge], monkeypatch: pytest.MonkeyPatch
) -> None:
    same = identity(model, judges)
    assert same.startswith("bench-v1-")
    assert identity(Model(tiny_sd(), "tiny", SD1), judges) == same
    others = {
        identity(Model(tiny_sd(seed=1), "tiny", SD1), judges),
        identity(model, {"first": judges["first"], "second": Judge(MixingJudge().eval())}),
    }
    target.world_mark.cache_clear()
    monkeypatch.setattr(
        target, "render", lambda scene: np.full((8, 8, 3), scene.seed % 7, np.uint8)
    )
    others.add(identity(model, judges))
    target.world_mark.cache_clear()
    assert len({same, *others}) == 4


def test_pictures_are_counted_beforehand(stand: Callable[..., Stand], tmp_path: Path) -> None:
    counted: list[int] = []
    suite = Suite(name="screening", steps=1, seeds=2, own=(CASE,))
    bench(stand(on_images=counted.append), replace(suite, own=(replace(CASE, targets=()),)), "x")
    assert sum(counted) == pictures(suite, 0)[0]
