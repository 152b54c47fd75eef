"""Several processes that train one network: each has its own batches, their gradients are averaged.

On a CPU one process a core beats one process on all cores. ``torchrun --nproc-per-node N -m
negprompt.world.train STAGE`` starts them; without torchrun everything here does nothing.
"""

import os
from collections.abc import Callable

import torch
from torch import Tensor, distributed, nn


def rank() -> int:
    """This process's number, 0 when it is alone."""
    return int(os.environ.get("RANK", "0"))


def count() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def first(work: Callable[[], object]) -> None:
    """Let process 0 do what must be done once, while the others wait for it."""
    if rank() == 0:
        work()
    _meet()
    agreed(0.0)


def _meet() -> None:
    if count() > 1 and not distributed.is_initialized():
        distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")


@torch.no_grad()
def begin(network: nn.Module) -> None:
    """Meet the others and take the weights of process 0."""
    if count() == 1:
        return
    _meet()
    for value in network.state_dict().values():
        distributed.broadcast(value, 0)


@torch.no_grad()
def average_gradients(network: nn.Module) -> None:
    """Replace every gradient by its mean over the processes."""
    if count() == 1:
        return
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    flat /= count()
    parts = flat.split([gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))


def agreed(seconds: float) -> float:
    """The time as process 0 has it, so that all stop at the same step."""
    if count() == 1:
        return seconds
    value: Tensor = torch.tensor([seconds], dtype=torch.float64)
    if torch.cuda.is_available():
        value = value.cuda()
    distributed.broadcast(value, 0)
    return float(value)
