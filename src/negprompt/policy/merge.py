"""Layers + whether a negative was given → the standing terms.  Pure; knows no prompts.

=============  ==========================  ========  ====================
mode           no negative is given        it is ""  it says something
=============  ==========================  ========  ====================
``default``    acts                        –         –
``always``     acts                        –         acts, before it
``enforced``   acts                        acts      acts, before it
=============  ==========================  ========  ====================
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType
from typing import Final, Literal

from negprompt.errors import Notice, RequestError
from negprompt.policy.layers import RANKS, Layer, Mode, OnPositive

Given = Literal["absent", "empty", "text"]

ACTING: Final[Mapping[Given, frozenset[Mode]]] = MappingProxyType(
    {
        "absent": frozenset({"default", "always", "enforced"}),
        "empty": frozenset({"enforced"}),
        "text": frozenset({"always", "enforced"}),
    }
)
"""Which modes act, by what was given for a negative."""

STRICTNESS: Final[tuple[OnPositive, ...]] = ("notice", "strip", "refuse")


@dataclass(frozen=True, slots=True)
class StandingTerm:
    """A term that layers put there: its words, its weight as the dialect means it, its origins."""

    text: str
    weight: float
    dialect: str
    origins: tuple[str, ...]
    """Labels of the layers that hold it, in their order."""
    is_enforced: bool
    is_hidden: bool
    on_positive: OnPositive
    least_scale: float
    """1 unless it is enforced."""

    @property
    def key(self) -> tuple[str, str, bool]:
        """What makes two of them one; a hidden one is never merged with a public one."""
        return " ".join(self.text.casefold().split()), self.dialect, self.is_hidden

    @property
    def name(self) -> str:
        """What others may call it: its words, or where it is hidden its layers."""
        return " + ".join(self.origins) if self.is_hidden else self.text


@dataclass(frozen=True, slots=True)
class Standing:
    """The terms that stand before what was typed, enforced ones first, and what there is to say."""

    terms: tuple[StandingTerm, ...] = ()
    notices: tuple[Notice, ...] = ()


def given(negatives: Sequence[str] | None, *, ruled_out: bool = False) -> Given:
    """Return what a request gives for a negative; ``ruled_out``: the prompt itself names one.

    Several texts are "text" where one of them holds more than spaces.
    """
    if ruled_out or any(text.strip() for text in negatives or ()):
        return "text"
    return "empty" if negatives else "absent"


def merge(
    layers: Sequence[Layer],
    what: Given,
    *,
    family: str | None = None,
    model: str = "",
    today: date | None = None,
) -> Standing:
    """Return the terms of all layers that act.

    The order of ``layers`` does not matter, nor does naming one twice.  Terms of the same words in
    the same dialect become one, with the largest weight, the strictest ``on_positive`` and all
    origins.  Without ``today`` nothing expires.  An expired layer is left out, unless it is
    enforced: a date alone takes no protection away.

    Notices: ``policy-not-for-model``, ``policy-expired``.  Raises RequestError ``policy-twice`` for
    two different layers of one name.
    """
    distinct = _distinct(layers)
    fitting = [layer for layer in distinct if layer.applies(family, model)]
    expired = [layer for layer in fitting if today is not None and layer.is_expired(today)]
    acting = [
        layer
        for layer in fitting
        if layer.mode in ACTING[what] and (layer.is_enforced or layer not in expired)
    ]
    merged: dict[tuple[str, str, bool], StandingTerm] = {}
    for term in _terms(acting):
        merged[term.key] = _joined(merged[term.key], term) if term.key in merged else term
    strange = [layer for layer in distinct if layer not in fitting] if family else []
    return Standing(tuple(merged.values()), tuple(_notices(strange, expired)))


def _distinct(layers: Iterable[Layer]) -> list[Layer]:
    """Return each layer once, lowest rank first, by name where ranks are equal."""
    by_name: dict[str, Layer] = {}
    for layer in layers:
        other = by_name.setdefault(layer.name, layer)
        if other != layer:
            raise RequestError(
                f"two policies are called {layer.name}: {other.label} and {layer.label}",
                code="policy-twice",
                cure="rename one, or activate only one of them",
            )
    return sorted(by_name.values(), key=lambda layer: (RANKS.index(layer.rank), layer.name))


def _terms(layers: Sequence[Layer]) -> Iterator[StandingTerm]:
    """Yield the terms of layers in order, those of enforced layers before all others."""
    for layer in sorted(layers, key=lambda layer: not layer.is_enforced):
        for term in layer.terms:
            yield StandingTerm(
                text=term.text,
                weight=term.weight,
                dialect=layer.dialect,
                origins=(layer.label,),
                is_enforced=layer.is_enforced,
                is_hidden=layer.is_hidden,
                on_positive=layer.on_positive,
                least_scale=layer.least_scale if layer.is_enforced else 1.0,
            )


def _joined(a: StandingTerm, b: StandingTerm) -> StandingTerm:
    """Return two terms of the same words as one, spelled as the first."""
    return replace(
        a,
        weight=max(a.weight, b.weight),
        origins=tuple(dict.fromkeys((*a.origins, *b.origins))),
        is_enforced=a.is_enforced or b.is_enforced,
        on_positive=max(a.on_positive, b.on_positive, key=STRICTNESS.index),
        least_scale=max(a.least_scale, b.least_scale),
    )


def _notices(strange: Sequence[Layer], expired: Sequence[Layer]) -> Iterator[Notice]:
    for layer in strange:
        meant = ", ".join(layer.applies_to)
        text = f"the policy {layer.label} is not for this model, only for {meant}: left out"
        yield Notice("policy-not-for-model", text)
    for layer in expired:
        what = "it still acts, being enforced" if layer.is_enforced else "it is left out"
        text = f"the policy {layer.label} was meant to act until {layer.expires}: {what}"
        yield Notice("policy-expired", text)
