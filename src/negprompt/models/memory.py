"""Where a pipeline works and how much memory it may take there.

``low`` keeps parts on the GPU only while they work, decodes one picture at a time and large ones in
tiles, and lets few rows through the denoiser at once. Pictures are the same up to rounding; one
larger than the autoencoder was made for differs a little along the seams of its tiles.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import torch

from negprompt.errors import ModelError, shown
from negprompt.models.choices import Loading

ROWS: Final = 2
"""Most rows a pass where memory is low."""


def device_of(name: str) -> torch.device:
    """The device of a name; a GPU where there is one for ``auto``.

    Raises ModelError ``device-unknown``.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(
            f"there is no device {shown(name)} here",
            code="device-unknown",
            cure="use auto, cpu, cuda, cuda:1 or mps, as the machine has it",
        ) from error
    return device


def dtype_of(
    name: str, device: torch.device, *, small: bool = False, wide: bool = False
) -> torch.dtype:
    """The type of weights of a name; ``auto`` is float16 on CUDA except for a small model.

    T5 and what is trained with it have numbers too large for float16: ``wide`` is for bfloat16.
    """
    if name == "auto":
        half = torch.bfloat16 if wide else torch.float16
        return half if device.type == "cuda" and not small else torch.float32
    chosen: torch.dtype = getattr(torch, name)
    return chosen


@contextmanager
def enough(loading: Loading) -> Iterator[None]:
    """Turn running out of memory into a ModelError ``out-of-memory``; on the CPU, too."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        full = isinstance(error, torch.OutOfMemoryError | MemoryError)
        if not full and not ("allocate" in str(error) and "memory" in str(error)):
            raise
        flags = "a smaller --size" if loading.memory == "low" else "--memory low, a smaller --size"
        raise ModelError(
            "there is not enough memory for this",
            code="out-of-memory",
            cure=f"use {flags} or --dtype float16 (bfloat16 for SD3 and Flux)",
        ) from error


def settle(pipe: Any, device: torch.device, loading: Loading) -> None:
    """Bring a pipeline to where it works."""
    if loading.memory != "low":
        pipe.to(device)
        return
    pipe.vae.enable_slicing()
    pipe.vae.enable_tiling()
    if device.type == "cpu":
        pipe.to(device)
    else:
        pipe.enable_model_cpu_offload(device=device)
