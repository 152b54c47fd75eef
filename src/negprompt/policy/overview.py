"""A plan and the layers behind it → one row for each term: who put it there, why, does it act."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from negprompt.policy.layers import Layer
from negprompt.policy.merge import ACTING, Given
from negprompt.policy.plan import Plan

Status = Literal["acts", "gives way", "opted out", "other model", "expired"]

WORDS: Final[dict[Status, str]] = {
    "acts": "acts",
    "gives way": "left out: the prompt asks for it",
    "opted out": "left out: a negative was given",
    "other model": "left out: not for this model",
    "expired": "left out: its last day has passed",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A term; its layer is "user" where it was typed. Hidden words are the layer's label."""

    term: str
    weight: float
    layer: str
    reason: str
    status: Status
    mode: str = ""

    @property
    def acts(self) -> bool:
        """Whether it reaches the model."""
        return self.status == "acts"


def what_was_given(planned: Plan, negatives: Sequence[str] | None) -> Given:
    """Return whether a negative was given, as layers count it."""
    if any(negative.is_typed for negative in planned.negatives):
        return "text"
    return "empty" if negatives else "absent"


def overview(
    planned: Plan,
    layers: Sequence[Layer],
    negatives: Sequence[str] | None,
    *,
    family: str | None,
    model: str = "",
    today: date | None = None,
) -> tuple[Row, ...]:
    """Return the rows: terms of layers as the plan orders them, those left out, what was typed."""
    given = what_was_given(planned, negatives)
    acting = {origin: term for term in planned.standing for origin in term.origins}
    rows = [
        row
        for layer in sorted(layers, key=lambda layer: layer.label not in acting)
        for row in _of_layer(layer, planned, _out(layer, given, family, model, today))
    ]
    return (*dict.fromkeys(rows), *_typed(planned))


def _out(
    layer: Layer, given: Given, family: str | None, model: str, today: date | None
) -> Status | None:
    """Return why a whole layer is left out, or None."""
    if not layer.applies(family, model):
        return "other model"
    if layer.mode not in ACTING[given]:
        return "opted out"
    expired = today is not None and layer.is_expired(today)
    return "expired" if expired and not layer.is_enforced else None


def _of_layer(layer: Layer, planned: Plan, out: Status | None) -> Iterator[Row]:
    standing = {t.text.casefold(): t.weight for t in planned.standing if layer.label in t.origins}
    for term in layer.terms:
        acting = standing.get(term.text.casefold())
        status: Status = out or ("gives way" if acting is None else "acts")
        words = f"<{layer.label}>" if layer.is_hidden else term.text
        reason = layer.reason if layer.is_hidden else term.reason or layer.reason
        weight = 1.0 if layer.is_hidden else term.weight if acting is None else acting
        yield Row(words, weight, layer.label, reason, status, layer.mode)


def _typed(planned: Plan) -> Iterator[Row]:
    for negative in planned.negatives:
        for term in negative.terms:
            if term.layer == "user":
                yield Row(term.text, term.weight, "user", "typed", "acts")
