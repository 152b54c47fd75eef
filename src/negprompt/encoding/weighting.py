"""Weights of tokens → weighted embeddings. One function per scheme.

Every scheme sees one prompt alone, so that a result depends on nothing beside it. It needs only the
arithmetic of its tensors: nothing is imported here that would load torch. ``z`` is the encoder's
output for one chunk ``[t, d]``, ``w`` the weights ``[t, 1]`` (1 at begin, end and padding), ``z0``
the encoder's output for the empty prompt ``[t, d]``. The schemes that need more are in
``rereading``.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from negprompt.encoding import rereading
from negprompt.encoding.reading import Reading

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


def a1111_no_norm(z: "Tensor", w: "Tensor", z0: "Tensor") -> "Tensor":
    """A1111 without the mean: ``z·w``.  Emphasis mode "No norm"; xhinker/sd_embed does the same."""
    return z * w


def ignore(z: "Tensor", w: "Tensor", z0: "Tensor") -> "Tensor":
    """No weights at all: ``z``.  A1111's emphasis mode "Ignore"."""
    return z


def comfy(z: "Tensor", w: "Tensor", z0: "Tensor") -> "Tensor":
    """Interpolation from the empty prompt: ``z0 + w(z − z0)``.  Comfy-Org/ComfyUI."""
    return z0 + w * (z - z0)


def fooocus(z: "Tensor", w: "Tensor", z0: "Tensor") -> "Tensor":
    """ComfyUI's interpolation, then scaled so that the mean over the chunk is what it was.

    lllyasviel/Fooocus, ``patched_encode_token_weights``.
    """
    weighted = comfy(z, w, z0)
    mean = weighted.mean()
    return weighted if mean == 0 else weighted * (z.mean() / mean)


def lpw(r: Reading) -> "list[Tensor]":
    """A1111's formula with the mean taken over all chunks of the prompt together.

    diffusers' community pipelines "lpw", and ADV_CLIP_emb's ``A1111``. lpw counts in the chunks
    that pad a prompt to the length of its negative; here they do not count.
    """
    z = [r.z(chunk) for chunk in r.chunks]
    weighted = [states * r.w(chunk) for states, chunk in zip(z, r.chunks, strict=True)]
    before, after = sum(float(s.sum()) for s in z), sum(float(s.sum()) for s in weighted)
    return weighted if after == 0 else [states * (before / after) for states in weighted]


Scheme = Callable[[Reading], "list[Tensor]"]


def each(formula: "Callable[[Tensor, Tensor, Tensor], Tensor]") -> Scheme:
    """The scheme that weighs each chunk by a formula, and leaves alone one that holds no weight."""

    def weighed(r: Reading) -> "list[Tensor]":
        return [
            formula(r.z(chunk), r.w(chunk), r.z0)
            if any(weight != 1 for weight in chunk.weights(r.limits))
            else r.z(chunk)
            for chunk in r.chunks
        ]

    weighed.__doc__ = formula.__doc__
    return weighed


SCHEMES: Final[Mapping[str, Scheme]] = MappingProxyType(
    {
        "a1111": each(a1111),
        "a1111-no-norm": each(a1111_no_norm),
        "ignore": each(ignore),
        "comfy": each(comfy),
        "comfy++": rereading.comfy_plus_plus,
        "compel": rereading.compel,
        "compel-remove": rereading.compel_remove,
        "compel-adv": rereading.compel_adv,
        "down-weight": rereading.down_weight,
        "fooocus": each(fooocus),
        "lpw": lpw,
    }
)
"""Every scheme by the name under which a request asks for it."""


def weigh(r: Reading, scheme: str) -> "list[Tensor]":
    """The chunks of a prompt weighed by a scheme, ``[t, d]`` each; untouched where no token is."""
    if all(token.weight == 1 for chunk in r.chunks for token in chunk.tokens):
        return [r.z(chunk) for chunk in r.chunks]
    return SCHEMES[scheme](r)
