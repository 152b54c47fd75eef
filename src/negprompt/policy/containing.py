"""A negative that somebody used → which terms of a policy stand in it."""

from collections.abc import Iterator
from dataclasses import dataclass

from negprompt.errors import NegpromptError
from negprompt.language import parse
from negprompt.policy.layers import Layer
from negprompt.policy.lookalikes import key
from negprompt.policy.terms import terms


@dataclass(frozen=True, slots=True)
class Found:
    """A term of a policy; ``weight`` is that in the text, None where it does not stand there."""

    text: str
    weight: float | None

    @property
    def is_there(self) -> bool:
        """Whether it stands in the text."""
        return self.weight is not None


def contained(text: str, dialect: str, layer: Layer) -> tuple[Found, ...]:
    """Return each term of a layer and whether a negative holds it, however it is spelled.

    Terms that only their owner may see are one, called by the layer's label.
    """
    if layer.is_hidden:
        name = f"<{layer.label}>"
        return (Found(name, 1.0 if name in text else None),)
    there = dict(_weights(text, dialect))
    return tuple(Found(term.text, there.get(key(term.text))) for term in layer.terms)


def _weights(text: str, dialect: str) -> Iterator[tuple[str, float]]:
    try:
        prompt = parse(text, dialect)
    except NegpromptError:
        prompt = parse(text, "plain")
    for term in terms(prompt):
        yield key(term.text), term.weight
