"""The bench's figures on the world's own scenes, where every answer is known: no model, no judge.

A picture is what an errorless judge would say of a scene, and its features are the scene's own
factors with a little noise.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from negprompt.measure.protocol.cases import ARMS, Case
from negprompt.measure.protocol.figures import METRICS, Columns, Figure, differ, figures
from negprompt.measure.protocol.pictures import Pictures
from negprompt.measure.protocol.target import scenes
from negprompt.measure.statistics import Interval
from negprompt.world.factors import BINARY
from negprompt.world.judge import CLASSES, Reading
from negprompt.world.scenes import Scene, sample

N = 24


def seen(drawn: Sequence[Scene], passes: int = 50) -> Pictures:
    """What an errorless judge says of scenes."""
    classes = {
        factor: np.array(
            [[getattr(s, factor) == name for name in names] for s in drawn], np.float32
        )
        for factor, names in CLASSES.items()
    }
    present = np.array([[name in s.present for name in BINARY] for s in drawn], np.float32)
    noise = np.random.default_rng(drawn[0].seed).normal(0, 0.1, (len(drawn), 60))
    features = np.concatenate([*classes.values(), present], 1)
    features = features + noise[:, : features.shape[1]]
    return Pictures(
        {"first": Reading(classes, present)}, {"first": features},
        np.full(len(drawn), 0.25), np.tile(present[:, :12], 36), np.full(len(drawn), passes),
    )  # fmt: skip


def without(drawn: Sequence[Scene], case: Case, *, share: float, passes: int = 50) -> Pictures:
    """The same scenes, what the case names taken out of a share of them, nothing else changed."""
    coins = np.random.default_rng((5, drawn[0].seed)).random(len(drawn)) < share
    kept = [
        replace(s, present=s.present - set(case.targets)) if coin else s
        for s, coin in zip(drawn, coins, strict=True)
    ]
    return seen(kept, passes)


@pytest.fixture(scope="module")
def cases() -> tuple[Case, ...]:
    """Twelve prompts with a bias that judges can be believed on."""
    every = ARMS["bias"].cases(60, finals=True)
    return tuple(case for case in every if case.targets == ("logo",))[:12]


@pytest.fixture(scope="module")
def base(cases: tuple[Case, ...]) -> list[list[Scene]]:
    """What the model draws without a negative: the world as it is."""
    return [[sample(1000 * k + i, **case.pins) for i in range(N)] for k, case in enumerate(cases)]


def columns(cases: tuple[Case, ...], base: list[list[Scene]], these: list[Pictures]) -> Columns:
    truth = [seen(scenes(case, N, 500_000 + 10_000 * k)) for k, case in enumerate(cases)]
    return Columns(cases, these, [seen(one) for one in base], truth)


def rates(found: dict[str, Figure | None]) -> dict[str, float | None]:
    return {k: None if f is None else f.interval.rate for k, f in found.items()}


def test_a_negative_that_cures_some_and_changes_nothing_else(
    cases: tuple[Case, ...], base: list[list[Scene]]
) -> None:
    pairs = list(zip(cases, base, strict=True))
    these = [without(drawn, case, share=0.75) for case, drawn in pairs]
    found = rates(figures(columns(cases, base, these), "first"))
    assert list(found) == list(METRICS)
    logos = np.mean([["logo" in s.present for s in drawn] for drawn in base])
    assert found["cured"] == pytest.approx(0.75, abs=0.07)
    assert found["avoided"] == pytest.approx(1 - logos * (1 - 0.75), abs=0.05)
    assert found["induced"] == found["collateral"] == 0
    assert found["subject"] == found["colour"] == found["place"] == 1
    assert found["saturated"] == 0.25
    assert found["passes"] == 50
    assert found["passes per success"] == pytest.approx(50 / (found["avoided"] or 0))


def test_fidelity_is_the_distance_to_what_the_world_draws_without_it(
    cases: tuple[Case, ...], base: list[list[Scene]]
) -> None:
    """From nothing done, over half cured, to the world's own: nearer each time."""
    again = [seen(scenes(case, N, 900_000 + 10_000 * k)) for k, case in enumerate(cases)]
    arms = [
        [without(drawn, case, share=share) for case, drawn in zip(cases, base, strict=True)]
        for share in (0.0, 0.5, 1.0)
    ]
    far = [_far(columns(cases, base, these)) for these in (*arms, again)]
    assert far[0].rate > far[1].rate > far[2].rate
    assert far[3].rate < far[1].rate
    bleak = [seen([replace(s, style="sketch", place="studio") for s in drawn]) for drawn in base]
    assert _far(columns(cases, base, bleak)).lo > far[3].hi


def _far(found: Columns) -> Interval:
    figure = figures(found, "first")["fidelity"]
    assert figure is not None
    return figure.interval


def test_harm_is_seen_where_nothing_was_to_do(
    cases: tuple[Case, ...], base: list[list[Scene]]
) -> None:
    """Among clean pairs every other factor that changed counts, and nothing of the others does."""

    def harmed(scene: Scene) -> Scene:
        if "logo" in scene.present:
            return replace(scene, place="room")
        colour = "red" if scene.colour == "white" else "white"
        return replace(scene, colour=colour, present=scene.present | {"logo"})

    these = [seen([harmed(scene) for scene in drawn]) for drawn in base]
    found = rates(figures(columns(cases, base, these), "first"))
    other = len(CLASSES) + len(BINARY) - 1
    assert found["collateral"] == pytest.approx(1 / other)
    assert found["induced"] == 1
    assert found["cured"] == found["avoided"] == 0
    assert found["passes per success"] == np.inf


def test_what_no_headline_may_hold_is_in_no_figure_of_avoidance(base: list[list[Scene]]) -> None:
    case = next(c for c in ARMS["bias"].cases(40, finals=True) if not c.measurable)
    drawn = [sample(k, **case.pins) for k in range(N)]
    found = figures(columns((case,), [drawn], [seen(drawn)]), "first")
    assert found["avoided"] is found["cured"] is found["passes per success"] is None
    assert found["subject"] is not None


def test_prompts_are_what_intervals_count(cases: tuple[Case, ...], base: list[list[Scene]]) -> None:
    """All pictures of half of the prompts cured: as sure as twelve prompts, not 288 pictures."""
    pairs = list(enumerate(zip(cases, base, strict=True)))
    these = [without(drawn, case, share=float(k % 2)) for k, (case, drawn) in pairs]
    found = figures(columns(cases, base, these), "first")["cured"]
    assert found is not None
    assert found.interval.hi - found.interval.lo > 0.4


def test_judges_differ_where_one_is_outside_of_the_others_interval() -> None:
    one = Figure(Interval(0.5, 0.4, 0.6), 100)
    assert differ(one, Figure(Interval(0.7, 0.5, 0.9), 100))
    assert not differ(one, Figure(Interval(0.58, 0.5, 0.9), 100))
    assert not differ(one, None)
