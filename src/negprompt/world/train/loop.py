"""The one training loop: time-bounded, resumable, with an exponential moving average.

A stage hands in its networks and a function that gives the loss of a batch; the loop owns the optimiser, the schedule
(linear warm-up, then cosine over the minutes given), the moving average, progress and checkpoints.
"""

import os
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from math import cos, pi

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from negprompt.world.train import together
from negprompt.world.train.data import cache

DEVICE = torch.device(
    f"cuda:{together.rank() % torch.cuda.device_count()}" if torch.cuda.is_available() else "cpu"
)


def half() -> AbstractContextManager[object]:
    """bfloat16 autocast on the device in use."""
    return torch.autocast(DEVICE.type, torch.bfloat16)


@dataclass(frozen=True, slots=True)
class Run:
    """``minutes`` of training in all, resumed runs counted in; ``rate`` is the peak learning rate; ``decay`` the moving
    average's; ``batch`` images a step; ``seed`` of the batches.  ``anew`` drops an earlier run's checkpoint.
    """

    stage: str
    minutes: float
    rate: float = 1e-3
    decay: float = 0.999
    batch: int = 32
    seed: int = 0
    anew: bool = False


def train(
    run: Run, networks: Mapping[str, nn.Module], loss: Callable[[float, int], Tensor]
) -> None:
    """Minimise ``loss(progress in [0, 1), step)`` until the minutes are spent; the networks end as their moving
    averages.  Ctrl-C saves and stops; the same command goes on.
    """
    pair = nn.ModuleDict(dict(networks)).to(DEVICE)
    together.begin(pair)
    optimiser = torch.optim.AdamW(
        pair.parameters(), run.rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True
    )
    shadow = {name: value.detach().clone().float() for name, value in pair.state_dict().items()}
    step, spent = _resume(run, pair, optimiser, shadow)
    start = saved = said = time.monotonic()
    mean = 0.0
    try:
        while (elapsed := together.agreed(spent + time.monotonic() - start)) < run.minutes * 60:
            progress = elapsed / (run.minutes * 60)
            for group in optimiser.param_groups:
                group["lr"] = (
                    run.rate
                    * min(1.0, (step + 1) / 200)
                    * (0.02 + 0.98 * 0.5 * (1 + cos(pi * progress)))
                )
            value = loss(progress, step)
            optimiser.zero_grad(set_to_none=True)
            value.backward()  # type: ignore[no-untyped-call]
            together.average_gradients(pair)
            nn.utils.clip_grad_norm_(pair.parameters(), 1.0)
            optimiser.step()
            step += 1
            _average(shadow, pair, min(run.decay, (1 + step) / (10 + step)))
            mean += (float(value.detach()) - mean) * max(0.02, 1 / step)
            now = time.monotonic()
            if now - said > 20 and together.rank() == 0:
                print(
                    f"{run.stage} {progress:6.1%}  step {step}  images {step * run.batch * together.count()}  loss {mean:.4f}",
                    flush=True,
                )
                said = now
            if now - saved > 180:
                _save(run, pair, optimiser, shadow, step, spent + now - start)
                saved = now
    finally:
        _save(run, pair, optimiser, shadow, step, spent + time.monotonic() - start)
    pair.load_state_dict({name: value.to(DEVICE) for name, value in shadow.items()})
    print(
        f"{run.stage} done: {step} steps, {step * run.batch * together.count()} images, loss {mean:.4f}",
        flush=True,
    )


@torch.no_grad()
def _average(shadow: dict[str, Tensor], pair: nn.Module, decay: float) -> None:
    values = [value.float() for value in pair.state_dict().values()]
    torch._foreach_lerp_(list(shadow.values()), values, 1 - decay)


def _save(
    run: Run,
    pair: nn.Module,
    optimiser: torch.optim.Optimizer,
    shadow: Mapping[str, Tensor],
    step: int,
    spent: float,
) -> None:
    """One safetensors file: weights, averages, optimiser moments, step and seconds spent."""
    if together.rank():
        return
    names = [name for name, _ in pair.named_parameters()]
    state = {f"net.{name}": value.contiguous() for name, value in pair.state_dict().items()}
    state |= {f"ema.{name}": value.contiguous() for name, value in shadow.items()}
    for name, parameter in zip(names, optimiser.param_groups[0]["params"], strict=True):
        moments = optimiser.state.get(parameter, {})
        state |= {
            f"{key}.{name}": value.contiguous() for key, value in moments.items() if value.ndim
        }
    state["clock"] = torch.tensor([step, spent], dtype=torch.float64)
    path = cache() / f"{run.stage}.safetensors"
    part = path.with_suffix(f".{os.getpid()}.part")
    save_file(state, part)
    part.replace(path)


def _resume(
    run: Run, pair: nn.Module, optimiser: torch.optim.Optimizer, shadow: dict[str, Tensor]
) -> tuple[int, float]:
    path = cache() / f"{run.stage}.safetensors"
    if run.anew or not path.exists():
        return 0, 0.0
    state = load_file(path)
    pair.load_state_dict({name: state[f"net.{name}"] for name in pair.state_dict()})
    shadow |= {name: state[f"ema.{name}"].to(value.device) for name, value in shadow.items()}
    step, spent = int(state["clock"][0]), float(state["clock"][1])
    for name, parameter in pair.named_parameters():
        if f"exp_avg.{name}" in state:
            optimiser.state[parameter] = {
                "step": torch.tensor(float(step)),
                "exp_avg": state[f"exp_avg.{name}"].to(DEVICE),
                "exp_avg_sq": state[f"exp_avg_sq.{name}"].to(DEVICE),
            }
    print(f"{run.stage} resumes at step {step}, {spent / 60:.1f} min spent", flush=True)
    return step, spent
