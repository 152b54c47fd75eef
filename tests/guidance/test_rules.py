"""Laws of the rules, for any predictions, scale and weights."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from negprompt.errors import RequestError
from negprompt.guidance.rules import Branches, Needs, Step, cfg
from negprompt.guidance.wrappers import rescale

STEP = Step(index=0, total=1, log_snr=0.0)
scales = st.floats(1, 20)
weights = st.lists(st.floats(0.1, 5), min_size=1, max_size=4)
seeds = st.integers(0, 10_000)


def predictions(seed: int, count: int) -> list[Tensor]:
    source = torch.Generator().manual_seed(seed)
    return [torch.randn(2, 3, 4, generator=source, dtype=torch.float64) for _ in range(count)]


@given(scales, weights, seeds)
def test_agreement(scale: float, weights: list[float], seed: int) -> None:
    (p,) = predictions(seed, 1)
    guided, _ = cfg(scale, weights=weights)(Branches(p, (p,) * len(weights)), STEP)
    assert torch.equal(guided, p)


@given(weights, seeds)
def test_unit_scale(weights: list[float], seed: int) -> None:
    p, *negatives = predictions(seed, 1 + len(weights))
    rule = cfg(1.0, weights=weights)
    assert rule.needs(STEP, None) == Needs()
    assert rule(Branches(p), STEP)[0] is p
    assert rule(Branches(p, tuple(negatives)), STEP)[0] is p


@given(scales, weights, seeds)
def test_order_does_not_matter(scale: float, weights: list[float], seed: int) -> None:
    p, *negatives = predictions(seed, 1 + len(weights))
    pairs = list(zip(weights, negatives, strict=True))
    mixed = sorted(pairs, key=lambda pair: math.sin(1000 * pair[0]))
    one, _ = cfg(scale, weights=weights)(Branches(p, tuple(negatives)), STEP)
    two, _ = cfg(scale, weights=[w for w, _ in mixed])(
        Branches(p, tuple(n for _, n in mixed)), STEP
    )
    assert torch.allclose(one, two, rtol=1e-12, atol=1e-10)


@given(st.floats(1.01, 20), st.floats(0.1, 5), seeds)
def test_one_negative(scale: float, weight: float, seed: int) -> None:
    p, n = predictions(seed, 2)
    guided, _ = cfg(scale, weights=[weight])(Branches(p, (n,)), STEP)
    assert torch.equal(guided, n + scale * (p - n))


@given(scales, weights, seeds)
def test_the_formula(scale: float, weights: list[float], seed: int) -> None:
    p, *negatives = predictions(seed, 1 + len(weights))
    pairs = zip(weights, negatives, strict=True)
    push = torch.stack([w * (p - n) for w, n in pairs]).sum(0) / sum(weights)
    guided, _ = cfg(scale, weights=weights)(Branches(p, tuple(negatives)), STEP)
    assert torch.allclose(guided, p + (scale - 1) * push, rtol=1e-12, atol=1e-10)


@given(scales, seeds)
def test_the_same_negative_twice_is_that_negative(scale: float, seed: int) -> None:
    p, n = predictions(seed, 2)
    one, _ = cfg(scale)(Branches(p, (n,)), STEP)
    two, _ = cfg(scale, weights=[1, 3])(Branches(p, (n, n)), STEP)
    assert torch.allclose(one, two, rtol=1e-12, atol=1e-10)


@given(scales, st.floats(0, 1), seeds)
def test_rescale_is_diffusers(scale: float, phi: float, seed: int) -> None:
    from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import rescale_noise_cfg

    p, n = predictions(seed, 2)
    guided, _ = rescale(cfg(scale), phi)(Branches(p, (n,)), STEP)
    wanted = rescale_noise_cfg(n + scale * (p - n), p, guidance_rescale=phi)
    assert torch.allclose(guided, wanted, rtol=1e-9)


@given(st.floats(0, 1), seeds)
def test_rescale_leaves_what_is_not_guided(phi: float, seed: int) -> None:
    (p,) = predictions(seed, 1)
    assert torch.equal(rescale(cfg(1), phi)(Branches(p), STEP)[0], p)
    assert torch.equal(rescale(cfg(7), phi)(Branches(p, (p,)), STEP)[0], p)


def test_a_rule_asks_for_every_negative_and_says_how_it_was_made() -> None:
    rule = rescale(cfg(4, weights=(1, 2)), 0.7)
    assert rule.needs(STEP, None) == Needs(negatives=(0, 1))
    assert (rule.name, rule.settings["scale"], rule.settings["rescale"]) == ("cfg", 4, 0.7)
    assert rescale(rule, 0) is rule


@pytest.mark.parametrize("scale", [math.nan, math.inf, -math.inf])
def test_a_scale_is_finite(scale: float) -> None:
    with pytest.raises(RequestError, match="scale is"):
        cfg(scale)


@pytest.mark.parametrize("weights", [(), (0,), (1, -1), (math.nan,), (math.inf, 1)])
def test_weights_have_a_sum_above_zero(weights: tuple[float, ...]) -> None:
    with pytest.raises(RequestError) as caught:
        cfg(4, weights=weights)
    assert caught.value.code == "negative-weight-invalid"


@pytest.mark.parametrize("phi", [-0.1, 1.1, math.nan])
def test_rescale_is_a_share(phi: float) -> None:
    with pytest.raises(RequestError, match="rescale is"):
        rescale(cfg(4), phi)
