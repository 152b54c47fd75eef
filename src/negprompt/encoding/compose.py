"""Embeddings of several texts → one: compel's ``.and()`` and ``.blend()``, and equal lengths.

Shapes: embeddings are ``[1, t, d]``; ``empty`` is one chunk of the empty prompt ``[1, t₀, d]``.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from negprompt.errors import RequestError, shown

if TYPE_CHECKING:
    from torch import Tensor


def conjoined(parts: "Sequence[Tensor]", weights: Sequence[float], empty: "Tensor") -> "Tensor":
    """``.and()``: ``e + w(z − e)`` for each part, one behind another, e the empty prompt.

    damian0815/compel. A part of weight 1 is ``z`` itself. ``[1, Σ t, d]``
    """
    import torch

    lerped = []
    for part, weight in zip(parts, weights, strict=True):
        e = empty.repeat(1, part.shape[1] // empty.shape[1], 1)
        lerped.append(part if weight == 1 else e + weight * (part - e))
    return torch.cat(lerped, dim=1)


def blended(
    parts: "Sequence[Tensor]", weights: Sequence[float], *, normalise: bool = True
) -> "Tensor":
    """``.blend()``: ``Σ wᵢzᵢ``, divided by ``Σ wᵢ`` if ``normalise``.

    damian0815/compel. Raises RequestError ``blend-weights-cancel`` where the weights add up to 0,
    for which compel returns NaN.
    """
    total = sum(weights) if normalise else 1.0
    if total == 0:
        raise RequestError(
            f"the weights of a blend {shown(list(weights))} add up to 0",
            code="blend-weights-cancel",
            cure="choose others, or write no_normalize",
        )
    made = parts[0] * 0
    for part, weight in zip(parts, weights, strict=True):
        made = made + weight / total * part
    return made


def pad_empty(embeds: "Tensor", missing: int, empty: "Tensor") -> "Tensor":
    """Chunks of the empty prompt behind a shorter text. A1111's "Pad conds", compel."""
    import torch

    return torch.cat([embeds, *[empty] * (missing // empty.shape[1])], dim=1)


def zeros(embeds: "Tensor", missing: int, empty: "Tensor") -> "Tensor":
    """Zeros behind a shorter text. InvokeAI, ComfyUI's ConditioningAverage."""
    import torch

    return torch.cat([embeds, embeds.new_zeros(embeds[:, :1].shape).expand(-1, missing, -1)], dim=1)


def repeat(embeds: "Tensor", missing: int, empty: "Tensor") -> "Tensor":
    """The last vector of a shorter text, again and again. A1111 for the parts of an ``AND``."""
    import torch

    return torch.cat([embeds, embeds[:, -1:].expand(-1, missing, -1)], dim=1)


MATCHES: "Final[Mapping[str, Callable[[Tensor, int, Tensor], Tensor]]]" = MappingProxyType(
    {"pad-empty": pad_empty, "pad-eos": pad_empty, "zeros": zeros, "repeat": repeat}
)
"""How a shorter embedding becomes as long as the longest.

``pad-eos`` acts before: a shorter text is continued with end tokens to as many tokens as the
longest has (xhinker/sd_embed); empty chunks are left for what BREAK or a near comma still differ.
"""
