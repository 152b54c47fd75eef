"""Networks → a short mark that other weights do not share, cheap for large ones too."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from torch import nn

VALUES: Final = 64
"""Values of each tensor that are looked at, spread evenly."""


def fingerprint(modules: Mapping[str, Any], *said: object) -> str:
    """A hash of names, shapes and 64 values of each tensor of each module, and of ``said``.

    Weights that were trained, merged or rounded differ in nearly all values, so a few of each
    tensor tell them apart.
    """
    digest = hashlib.sha256(repr(said).encode())
    for name, module in sorted(modules.items()):
        if not isinstance(module, nn.Module):
            continue
        for key, value in sorted(module.state_dict().items()):
            digest.update(f"{name} {key} {value.dtype} {tuple(value.shape)}".encode())
            flat = value.detach().flatten()
            some = flat[:: max(1, flat.numel() // VALUES)]
            digest.update(some.cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
