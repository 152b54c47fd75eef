"""Keys and values of the text, computed once while the text stays the same.

In the cross-attention of a U-Net they are W_K·c and W_V·c: the text c is the same at every step,
and neither sample nor time enters.  In the transformers of SD3 and Flux every block changes the
text, so there is nothing to keep.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from diffusers.models.attention_processor import Attention
from torch import Tensor


@contextmanager
def keys_and_values_kept(module: Any) -> Iterator[None]:
    """Let each cross-attention of a denoiser remember its last text, and forget it afterwards.

    The text is the same where it is the very same tensor, which nobody may change in place.  A
    compiled denoiser is left alone: its layers are not called one by one.
    """
    layers = [] if _is_compiled(module) else list(_of_text(module))
    bare = [layer for layer in layers if "forward" not in layer.__dict__]
    before = [layer.forward for layer in layers]
    for layer in layers:
        layer.forward = _remembering(layer.forward)
    try:
        yield
    finally:
        for layer, forward in zip(layers, before, strict=True):
            layer.forward = forward
        for layer in bare:
            del layer.forward


def _of_text(module: Any) -> Iterator[Any]:
    for part in module.modules():
        if isinstance(part, Attention) and part.is_cross_attention:
            yield from (part.to_k, part.to_v)


def _is_compiled(module: Any) -> bool:
    return hasattr(module, "_orig_mod") or any(
        getattr(part, "_compiled_call_impl", None) is not None for part in module.modules()
    )


def _remembering(forward: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    last: list[Tensor] = []

    def once(text: Tensor) -> Tensor:
        if not last or last[0] is not text:
            last[:] = [text, forward(text)]
        return last[1]

    return once
