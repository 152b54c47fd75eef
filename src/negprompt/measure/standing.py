"""A request under policies → one whose negative says all that acts, so that it can be taken apart.

The three modes are settled by the plan, as on every other surface; what stands there then is text
like any other, so that each term of a policy can be left out and looked at. So is what a Midjourney
prompt rules out.
"""

from collections.abc import Sequence
from dataclasses import replace

from negprompt.engine import Request
from negprompt.errors import RequestError, shown
from negprompt.models.found import family_named
from negprompt.policy import Layer
from negprompt.policy.plan import Plan


def spelled_out(request: Request) -> Request:
    """Return the same request with the effective negative typed, and no policies.

    Policies for certain families are left out where the model's files do not say its family.
    Raises RequestError ``policy-owner-only`` where a term must not be shown, ``policy-not-typed``
    where the request's dialect cannot say what the policies do.
    """
    planned = request.planned(family_named(request.model) if request.policies else None)
    if not request.policies and planned.wanted == request.prompt:
        return request
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
    typed = replace(
        request,
        prompt=planned.wanted,
        negative=texts or request.negative,
        negative_weights=None if even else weights,
        policies=(),
    )
    if request.dialect != "a1111" and _terms(typed.planned()) != _terms(planned):
        raise RequestError(
            f"what the policies add cannot be typed in the prompt dialect {shown(request.dialect)}",
            code="policy-not-typed",
            cure="leave the policies out, or say the rest in a1111",
        )
    return typed


def _terms(plan: Plan) -> list[set[tuple[str, float]]]:
    """The terms of each negative, with their weights."""
    return [{(t.text, round(t.weight, 6)) for t in one.terms} for one in plan.negatives]


def spelled_out_each(request: Request, prompts: Sequence[str]) -> tuple[Request, ...]:
    """Return the request spelled out for each of several prompts.

    Raises as ``spelled_out``, and RequestError ``negatives-differ`` where policies, or what the
    prompts rule out, give them different negatives.
    """
    found = tuple(spelled_out(replace(request, prompt=prompt)) for prompt in prompts)
    for one in found[1:]:
        if (one.negative, one.negative_weights) != (found[0].negative, found[0].negative_weights):
            raise RequestError(
                f"under {shown(one.prompt)} the negative is {shown(one.negative)}, under "
                f"{shown(found[0].prompt)} it is {shown(found[0].negative)}",
                code="negatives-differ",
                cure="ask about one prompt at a time",
            )
    return found


def text_under(layer: Layer, request: Request) -> str:
    """All that a policy says under a request without a negative; "" where it does not act.

    Raises what ``spelled_out`` raises.
    """
    (text,) = spelled_out(replace(request, policies=(layer,))).negative or ("",)
    return text
