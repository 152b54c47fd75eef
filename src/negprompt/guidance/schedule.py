"""Where a model call stands on the noise schedule: timestep → step, ᾱ, log-SNR, clean sample.

It reads a diffusers scheduler and never changes it. What the denoiser sees is taken to be scaled to
unit variance, ``x = √ᾱ·x0 + √(1 − ᾱ)·ε``, as diffusers' ``scale_model_input`` leaves it; in flow
models it is ``x = (1 − σ)·x0 + σ·ε``, and ᾱ stands for the same ratio of signal to noise.
"""

import math
from collections.abc import Callable
from typing import Any

from torch import Tensor

from negprompt.guidance.rules import Step

LOG_SNR_BOUND = 20.0
"""log-SNR is clipped to ± this, since ᾱ is 0 at the first step of a zero-terminal-SNR schedule."""


FLOW = "flow_prediction"


class Clock:
    """Counts the model calls of one pipeline; a new run starts where the timesteps are set anew."""

    def __init__(self, scheduler: Callable[[], Any]) -> None:
        self._scheduler = scheduler
        self._timesteps: Any = None
        self._left: list[float] = []
        self._call = 0

    @property
    def scheduler(self) -> Any:
        """The scheduler that the pipeline uses now."""
        return self._scheduler()

    def tick(self, timestep: "Tensor | float") -> Step:
        """The step of the model call that is about to be made.

        ``timestep`` is read at the first call of a run only, since a GPU would be waited for.
        """
        scheduler = self.scheduler
        timesteps = scheduler.timesteps
        if timesteps is not self._timesteps:  # set_timesteps makes a new tensor
            every, first = timesteps.tolist(), float(timestep)
            apart = [abs(t - first) for t in every]  # 0 up to rounding
            self._timesteps, self._call = timesteps, 0
            self._left = every[apart.index(min(apart)) :]
        call, order = self._call, max(1, getattr(scheduler, "order", 1))
        self._call += 1
        return Step(
            index=call // order,
            total=math.ceil(len(self._left) / order),
            log_snr=log_snr(alpha_bar(scheduler, self._left[min(call, len(self._left) - 1)])),
            stage=1 + call % order,
        )


def alpha_bar(scheduler: Any, timestep: float) -> float:
    """ᾱ at a timestep, 0–1; between two timesteps interpolated on log-SNR.

    With σ = timestep / T in flow models: ``(1 − σ)² / ((1 − σ)² + σ²)``.
    """
    if prediction_type(scheduler) == FLOW:
        sigma = timestep / int(scheduler.config.num_train_timesteps)
        return (1 - sigma) ** 2 / ((1 - sigma) ** 2 + sigma**2)
    table = scheduler.alphas_cumprod
    low = min(max(math.floor(timestep), 0), len(table) - 1)
    high, part = min(low + 1, len(table) - 1), timestep - low
    if part <= 0:
        return float(table[low])
    between = (1 - part) * log_snr(float(table[low])) + part * log_snr(float(table[high]))
    return 1 / (1 + math.exp(-between))


def prediction_type(scheduler: Any) -> str:
    """What a scheduler takes predictions for; flow where it has no other."""
    return str(scheduler.config.get("prediction_type", FLOW))


def log_snr(alpha: float) -> float:
    """``log(ᾱ / (1 − ᾱ))``, clipped to ±20."""
    if alpha <= 0:
        return -LOG_SNR_BOUND
    if alpha >= 1:
        return LOG_SNR_BOUND
    return min(max(math.log(alpha / (1 - alpha)), -LOG_SNR_BOUND), LOG_SNR_BOUND)


def clean(prediction: Tensor, sample: Tensor, alpha: float, kind: str) -> Tensor:
    """The clean sample x0 that a prediction implies.

    ``kind`` is the scheduler's ``prediction_type``: ``epsilon``, ``v_prediction``, ``sample`` or
    ``flow_prediction``, which is ``ε − x0``, so that ``x0 = x − σ·(ε − x0)``.  Raises ValueError
    for another one.
    """
    a, b = math.sqrt(alpha), math.sqrt(1 - alpha)
    if kind == "v_prediction":
        return a * sample - b * prediction
    if kind == "epsilon":
        return (sample - b * prediction) / max(a, 1e-4)
    if kind == "sample":
        return prediction
    if kind == FLOW:
        return sample - b / (a + b) * prediction  # b / a = σ / (1 − σ)
    raise ValueError(f"unknown prediction type {kind!r}")
