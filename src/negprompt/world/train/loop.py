"""The one training loop: time-bounded, resumable, with an exponential moving average.

A stage hands in its networks and a function that gives the loss of a batch; the loop owns the
optimiser, the schedule (linear warm-up, then cosine over the minutes given), the moving average,
progress and checkpoints.
"""

import os
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from math import cos, pi
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from negprompt.world.train import together
from negprompt.world.train.data import cache

DEVICE = torch.device(
    f"cuda:{together.rank() % torch.cuda.device_count()}" if torch.cuda.is_available() else "cpu"
)


def half() -> AbstractContextManager[object]:
    """bfloat16 autocast on a GPU, and on a CPU that multiplies bfloat16 by itself.

    Any other CPU emulates it: a step of the U-Net's backward pass is then some 25 times slower.
    """
    fast = DEVICE.type != "cpu" or torch.cpu._is_avx512_bf16_supported()  # noqa: SLF001
    return torch.autocast(DEVICE.type, torch.bfloat16, enabled=fast)


@dataclass(frozen=True, slots=True)
class Run:
    """How long and how a stage trains.

    ``minutes`` of training in all, resumed runs counted in; ``rate`` is the peak learning rate;
    ``decay`` the moving average's; ``batch`` images a step; ``seed`` of the batches.  ``anew``
    drops an earlier run's checkpoint.
    """

    stage: str
    minutes: float
    rate: float = 1e-3
    decay: float = 0.999
    batch: int = 32
    seed: int = 0
    anew: bool = False

    def random(self, step: int) -> np.random.Generator:
        """The source of one step's batch."""
        return np.random.default_rng((self.seed, step))

    def pace(self, progress: float, step: int) -> float:
        """The learning rate: 200 steps of linear warm-up under a cosine that ends at 2 %."""
        return self.rate * min(1.0, (step + 1) / 200) * (0.02 + 0.49 * (1 + cos(pi * progress)))


@dataclass(slots=True)
class State:
    """Where training stands: all that a checkpoint holds."""

    network: nn.ModuleDict
    optimiser: torch.optim.Optimizer
    average: dict[str, Tensor]
    step: int = 0
    seconds: float = 0.0


def train(
    run: Run, networks: Mapping[str, nn.Module], loss: Callable[[float, int], Tensor]
) -> None:
    """Minimise ``loss(progress in [0, 1), step)`` until the minutes are spent.

    The networks end as their moving averages.  Ctrl-C saves and stops; the same command goes on.
    torch is seeded anew for every step, and ``loss`` draws its batch from ``run.random(step)``, so
    that a run that was interrupted sees the batches that it would have seen.
    """
    state = _begun(run, networks)
    first, before = state.step, state.seconds
    start = saved = said = time.monotonic()
    mean = 0.0
    try:
        while (elapsed := together.agreed(before + time.monotonic() - start)) < run.minutes * 60:
            state.seconds = elapsed
            value = _step(run, state, loss, elapsed / (run.minutes * 60))
            mean += (value - mean) * max(0.02, 1 / (state.step - first))
            now = time.monotonic()
            if now - said > 20:
                _say(f"{run.stage} {elapsed / run.minutes / 60:6.1%}", run, state, mean)
                said = now
            if now - saved > 180:
                _save(run, state)
                saved = now
    finally:
        state.seconds = before + time.monotonic() - start
        _save(run, state)
    averages = {name: value.to(DEVICE) for name, value in state.average.items()}
    state.network.load_state_dict(averages)
    _say(f"{run.stage} done", run, state, mean)


def _begun(run: Run, networks: Mapping[str, nn.Module]) -> State:
    """The state to start from: fresh, or that of an earlier run of the stage."""
    network = nn.ModuleDict(dict(networks)).to(DEVICE)
    together.begin(network)
    optimiser = torch.optim.AdamW(
        network.parameters(), run.rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True
    )
    average = {name: value.detach().clone().float() for name, value in network.state_dict().items()}
    state = State(network, optimiser, average)
    if not run.anew and _checkpoint(run).exists():
        _resume(run, state)
    return state


def _step(run: Run, state: State, loss: Callable[[float, int], Tensor], progress: float) -> float:
    """One batch: gradients averaged over processes and clipped to norm 1, AdamW, moving average."""
    for group in state.optimiser.param_groups:
        group["lr"] = run.pace(progress, state.step)
    torch.manual_seed(run.seed * 1_000_003 + state.step)
    value = loss(progress, state.step)
    state.optimiser.zero_grad(set_to_none=True)
    value.backward()
    together.average_gradients(state.network)
    nn.utils.clip_grad_norm_(state.network.parameters(), 1.0)
    state.optimiser.step()
    state.step += 1
    _average(state, min(run.decay, (1 + state.step) / (10 + state.step)))
    return float(value.detach())


@torch.no_grad()
def _average(state: State, decay: float) -> None:
    values = [value.float() for value in state.network.state_dict().values()]
    torch._foreach_lerp_(list(state.average.values()), values, 1 - decay)


def _say(head: str, run: Run, state: State, mean: float) -> None:
    if together.rank() == 0:
        images = state.step * run.batch * together.count()
        print(f"{head}  step {state.step}  images {images}  loss {mean:.4f}", flush=True)


def _checkpoint(run: Run) -> Path:
    return cache() / f"{run.stage}.safetensors"


def _save(run: Run, state: State) -> None:
    """One safetensors file: weights, averages, optimiser moments, step and seconds spent."""
    if together.rank():
        return
    held = {f"net.{name}": value for name, value in state.network.state_dict().items()}
    held |= {f"ema.{name}": value for name, value in state.average.items()}
    for name, parameter in state.network.named_parameters():
        moments = state.optimiser.state.get(parameter, {})
        held |= {f"{key}.{name}": value for key, value in moments.items() if value.ndim}
    held["clock"] = torch.tensor([state.step, state.seconds], dtype=torch.float64)
    path = _checkpoint(run)
    part = path.with_suffix(f".{os.getpid()}.part")
    save_file({name: value.contiguous() for name, value in held.items()}, part)
    part.replace(path)


def _resume(run: Run, state: State) -> None:
    held = load_file(_checkpoint(run))
    state.network.load_state_dict({name: held[f"net.{name}"] for name in state.average})
    state.average |= {name: held[f"ema.{name}"].to(DEVICE) for name in state.average}
    state.step, state.seconds = int(held["clock"][0]), float(held["clock"][1])
    for name, parameter in state.network.named_parameters():
        if f"exp_avg.{name}" in held:
            state.optimiser.state[parameter] = {
                "step": torch.tensor(float(state.step), device=DEVICE),
                "exp_avg": held[f"exp_avg.{name}"].to(DEVICE),
                "exp_avg_sq": held[f"exp_avg_sq.{name}"].to(DEVICE),
            }
    print(f"{run.stage} resumes at step {state.step}, {state.seconds / 60:.1f} min spent")
