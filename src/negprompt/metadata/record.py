"""What is known of how an image was made, whichever tool wrote it down."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Sampling:
    """One run of a sampler; a graph may hold several."""

    sampler: str
    positives: tuple[str, ...]
    negatives: tuple[str, ...]
    """The texts that acted; several are composed, or parts of a picture."""
    settings: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    """``seed``, ``steps``, ``cfg_scale``, ``scheduler`` and others, as the tool wrote them."""
    model: str = ""
    model_hash: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """How an image was made.

    ``typed_positive`` and ``typed_negative`` are what somebody typed, where the tool keeps that
    beside what acted; None where it does not, or where no negative was given.
    """

    tool: str
    samplings: tuple[Sampling, ...]
    dialect: str = "a1111"
    """The language that the tool reads its texts in."""
    typed_positive: str | None = None
    typed_negative: str | None = None
    rest: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    """Everything else that is written there, by the tool's own names."""

    @property
    def positive(self) -> str:
        """What acted, of the first sampling."""
        return "\n".join(self.samplings[0].positives) if self.samplings else ""

    @property
    def negative(self) -> str:
        """What was steered away from, of the first sampling."""
        return "\n".join(self.samplings[0].negatives) if self.samplings else ""


def parsed(text: object) -> dict[str, Any] | None:
    """Return the JSON object that a text is, or None."""
    if not isinstance(text, str) or not text.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def words(value: object) -> str:
    """Return a text, or "" for anything else."""
    return value if isinstance(value, str) else ""


def left(found: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """Return what is left of a mapping without some names."""
    return MappingProxyType({name: v for name, v in found.items() if name not in names})


def pairs(text: object) -> tuple[tuple[str, float], ...]:
    """Return the texts and weights in a JSON list of pairs; none where it is anything else."""
    try:
        found = json.loads(text) if isinstance(text, str) else []
        return tuple((str(name), float(weight)) for name, weight in found)
    except (ValueError, TypeError, RecursionError):
        return ()
