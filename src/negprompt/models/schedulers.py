"""Names of schedulers → diffusers' own, built from a model's own schedule.

Offered are those that honour a zero-terminal-SNR schedule. Heun and LMS do not (they start from
noise that is too weak), so they are refused rather than offered with a wrong picture.
"""

from collections.abc import Mapping
from math import ceil
from typing import Any

from negprompt.errors import RequestError, shown

SCHEDULERS: Mapping[str, str] = {
    "ddim": "DDIMScheduler",
    "ddpm": "DDPMScheduler",
    "dpm++": "DPMSolverMultistepScheduler",
    "euler": "EulerDiscreteScheduler",
    "euler-a": "EulerAncestralDiscreteScheduler",
    "unipc": "UniPCMultistepScheduler",
}
"""diffusers' class for each name."""

_A1111 = {
    "DDIMScheduler": "DDIM",
    "DDPMScheduler": "DDPM",
    "DPMSolverMultistepScheduler": "DPM++ 2M",
    "EulerDiscreteScheduler": "Euler",
    "EulerAncestralDiscreteScheduler": "Euler a",
    "UniPCMultistepScheduler": "UniPC",
}


def sampler_name(scheduler: Any) -> str:
    """What A1111 calls a scheduler, or its class's name."""
    kind = type(scheduler).__name__.removeprefix("FlowMatch")
    return _A1111.get(kind, kind.removesuffix("Scheduler"))


def called(sampler: str) -> str | None:
    """The name of the scheduler that A1111 calls so; None for any other."""
    kinds = {theirs: kind for kind, theirs in _A1111.items()}
    return next((n for n, kind in SCHEDULERS.items() if kind == kinds.get(sampler)), None)


def check(name: str) -> None:
    """Raise RequestError ``scheduler-unknown`` for a name that is not offered."""
    if name not in SCHEDULERS:
        raise RequestError(
            f"scheduler {shown(name)} is not offered",
            code="scheduler-unknown",
            cure=f"choose one of {', '.join(SCHEDULERS)}, or none for the model's own",
        )


def build(name: str, config: Mapping[str, Any]) -> Any:
    """A new scheduler of this name on the noise schedule of ``config``.

    Latents are no pictures, so samples are clipped only where the model's own schedule says so.
    Raises RequestError ``scheduler-unknown`` for any but Euler on the schedule of a flow model.
    """
    check(name)
    import diffusers

    if "prediction_type" not in config:
        if name != "euler":
            raise RequestError(
                f"scheduler {shown(name)} is not offered for a flow model",
                code="scheduler-unknown",
                cure="choose euler, or none for the model's own",
            )
        return diffusers.FlowMatchEulerDiscreteScheduler.from_config(config)
    kind = getattr(diffusers, SCHEDULERS[name])
    clip = {} if "clip_sample" in config or name not in ("ddim", "ddpm") else {"clip_sample": False}
    return kind.from_config(config, **clip)


def check_steps(steps: int, config: Mapping[str, Any]) -> None:
    """Raise RequestError ``value-out-of-range`` for steps that a schedule of T has no times for.

    Leading times k·(T // steps) + offset, or k·(T // (steps + 1)) + offset in the multistep ones,
    must differ and stay below T: steps < T − offset. Trailing ones are T, T − T/steps, … > 0, of
    which rounding makes one too many at some numbers of steps, 61 of 1000 for one; it would be the
    time -1, which schedules read as their noisiest.
    """
    most = config["num_train_timesteps"]
    spacing = config.get("timestep_spacing")
    if spacing == "leading":
        most -= 1 + config.get("steps_offset", 0)
    if steps > most:
        raise RequestError(
            f"steps is {steps}",
            code="value-out-of-range",
            cure=f"give at most {most}: this model's schedule has no more",
        )
    if spacing == "trailing" and not _trails(steps, most):
        fewer = next(n for n in range(steps, 0, -1) if _trails(n, most))
        raise RequestError(
            f"steps is {steps}, at which this schedule's times round past its end",
            code="value-out-of-range",
            cure=f"give {fewer}",
        )


def _trails(steps: int, total: int) -> bool:
    return ceil(total / (total / steps)) == steps
