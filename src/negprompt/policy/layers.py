"""What a layer of standing negatives is: a frozen value with a hash.  Knows no files, no prompts.

A layer stands at a rank, acts in a mode, and holds terms.  Ranks, low to high, are the order in
which terms are listed; what was typed comes after all of them.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import date
from functools import cached_property
from typing import Final, Literal

Rank = Literal["floor", "model", "domain", "brand", "user", "feedback"]
Mode = Literal["default", "always", "enforced"]
OnPositive = Literal["refuse", "strip", "notice"]
Visibility = Literal["public", "owner"]

RANKS: Final[tuple[Rank, ...]] = ("floor", "model", "domain", "brand", "user", "feedback")
MODES: Final[tuple[Mode, ...]] = ("default", "always", "enforced")


@dataclass(frozen=True, slots=True)
class LayerTerm:
    """Words of one term, brackets resolved; their weight, above 0; who found out what about it."""

    text: str
    weight: float = 1.0
    reason: str = ""
    evidence: str = ""

    @property
    def key(self) -> str:
        """What two spellings of one term share: the words, whatever their case and spaces."""
        return " ".join(self.text.casefold().split())


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One policy, as ``files.read`` makes it from a checked file."""

    name: str
    version: str
    rank: Rank
    mode: Mode
    terms: tuple[LayerTerm, ...]
    dialect: str = "a1111"
    """The language the terms were written in, which says how their weights act."""
    owner: str = ""
    reason: str = ""
    applies_to: tuple[str, ...] = ()
    """Families and names of models; empty for all."""
    visibility: Visibility = "public"
    on_positive: OnPositive = "notice"
    """What happens where the prompt asks for a term."""
    least_scale: float = 1.5
    """Guidance scale below which an enforced layer counts as unable to act."""
    expires: str | None = None
    """The last day on which it is meant to act, as 2027-12-31."""
    residual: str = ""
    """What an enforced layer does not promise, measured where it was."""

    @cached_property
    def hash(self) -> str:
        """SHA-256 over everything in it, as 64 hexadecimal digits."""
        content = json.dumps(asdict(self), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(content.encode()).hexdigest()

    @property
    def label(self) -> str:
        """Name, version and the start of the hash: ``house-floor@1.0.0#0a1b2c3d``."""
        return f"{self.name}@{self.version}#{self.hash[:8]}"

    @property
    def is_hidden(self) -> bool:
        """Whether only its owner may see its terms."""
        return self.visibility == "owner"

    @property
    def is_enforced(self) -> bool:
        """Whether nothing a request contains may remove or weaken its terms."""
        return self.mode == "enforced"

    def applies(self, family: str | None, model: str) -> bool:
        """Whether it is meant for a model; ``family`` is None while the model is not loaded."""
        return not self.applies_to or family in self.applies_to or model in self.applies_to

    def is_expired(self, today: date) -> bool:
        """Whether its last day has passed."""
        return self.expires is not None and date.fromisoformat(self.expires) < today
