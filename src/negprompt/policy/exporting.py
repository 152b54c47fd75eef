"""A layer → the style of another tool: its negative, in that tool's language."""

from negprompt.errors import PolicyError
from negprompt.language import parse, translate
from negprompt.policy.heads import spelled
from negprompt.policy.layers import Layer
from negprompt.policy.styles import Style

LANGUAGES = {"a1111": "a1111", "fooocus": "comfy", "invokeai": "compel"}
"""The language that each tool reads."""


def style_of(layer: Layer, tool: str) -> tuple[Style, tuple[str, ...]]:
    """Return a layer as a style, and what of it a style does not hold.

    Raises PolicyError ``policy-hidden`` for terms that only their owner may see.
    """
    if layer.is_hidden:
        raise PolicyError(
            f"the terms of {layer.label} are for its owner alone",
            code="policy-hidden",
            cure='its owner may write visibility = "public" first',
        )
    own = ", ".join(spelled(term.text, term.weight, layer.dialect) for term in layer.terms)
    made = translate(parse(own, layer.dialect), LANGUAGES.get(tool, layer.dialect), negative=True)
    lost = [f"{own[loss.span.start : loss.span.stop]}: {loss.reason}" for loss in made.lost]
    if layer.mode != "default":
        lost.append(f"that it acts {layer.mode}: a style acts where it is chosen")
    return Style(layer.name, "", made.text), tuple(lost)
