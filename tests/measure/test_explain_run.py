"""Explaining on tiny random pipelines, and on the oracle where the strengths are known."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.tiny_models import tiny_sd, tiny_sdxl, zero_snr

from negprompt.encoding.types import Encoded
from negprompt.engine import Request, run
from negprompt.errors import RequestError
from negprompt.guidance.hook import Seen
from negprompt.guidance.rules import Branches, Step
from negprompt.measure.explain import Explanation, explain, page, save, to_json
from negprompt.measure.explain.watch import Look, Questions, Watch
from negprompt.models.families import family_of
from negprompt.models.gaussian import denoise
from negprompt.models.load import Model
from negprompt.trace.events import Stepped

ASKED = Request(
    prompt="a red cat on a beach", negative=("scarf, (blurry:1.3)",), cfg=4.0, steps=4, count=2
)


@pytest.fixture(scope="module")
def model() -> Model:
    """A velocity model at zero terminal SNR; the pocket model's name gives it a target."""
    pipe = tiny_sd(schedule=zero_snr())
    return Model(pipe, "pocket", family_of(pipe))


@pytest.fixture(scope="module")
def found(model: Model) -> Explanation:
    return explain(ASKED, model=model)


def test_the_steps_are_those_of_the_trace(model: Model, found: Explanation) -> None:
    made = run(ASKED, model=model)
    stepped = [event for event in made.trace if isinstance(event, Stepped)]
    for step in found.steps:
        here = [event for event in stepped if event.index == step.index]
        assert step.log_snr == here[0].log_snr
        pushes = [event.norm_guided_minus_positive for event in here]
        assert step.push == pytest.approx(np.mean(pushes), rel=1e-4)
        assert step.cosine == pytest.approx(np.mean([event.cosine for event in here]), rel=1e-4)
    assert found.steps[0].log_snr == -20
    assert [list(np.asarray(i).flat) for i in found.images] == [
        list(np.asarray(i).flat) for i in made.images
    ]


def test_a_term_is_compared_with_the_run_without_it(model: Model, found: Explanation) -> None:
    scarf, blurry = found.terms
    assert (blurry.text, blurry.weight, blurry.branch) == ("blurry", 1.3, 0)
    assert "".join(text for text, _ in scarf.tokens) == "scarf"
    assert {weight for _, weight in blurry.tokens} == {1.3}
    lacking = run(replace(ASKED, negative=("scarf",)), model=model)
    pairs = zip(found.images, lacking.images, strict=True)
    change = np.mean([np.abs(np.asarray(a, float) - np.asarray(b, float)).mean() for a, b in pairs])
    assert blurry.image_change == pytest.approx(change)
    assert scarf.acted.shape == (16, 16)
    assert scarf.changed.shape == (32, 32)
    assert 0 < scarf.area < 1
    assert scarf.outside is not None


def test_the_only_term_is_the_whole_negative(model: Model) -> None:
    alone = explain(replace(ASKED, negative=("scarf",)), model=model)
    (term,) = alone.terms
    assert term.image_change == alone.image_change
    for step in alone.steps:
        assert step.terms == (step.turned,)
    assert alone.baseline.by_terms[-1] == pytest.approx(alone.baseline.point("guided").to_target)  # type: ignore[union-attr]


def test_the_points_lie_where_guidance_puts_them(found: Explanation) -> None:
    baseline = found.baseline
    at = {point.name: point for point in baseline.points}
    assert list(at) == [
        "unconditioned", "conditioned", "negative", "guided without", "guided", "target",
    ]  # fmt: skip
    assert (at["conditioned"].x, at["guided without"].x) == pytest.approx((1, 4), abs=1e-3)
    p, n, g = at["conditioned"], at["negative"], at["guided"]
    assert (g.x, g.y) == pytest.approx((4 * p.x - 3 * n.x, 4 * p.y - 3 * n.y), abs=1e-3)
    assert max(point.off for name, point in at.items() if name != "target") < 1e-3
    assert baseline.by_scale[4] == pytest.approx(g.to_target, rel=1e-3)
    assert baseline.by_scale_without[4] == pytest.approx(at["guided without"].to_target, rel=1e-3)
    assert baseline.by_terms[0] == pytest.approx(at["guided without"].to_target, rel=1e-3)
    assert baseline.by_terms[-1] == pytest.approx(g.to_target, rel=1e-3)
    assert baseline.target is not None
    assert baseline.target.caption.endswith("sharp, bare neck")
    assert {point.picture.size for point in baseline.points} == {(32, 32)}


def test_other_models_have_no_target() -> None:
    pipe = tiny_sdxl()
    progress: list[tuple[int, int]] = []
    asked = replace(
        ASKED, negative=("scarf, blurry", "noise"), negative_weights=(2.0, 1.0), count=1
    )
    other = explain(
        asked,
        model=Model(pipe, "tiny", family_of(pipe)),
        on_step=lambda done, total: progress.append((done, total)),
    )
    baseline = other.baseline
    assert (baseline.target, baseline.nearest, baseline.by_scale, baseline.by_terms) == (
        None, None, (), (),
    )  # fmt: skip
    assert {point.to_target for point in baseline.points} == {None}
    one, two = baseline.point("negative 1"), baseline.point("negative 2")
    mean = baseline.point("negative")
    assert one is not None
    assert two is not None
    assert mean is not None
    assert mean.x == pytest.approx((2 * one.x + two.x) / 3, abs=1e-3)
    assert [meaning.text for meaning in other.meaning] == ["scarf, blurry", "noise"]
    assert progress == [(i, progress[-1][1]) for i in range(1, len(progress) + 1)]
    assert progress[-1][0] == progress[-1][1]
    assert other.cost.passes_per_step == 3
    assert "4 passes more" in other.verdict.cost


def test_at_scale_one_there_is_no_push_and_yet_a_picture(model: Model) -> None:
    idle = explain(replace(ASKED, cfg=1.0), model=model)
    assert [term.share for term in idle.terms] == [0, 0]
    assert idle.image_change == 0
    assert idle.verdict.leverage.startswith("none")
    assert [notice.code for notice in idle.notices if notice.code == "scale-one"]
    assert idle.baseline.turn is not None


@pytest.mark.parametrize("negative", ["", "a red cat on a beach"])
def test_negatives_that_leave_no_arrow_or_no_turn(model: Model, negative: str) -> None:
    idle = explain(replace(ASKED, negative=(negative,)), model=model)
    assert json.dumps(to_json(idle), allow_nan=False)
    assert idle.baseline.turn in (None, pytest.approx(0, abs=1e-2))


@pytest.fixture
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sheets of few pixels, drawn in a moment."""
    monkeypatch.setattr(page, "DPI", 20)


@pytest.mark.usefixtures("coarse")
def test_files_are_written_and_none_is_replaced(found: Explanation, tmp_path: Path) -> None:
    first, second = save(found, tmp_path), save(found, tmp_path)
    assert [path.name for path in first] == ["explain.png", "baseline.png", "explain.json"]
    assert [path.name for path in second] == ["explain-1.png", "baseline-1.png", "explain-1.json"]
    for path in first[:2]:
        with Image.open(path) as picture:
            assert picture.width > 200
    numbers = json.loads(first[2].read_text("utf-8"))
    assert numbers["verdict"].keys() == {"leverage", "cost", "risk"}
    assert len(numbers["steps"][0]["terms"]) == len(numbers["terms"]) == 2
    assert len(numbers["baseline"]["points"]) == 6


@pytest.mark.usefixtures("coarse")
def test_a_sheet_of_hostile_text_is_drawn(model: Model, tmp_path: Path) -> None:
    text = "$x^2_$, 日本\N{RIGHT-TO-LEFT MARK}, " + "q" * 300
    odd = explain(replace(ASKED, negative=(text,), steps=1, count=1), model=model)
    assert save(odd, tmp_path)[0].stat().st_size > 0


@pytest.mark.parametrize(
    ("change", "code"),
    [({"count": 9}, "value-out-of-range"), ({"negative": None}, "negative-missing")],
)
def test_what_cannot_be_explained_is_told(
    model: Model, change: dict[str, int | None], code: str
) -> None:
    with pytest.raises(RequestError) as error:
        explain(replace(ASKED, **change), model=model)  # type: ignore[arg-type]
    assert error.value.code == code


def test_strengths_of_gaussians_are_known() -> None:
    alpha, deviation, width, scale = 0.3, 0.5, 9, 3.0
    shrunk = (1 - alpha) / (alpha * deviation**2 + 1 - alpha)
    generator = torch.Generator().manual_seed(1)
    null, positive, one, both = torch.randn(4, width, generator=generator)
    x = torch.randn(2, width, 1, 1, generator=generator)

    def predict(encoded: Encoded) -> torch.Tensor:
        means = encoded.embeds.expand(2, 1, width)
        return denoise(x.flatten(1), alpha, means, deviation).reshape(x.shape)

    mean = {
        name: Encoded(value[None, None], None)
        for name, value in {"one": one, "one, two": both}.items()
    }
    p, n = predict(Encoded(positive[None, None], None)), predict(mean["one, two"])
    questions = Questions(
        full=(("one, two", 1.0),),
        without=((), (("one", 1.0),)),
        growing=((), (("one", 1.0),), (("one, two", 1.0),)),
        null=Encoded(null[None, None], None),
        encoded=mean,
        target=None,
        at=0,
    )
    seen = Seen(
        step=Step(0, 1, -1.0),
        sample=x,
        branches=Branches(p, (n,)),
        guided=n + scale * (p - n),
        passes=2,
        predict=predict,
        clean=lambda prediction: prediction,
        picture=lambda prediction: prediction,
    )
    request = Request(prompt="", cfg=scale)
    watch, look = Watch(request, questions), Look(request, questions)
    watch(seen)
    look(replace(seen, branches=Branches(p), guided=p, passes=1))
    (step,) = watch.steps
    assert step.apart == pytest.approx(shrunk * float((positive - both).norm()), rel=1e-4)
    assert step.push == pytest.approx((scale - 1) * step.apart, rel=1e-4)
    assert step.turned == pytest.approx(
        (scale - 1) * shrunk * float((null - both).norm()), rel=1e-4
    )
    assert step.terms[0] == pytest.approx(step.turned, rel=1e-4)
    assert step.terms[1] == pytest.approx(
        (scale - 1) * shrunk * float((one - both).norm()), rel=1e-4
    )
    torch.testing.assert_close(look.growing[2], seen.guided)
    torch.testing.assert_close(look.points["guided"], seen.guided)
    torch.testing.assert_close(look.growing[0], look.points["guided without"])
