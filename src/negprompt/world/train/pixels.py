"""Pictures as bytes ⇄ pictures as networks want them: [n, h, w, 3] ⇄ [n, 3, h, w] in [-1, 1]."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from negprompt.world.train.loop import DEVICE


def to_tensor(pictures: NDArray[np.uint8]) -> Tensor:
    """uint8 [n, h, w, 3] → float32 [n, 3, h, w] in [-1, 1] on the device in use."""
    # copied, for a slice of a memory-mapped shard is read-only
    pixels = torch.from_numpy(np.array(pictures)).to(DEVICE)
    return (pixels.permute(0, 3, 1, 2).float() / 127.5 - 1).contiguous()


def to_pictures(images: Tensor) -> NDArray[np.uint8]:
    """Float [n, 3, h, w] → uint8 [n, h, w, 3]; what lies outside [-1, 1] is clipped."""
    pixels = ((images + 1) * 127.5).round().clamp(0, 255).byte()
    pictures: NDArray[np.uint8] = pixels.permute(0, 2, 3, 1).cpu().numpy()
    return pictures
