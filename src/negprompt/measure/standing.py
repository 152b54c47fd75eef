"""A request under policies → one whose negative says all that acts, so that it can be taken apart.

The three modes are settled by the plan, as on every other surface; what stands there then is text
like any other, so that each term of a policy can be left out and looked at.
"""

from dataclasses import replace

from negprompt.engine import Request
from negprompt.errors import RequestError
from negprompt.models.found import family_named
from negprompt.policy import Layer


def spelled_out(request: Request) -> Request:
    """Return the same request with the effective negative typed, and no policies.

    Policies for certain families are left out where the model's files do not say its family.
    Raises RequestError ``policy-owner-only`` where a term must not be shown.
    """
    if not request.policies:
        return request
    planned = request.planned(family_named(request.model))
    hidden = [term for term in planned.standing if term.is_hidden]
    if hidden:
        raise RequestError(
            f"what each term does would be shown, and those of {hidden[0].name} are their owner's",
            code="policy-owner-only",
            cure="leave that policy out: generate and compare work under it",
        )
    texts = tuple(text for text, _ in planned.effective)
    weights = tuple(weight for _, weight in planned.effective)
    even = all(weight == 1 for weight in weights)
    return replace(
        request,
        negative=texts or request.negative,
        negative_weights=None if even else weights,
        policies=(),
    )


def text_under(layer: Layer, request: Request) -> str:
    """All that a policy says under a request without a negative; "" where it does not act.

    Raises what ``spelled_out`` raises.
    """
    (text,) = spelled_out(replace(request, policies=(layer,))).negative or ("",)
    return text
