"""Weights of tokens → weighted embeddings. One function per scheme.

Every scheme takes one chunk of one prompt, so that a result depends on nothing beside it. It needs
only the arithmetic of its tensors: nothing is imported here that would load torch. ``z`` is the
encoder's output for the chunk ``[t, d]``, ``w`` the weights ``[t, 1]`` (1 at begin, end and
padding), ``z0`` the encoder's output for the empty prompt ``[t, d]``.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def a1111(z: "Tensor", w: "Tensor", z0: "Tensor") -> "Tensor":
    """A1111: ``z·w``, then scaled so that the mean over the chunk is what it was.

    AUTOMATIC1111/stable-diffusion-webui, emphasis mode "Original". Where the weighted mean is
    exactly 0 no scale restores it, and none is applied.
    """
    weighted = z * w
    mean = weighted.mean()
    return weighted if mean == 0 else weighted * (z.mean() / mean)


def comfy(z: "Tensor", w: "Tensor", z0: "Tensor") -> "Tensor":
    """Interpolation from the empty prompt: ``z0 + w(z − z0)``.  Comfy-Org/ComfyUI."""
    return z0 + w * (z - z0)


SCHEMES: Mapping[str, Callable[["Tensor", "Tensor", "Tensor"], "Tensor"]] = {
    "a1111": a1111,
    "comfy": comfy,
}
"""Every scheme by the name under which a request asks for it."""
