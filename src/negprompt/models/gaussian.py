"""An exact denoiser: where the data are Gaussians, the best prediction is known in closed form.

The oracle for everything above it. A mixture of Gaussians of one deviation has an exact denoiser;
for single Gaussians guidance has an exact answer too: composed classifier-free guidance of
``N(p, σ²)`` against ``N(nᵢ, σ²)`` is the denoiser of ``N(p + (s − 1)·Σ wᵢ(p − nᵢ)/Σ wᵢ, σ²)``, so
every sample has a known end point. It has the shape of a diffusers denoiser, and its prompts are
means: ``encoder_hidden_states [b, t, d]`` is a mixture of ``t`` Gaussians in ``d`` dimensions.
"""

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

Kind = Literal["epsilon", "v_prediction", "sample"]


def denoise(x: Tensor, alpha: float, means: Tensor, deviation: float) -> Tensor:
    """``E[x0 | x]`` for ``x = √ᾱ·x0 + √(1 − ᾱ)·ε`` and ``x0`` from a mixture.

    With ``v = ᾱσ² + 1 − ᾱ`` and responsibilities ``r_k ∝ exp(−‖x − √ᾱ μ_k‖² / 2v)`` it is
    ``Σ r_k [μ_k + (√ᾱ σ² / v)(x − √ᾱ μ_k)]``; at ᾱ = 0 the mean of the mixture.
    ``x [b, d]``, ``means [b, t, d]``, all components equally likely; returns ``[b, d]``.
    """
    root = math.sqrt(alpha)
    variance = alpha * deviation**2 + 1 - alpha
    rest = x[:, None] - root * means  # [b, t, d]
    share = torch.softmax(-rest.square().sum(-1, keepdim=True) / (2 * variance), dim=1)
    each = means + (root * deviation**2 / variance) * rest
    return (share * each).sum(1)


def end_point(x_T: Tensor, alpha_T: float, mean: Tensor, deviation: float) -> Tensor:
    """Where the probability-flow ODE takes ``x_T`` for one Gaussian: the exact sample.

    ``μ + σ (x_T − √ᾱ_T μ) / √(ᾱ_T σ² + 1 − ᾱ_T)``; Song et al. 2020, arXiv:2011.13456, section 4.3.
    """
    variance = alpha_T * deviation**2 + 1 - alpha_T
    return mean + deviation * (x_T - math.sqrt(alpha_T) * mean) / math.sqrt(variance)


def guided_mean(
    positive: Tensor, negatives: Sequence[Tensor], weights: Sequence[float], scale: float
) -> Tensor:
    """Mean of the Gaussian whose denoiser composed guidance is; see the module's docstring."""
    pairs = zip(weights, negatives, strict=True)
    push = torch.stack([w * (positive - n) for w, n in pairs]).sum(0) / sum(weights)
    return positive + (scale - 1) * push


class GaussianDenoiser(nn.Module):
    """The exact denoiser in the shape of a diffusers U-Net.

    ``alphas_cumprod`` is the schedule's table, ``kind`` what it predicts.
    """

    def __init__(self, alphas_cumprod: Tensor, deviation: float, kind: Kind = "epsilon") -> None:
        super().__init__()
        self.table = [float(alpha) for alpha in alphas_cumprod]
        self.deviation = deviation
        self.kind = kind

    def forward(
        self,
        sample: Tensor,
        timestep: Any,
        encoder_hidden_states: Tensor,
        return_dict: bool = True,  # noqa: FBT001, FBT002 - the signature of diffusers
    ) -> Any:
        """Predict for ``sample [b, ...]`` with ``d`` numbers per row; a tuple of one tensor."""
        alpha = self.table[int(torch.as_tensor(timestep).flatten()[0])]
        x = sample.flatten(1)
        x0 = denoise(x, alpha, encoder_hidden_states, self.deviation)
        a, b = math.sqrt(alpha), math.sqrt(1 - alpha)
        if self.kind == "sample":
            out = x0
        elif self.kind == "epsilon":
            out = (x - a * x0) / b
        else:
            out = (a * x - x0) / b
        return (out.reshape(sample.shape),)
