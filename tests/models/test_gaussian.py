"""The oracle, and the whole guided line against it: what every sample must be is known."""

import math
from dataclasses import dataclass
from inspect import signature
from typing import Any

import pytest
import torch
from diffusers import HeunDiscreteScheduler, LMSDiscreteScheduler
from hypothesis import given
from hypothesis import strategies as st
from tests.tiny_models import scheduler, zero_snr
from torch import Tensor

from negprompt.encoding.types import Encoded
from negprompt.guidance.attaching import attached
from negprompt.guidance.hook import Bank, Seam
from negprompt.guidance.rules import Branches, Step, cfg
from negprompt.guidance.schedule import Clock
from negprompt.models.gaussian import (
    GaussianDenoiser,
    Kind,
    denoise,
    end_point,
    guided_mean,
)
from negprompt.models.schedulers import SCHEDULERS, build

DEVIATION = 0.3
SHAPE = (1, 2, 2)
STEP = Step(index=0, total=1, log_snr=0.0)


def means(*seeds: int) -> list[Tensor]:
    return [
        torch.randn(1, 1, 4, generator=torch.Generator().manual_seed(s), dtype=torch.float64)
        for s in seeds
    ]


@given(st.floats(0, 0.999), st.integers(0, 1000))
def test_one_gaussian_is_linear(alpha: float, seed: int) -> None:
    (mean,) = means(seed)
    x = torch.randn(3, 4, dtype=torch.float64)
    gain = math.sqrt(alpha) * DEVIATION**2 / (alpha * DEVIATION**2 + 1 - alpha)
    wanted = mean[0] + gain * (x - math.sqrt(alpha) * mean[0])
    assert torch.allclose(denoise(x, alpha, mean.expand(3, 1, 4), DEVIATION), wanted)


@pytest.mark.parametrize("alpha", [0.1, 0.5, 0.9])
def test_a_mixtures_denoiser_is_the_mean_of_what_was_noised(alpha: float) -> None:
    source = torch.Generator().manual_seed(0)
    centres = torch.tensor([[-1.0], [2.0]])
    x0 = centres[torch.randint(2, (400_000,), generator=source)]
    x0 = x0 + DEVIATION * torch.randn(x0.shape, generator=source)
    x = math.sqrt(alpha) * x0 + math.sqrt(1 - alpha) * torch.randn(x0.shape, generator=source)
    for place in (-0.5, 0.2, 0.8):
        near = ((x - place).abs() < 0.1).squeeze()
        exact = denoise(x[near], alpha, centres.expand(int(near.sum()), 2, 1), DEVIATION)
        assert float(x0[near].mean()) == pytest.approx(float(exact.mean()), abs=0.04)


@given(
    st.floats(1, 10),
    st.lists(st.floats(0.2, 3), min_size=1, max_size=3),
    st.floats(0.001, 0.999),
    st.sampled_from(["epsilon", "v_prediction", "sample"]),
)
def test_composed_cfg_is_the_denoiser_of_one_gaussian(
    scale: float, weights: list[float], alpha: float, kind: Kind
) -> None:
    p, *negatives = means(*range(1 + len(weights)))
    model = GaussianDenoiser(torch.tensor([alpha], dtype=torch.float64), DEVIATION, kind)
    x = torch.randn(1, *SHAPE, dtype=torch.float64)
    branches = Branches(model(x, 0, p)[0], tuple(model(x, 0, n)[0] for n in negatives))
    guided, _ = cfg(scale, weights=weights)(branches, STEP)
    exact = model(x, 0, guided_mean(p, negatives, weights, scale))[0]
    assert torch.allclose(guided, exact, rtol=1e-9, atol=1e-8)


@dataclass(frozen=True)
class Sampled:
    start: Tensor
    end: Tensor
    passes: float
    """Rows per image in a model call."""


def sample(
    schedule: Any, kind: Kind, bank: list[Tensor], *, scale: float, steps: int, rows: int = 2
) -> Sampled:
    """Samples of the Gaussian model, guided through the seam."""
    weights = tuple(1.0 + i for i in range(len(bank) - 1))
    model = GaussianDenoiser(schedule.alphas_cumprod, DEVIATION, kind)
    seam = Seam(
        rule=lambda: cfg(scale, weights=weights),
        clock=Clock(lambda: schedule),
        bank=Bank(tuple(Encoded(n, None) for n in bank[1:])),
    )
    schedule.set_timesteps(steps)
    source = torch.Generator().manual_seed(5)
    start = torch.randn(rows, *SHAPE, generator=source, dtype=torch.float64)
    x = start * schedule.init_noise_sigma
    own = {"generator": source} if "generator" in signature(schedule.step).parameters else {}
    with attached(model, seam):
        for t in schedule.timesteps:
            scaled = schedule.scale_model_input(x, t)
            prediction = model(scaled, t, encoder_hidden_states=bank[0].expand(rows, 1, 4))[0]
            x = schedule.step(prediction, t, x, return_dict=False, **own)[0]
    return Sampled(start.flatten(1), x.flatten(1), seam.passes / seam.calls)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize("count", [1, 2])
def test_guided_samples_end_where_they_must(kind: Kind, count: int) -> None:
    bank = means(*range(1 + count))
    target = guided_mean(bank[0], bank[1:], [1.0 + i for i in range(count)], 3.0)[0]
    errors = []
    for steps in (25, 100):
        schedule = scheduler(prediction_type=kind, timestep_spacing="trailing")
        made = sample(schedule, kind, bank, scale=3.0, steps=steps)
        assert made.passes == 1 + count
        alpha = float(schedule.alphas_cumprod[-1])
        exact = end_point(made.start, alpha, target, DEVIATION)
        errors.append(float((made.end - exact).abs().max()))
    assert errors[1] < errors[0] / 2
    assert errors[1] < 0.05


def target_of(bank: list[Tensor]) -> Tensor:
    return guided_mean(bank[0], bank[1:], [1.0], 3.0)[0]


@pytest.mark.parametrize("name", ["ddim", "dpm++", "euler", "unipc"])
def test_a_deterministic_scheduler_ends_at_the_exact_sample(name: str) -> None:
    bank = means(0, 1)
    made = sample(build(name, zero_snr().config), "v_prediction", bank, scale=3.0, steps=100)
    exact = end_point(made.start, 0.0, target_of(bank), DEVIATION)
    assert float((made.end - exact).abs().max()) < 0.1


@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_scheduler_offered_honours_zero_snr(name: str) -> None:
    bank, schedule = means(0, 1), build(name, zero_snr().config)
    made = sample(schedule, "v_prediction", bank, scale=3.0, steps=100, rows=2000)
    assert float((made.end.mean(0) - target_of(bank)).abs().max()) < 0.02
    assert float(made.end.std(0).mean()) == pytest.approx(DEVIATION, rel=0.15)


@pytest.mark.parametrize("kind", [HeunDiscreteScheduler, LMSDiscreteScheduler])
def test_a_scheduler_that_is_refused_misses_the_mean(kind: Any) -> None:
    bank, schedule = means(0, 1), kind.from_config(zero_snr().config)
    made = sample(schedule, "v_prediction", bank, scale=3.0, steps=50, rows=2000)
    assert float((made.end.mean(0) - target_of(bank)).abs().max()) > 0.1


def test_scale_one_and_equal_conditions_take_one_pass_to_the_same_sample() -> None:
    p, n = means(0, 1)
    one = sample(scheduler(), "epsilon", [p, n], scale=1.0, steps=10)
    two = sample(scheduler(), "epsilon", [p, p], scale=7.0, steps=10)
    assert one.passes == two.passes == 1
    assert torch.equal(one.end, two.end)
