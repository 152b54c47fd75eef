"""A plan and its scale → refused where an enforced term could not act.  Knows no tensors.

That its words and weights reach the encoder is how ``heads`` are built; what is looked for here is
everything else in a request that would leave them without effect.
"""

from math import fsum
from typing import TYPE_CHECKING

from negprompt.errors import RequestError

if TYPE_CHECKING:
    from negprompt.policy.plan import Plan


def check(planned: "Plan", scale: float | None = None) -> None:
    """Raise RequestError ``enforced-inert`` where an enforced term of the plan cannot act.

    With parts of weights w₁, w₂ … in the prompt guidance at scale s steers away from the negative
    by s·Σwᵢ − 1, so s·Σwᵢ must reach the layer's least scale.  A negative of weight below 0 turns
    its direction round, and so what it shares with the others cancels.  ``scale`` is None while it
    is the model's own and not known.
    """
    terms = [term for term in planned.standing if term.is_enforced]
    if not terms:
        return
    strictest = max(terms, key=lambda term: term.least_scale)
    layers = " + ".join(dict.fromkeys(origin for term in terms for origin in term.origins))
    if planned.cancels:
        raise _inert(layers, "the negative equals the prompt", "change the prompt")
    if any(negative.weight < 0 for negative in planned.negatives):
        raise _inert(layers, "a negative weighs less than 0", "choose weights from 0 on")
    share = fsum(part.weight for part in planned.parts)
    least = strictest.least_scale
    if share <= 0 or (scale is not None and share * scale < least):
        what = f"guidance at scale {scale:g}" if scale is not None else "the prompt"
        if share != 1:
            what += f", its parts adding up to {share:g},"
        cure = f"keep scale times weights at {least:g} or more"
        raise _inert(layers, f"{what} leaves it without effect", cure)


def _inert(layers: str, why: str, cure: str) -> RequestError:
    return RequestError(
        f"the enforced policy {layers} could not act: {why}", code="enforced-inert", cure=cure
    )
