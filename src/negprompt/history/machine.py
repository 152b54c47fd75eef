"""What an image depends on besides its request: versions, processor, threads."""

import platform
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import version
from typing import Any, Final

PACKAGES: Final = ("negprompt", "torch", "diffusers", "transformers", "numpy", "pillow")


def versions(device: str) -> dict[str, Any]:
    """Return what is here, by name; ``device`` as ``models.memory.device_of`` takes it."""
    import torch

    from negprompt.models.memory import device_of

    where = device_of(device)
    on_gpu = where.type == "cuda"
    return {
        **_packages(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "host": platform.node(),
        "device": torch.cuda.get_device_name(where) if on_gpu else where.type,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
    }


@cache
def _packages() -> dict[str, str]:
    return {package: version(package) for package in PACKAGES}


def changed(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Yield what differs, in words."""
    for name in dict.fromkeys((*then, *now)):
        if then.get(name) != now.get(name):
            yield f"{name} was {then.get(name, 'unknown')}, is {now.get(name, 'unknown')}"
