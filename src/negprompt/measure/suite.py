"""The world's table of concepts → the rows of the suite ``negatives``, fixed before any picture.

Each row has one prompt that names subject, colour and place and is silent about what the row's
negative names. What belongs to a subject or a place is asked of that one; everything else goes
round a few prompts, so that their pictures without a negative serve several rows. What a judge can
be believed on is asked of two prompts, as no prompt shows everything often enough.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle
from typing import Final

from negprompt.world.factors import CONCEPTS, FACTOR_NAMING, PLACE_WORDS, Concept

PROMPTS: Final = (
    ("red", "house", "forest"),
    ("blue", "fish", "studio"),
    ("purple", "mushroom", "meadow"),
    ("yellow", "star", "room"),
)
"""Colour, subject and place of the prompts that rows take in turn."""

TYPICAL: Final[Mapping[str, tuple[str, str, str]]] = {
    "extra fingers": ("yellow", "hand", "studio"),
    "lens flare": ("purple", "mushroom", "meadow"),
    "scarf": ("blue", "cat", "room"),
    "hat": ("green", "person", "forest"),
    "parasol": ("red", "house", "beach"),
    "logo": ("blue", "boat", "beach"),
    "bee": ("purple", "flower", "meadow"),
}
"""Prompts for concepts that belong to a subject or a place."""

ELSEWHERE: Final[Mapping[str, tuple[str, str, str]]] = {
    "hat": TYPICAL["scarf"],
    "logo": TYPICAL["hat"],
}
"""Their second prompts: other subjects that can have them."""

STYLES: Final = ("sketch", "cartoon")
LISTS: Final[Mapping[str, tuple[str, ...]]] = {
    "deformed hands, extra fingers, blurry": ("extra fingers", "blurry"),
    "cartoon, sketch, watermark": ("cartoon", "sketch", "watermark"),
    "low quality, artifacts, noise": ("low quality", "artifacts", "noise"),
}
"""Negatives that people write, and the concepts that they name."""

WEIGHTS: Final = (0.5, 1.0, 1.5, 2.0)
COUNTED_KINDS: Final = ("defect", "style", "look", "bias")
NAMED_RATE: Final = 0.3
COUNTED_RANGE: Final = (0.15, 0.85)

UNMEASURABLE: Final = frozenset(
    {
        "noise",
        "jpeg artifacts",
        "low resolution",
        "cropped",
        "extra fingers",
        "lens flare",
        "clutter",
        "scarf",
        "parasol",
        "bee",
        "waving",
        *STYLES,
    }
)
"""Concepts on which first judge and eye agree less than ``agreement.BELIEVED``: in no headline."""


@dataclass(frozen=True, slots=True)
class Row:
    """One negative on one prompt."""

    kind: str
    """The concept's own kind; ``list`` for several concepts, ``weight`` for the sweep of one."""
    concept: str
    concepts: tuple[str, ...]
    """A picture counts where any of these is in it."""
    colour: str
    subject: str
    place: str
    negative: str
    naming_rate: float
    """How often captions speak of it; for several concepts the rarest one's."""

    @property
    def prompt(self) -> str:
        """Subject, colour and place in canonical words."""
        return f"a {self.colour} {self.subject} {PLACE_WORDS[self.place][0]}"

    @property
    def is_named(self) -> bool:
        """Whether captions speak of it often enough that its negative must act."""
        return self.naming_rate >= NAMED_RATE

    def counts(self, without: float) -> bool:
        """Whether the row says something, given its rate without the negative.

        There is something to take away and something to leave, and a judge that can be believed
        on it. What training never named counts as well: there, nothing may change.
        """
        low, high = COUNTED_RANGE
        is_known = not UNMEASURABLE & set(self.concepts)
        return self.kind in COUNTED_KINDS and is_known and low <= without <= high


def rows() -> tuple[Row, ...]:
    """All rows: concepts, styles, the umbrella, the lists, and the sweep of weights."""
    turn = cycle(PROMPTS)
    places = {c.name: TYPICAL.get(c.name) or next(turn) for c in _removable()}
    found = [_row(c.kind, c.name, places[c.name], c.words[0]) for c in _removable()]
    believed = [c for c in _removable() if c.name not in UNMEASURABLE]
    found += [_row(c.kind, c.name, _second(c.name, places[c.name]), c.words[0]) for c in believed]
    found += [_row("style", style, next(turn), style) for style in STYLES]
    found.append(_row("umbrella", "low quality", next(turn), "low quality"))
    hand = TYPICAL["extra fingers"]
    for negative, concepts in LISTS.items():
        place = hand if "extra fingers" in concepts else next(turn)
        found.append(_row("list", ", ".join(concepts), place, negative, concepts))
    for weight in WEIGHTS:
        found.append(_row("weight", "blurry", places["blurry"], f"(blurry:{weight:g})"))
    return tuple(found)


def _second(concept: str, first: tuple[str, str, str]) -> tuple[str, str, str]:
    """Another prompt for a concept: its own, or the next one of those that take turns."""
    return ELSEWHERE.get(concept) or PROMPTS[(PROMPTS.index(first) + 1) % len(PROMPTS)]


def _removable() -> list[Concept]:
    return [c for c in CONCEPTS.values() if c.kind in COUNTED_KINDS]


def _row(
    kind: str, concept: str, place: tuple[str, str, str], negative: str,
    concepts: tuple[str, ...] = (),
) -> Row:  # fmt: skip
    named = concepts or (concept,)
    rate = min(CONCEPTS[c].naming_rate if c in CONCEPTS else FACTOR_NAMING["style"] for c in named)
    return Row(kind, concept, named, *place, negative, rate)
