"""Where a model call stands: steps counted anew for each run, numbers that stay finite."""

import math

import pytest
import torch
from diffusers import HeunDiscreteScheduler, PNDMScheduler
from tests.tiny_models import scheduler, zero_snr

from negprompt.guidance.schedule import Clock, alpha_bar, clean, log_snr


def test_steps_are_counted_anew_when_the_timesteps_are_set_anew() -> None:
    schedule = scheduler()
    clock = Clock(lambda: schedule)
    for _ in range(2):
        schedule.set_timesteps(3)
        steps = [clock.tick(float(t)) for t in schedule.timesteps]
        assert [(s.index, s.total, s.stage) for s in steps] == [(0, 3, 1), (1, 3, 1), (2, 3, 1)]
        assert [s.log_snr for s in steps] == sorted(s.log_snr for s in steps)


def test_a_run_that_starts_late_has_fewer_steps() -> None:
    schedule = scheduler()
    schedule.set_timesteps(10)
    clock = Clock(lambda: schedule)
    steps = [clock.tick(float(t)) for t in schedule.timesteps[6:]]
    assert [(s.index, s.total) for s in steps] == [(0, 4), (1, 4), (2, 4), (3, 4)]


def test_a_second_order_solver_has_two_stages_a_step() -> None:
    schedule = HeunDiscreteScheduler()
    schedule.set_timesteps(3)
    clock = Clock(lambda: schedule)
    steps = [clock.tick(float(t)) for t in schedule.timesteps]
    assert [(s.index, s.stage) for s in steps] == [(0, 1), (0, 2), (1, 1), (1, 2), (2, 1)]
    assert {s.total for s in steps} == {3}


def test_a_timestep_that_comes_twice_is_no_new_run() -> None:
    schedule = PNDMScheduler(skip_prk_steps=True)
    schedule.set_timesteps(4)
    clock = Clock(lambda: schedule)
    steps = [clock.tick(float(t)) for t in schedule.timesteps]
    assert [s.index for s in steps] == [0, 1, 2, 3, 4]


def test_the_first_step_of_a_zero_snr_schedule_is_finite() -> None:
    schedule = zero_snr()
    schedule.set_timesteps(5)
    assert float(schedule.alphas_cumprod[-1]) == 0
    first = Clock(lambda: schedule).tick(float(schedule.timesteps[0]))
    assert first.log_snr == -20


def test_alpha_between_two_timesteps_lies_between_theirs() -> None:
    schedule = scheduler()
    low, middle, high = (alpha_bar(schedule, t) for t in (500, 500.5, 501))
    assert low > middle > high
    assert alpha_bar(schedule, 500) == float(schedule.alphas_cumprod[500])


@pytest.mark.parametrize(("alpha", "value"), [(0.0, -20.0), (1.0, 20.0), (0.5, 0.0)])
def test_log_snr(alpha: float, value: float) -> None:
    assert log_snr(alpha) == value


@pytest.mark.parametrize("alpha", [0.999, 0.5, 0.01])
def test_the_clean_sample_comes_back_from_every_kind_of_prediction(alpha: float) -> None:
    x0, noise = torch.randn(2, 2, 4, 8, 8, dtype=torch.float64)
    a, b = math.sqrt(alpha), math.sqrt(1 - alpha)
    x = a * x0 + b * noise
    kinds = {"epsilon": noise, "v_prediction": a * noise - b * x0, "sample": x0}
    for kind, prediction in kinds.items():
        assert torch.allclose(clean(prediction, x, alpha, kind), x0, atol=1e-9)


def test_an_unknown_kind_is_a_bug() -> None:
    with pytest.raises(ValueError, match="flow"):
        clean(torch.zeros(1), torch.zeros(1), 0.5, "flow")
