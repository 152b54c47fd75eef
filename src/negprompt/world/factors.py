"""What can be true of a picture in the world, how often it is, and how often a caption says so.

One table for all: scenes draw prevalences from it, captions naming rates and words, judges their
heads and the bench its rows.  A factor's naming rate is the chance that a caption speaks of it,
tossed before anyone looks at the picture: when it speaks it gives the word for what is there, or
the antonym when nothing is, so that silence says nothing.  No antonym begins with the word that it
denies: a causal encoder reads "noise" in "noise free" before it can know better.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

Kind = Literal[
    "subject", "colour", "place", "style", "defect", "look", "bias", "accessory", "rare", "umbrella"
]


@dataclass(frozen=True, slots=True)
class Concept:
    """One thing that may be in a picture.

    ``prevalence`` is its probability where it can occur; ``only`` names the subjects or places
    where it can (empty: anywhere), ``under`` gives another probability for those that it is typical
    of.  A defect can occur in careless scenes alone.  ``naming_rate`` is the chance that a caption
    with room for it speaks of it.  ``words`` starts with the canonical one; ``antonyms`` are said
    when it is absent.  An umbrella has no prevalence of its own: it is present when any of its
    ``members`` is.
    """

    name: str
    kind: Kind
    prevalence: float
    naming_rate: float
    words: tuple[str, ...]
    antonyms: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    under: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    members: tuple[str, ...] = ()


CARELESS: Final = 0.65
"""Share of scenes that were made carelessly; the others have no defect at all.

Defects gather in some pictures, as they do in real ones, and every subject is often seen whole.
"""
SUBJECTS: Final = (
    "person", "hand", "cat", "house", "tree", "boat", "flower", "fish", "heart", "tooth",
    "mushroom", "star", "shapes",
)  # fmt: skip
COLOURS: Final[Mapping[str, tuple[float, float, float]]] = MappingProxyType(
    {
        "red": (0.84, 0.17, 0.15),
        "yellow": (0.96, 0.80, 0.16),
        "green": (0.18, 0.62, 0.26),
        "blue": (0.16, 0.38, 0.86),
        "purple": (0.56, 0.24, 0.74),
        "white": (0.95, 0.95, 0.93),
    }
)
PLACES: Final = ("meadow", "beach", "town", "forest", "room", "studio")
STYLES: Final[Mapping[str, float]] = MappingProxyType(
    {"illustration": 0.38, "cartoon": 0.26, "sketch": 0.26, "diagram": 0.10}
)
FACTOR_NAMING: Final[Mapping[str, float]] = MappingProxyType(
    {"subject": 0.9, "colour": 0.65, "place": 0.65, "style": 0.65}
)
SUBJECT_WORDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "person": ("person", "woman", "man", "portrait"),
        "hand": ("hand", "open hand"),
        "cat": ("cat", "kitten"),
        "house": ("house", "cottage"),
        "tree": ("tree",),
        "boat": ("boat", "sailboat"),
        "flower": ("flower",),
        "fish": ("fish",),
        "heart": ("heart",),
        "tooth": ("tooth",),
        "mushroom": ("mushroom",),
        "star": ("star",),
    }
)
PLACE_WORDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "meadow": ("in a meadow", "meadow"),
        "beach": ("on a beach", "beach"),
        "town": ("in a snowy night town", "snowy night town"),
        "forest": ("in a forest", "forest"),
        "room": ("in a room", "room"),
        "studio": ("in a studio", "studio", "plain background"),
    }
)
STYLE_WORDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "illustration": ("illustration", "painting"),
        "cartoon": ("cartoon", "comic"),
        "sketch": ("sketch", "pencil drawing"),
        "diagram": ("clinical diagram", "diagram"),
    }
)


def _row(
    name: str,
    kind: Kind,
    prevalence: float,
    naming_rate: float,
    words: str,
    *,
    antonyms: str,
    only: str = "",
    members: str = "",
    **under: float,
) -> Concept:
    """One row of the table; words, antonyms, ``only`` and ``members`` are lists with commas."""
    return Concept(
        name,
        kind,
        prevalence,
        naming_rate,
        words=_listed(words),
        antonyms=_listed(antonyms),
        only=_listed(only),
        under=MappingProxyType(under),
        members=_listed(members),
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split(", ")) if text else ()


_ROWS: Final = (
    _row("blurry", "defect", 0.38, 0.65, "blurry, blur, out of focus", antonyms="sharp, in focus"),
    _row("noise", "defect", 0.42, 0.65, "noise, noisy, grainy", antonyms="smooth"),
    _row("jpeg artifacts", "defect", 0.30, 0.30, "jpeg artifacts, compression artifacts",
         antonyms="uncompressed"),
    _row("low resolution", "defect", 0.36, 0.30, "low resolution, lowres, pixelated",
         antonyms="high resolution"),
    _row("watermark", "defect", 0.42, 0.65, "watermark, signature", antonyms="unmarked"),
    _row("text", "defect", 0.42, 0.30, "text, letters", antonyms="textless"),
    _row("cropped", "defect", 0.40, 0.30, "cropped, cut off, out of frame", antonyms="full view"),
    _row("oversaturated", "defect", 0.36, 0.30, "oversaturated, garish", antonyms="natural colors"),
    _row("extra fingers", "defect", 0.40, 0.65,
         "extra fingers, deformed hands, bad hands, extra digits, bad anatomy, deformed",
         antonyms="five fingers, good anatomy", only="hand"),
    _row("lens flare", "defect", 0.40, 0.05, "lens flare", antonyms="even light",
         only="beach, meadow"),
    _row("border", "defect", 0.40, 0.0, "border", antonyms="borderless"),
    _row("neon", "look", 0.28, 0.30, "neon, neon palette", antonyms="natural palette"),
    _row("clutter", "look", 0.28, 0.30, "cluttered background, clutter",
         antonyms="tidy background"),
    _row("scarf", "bias", 0.35, 0.65, "scarf", antonyms="bare neck", only="cat, person", cat=0.55),
    _row("hat", "bias", 0.35, 0.65, "hat", antonyms="bareheaded", only="cat, person, heart",
         person=0.55),
    _row("parasol", "bias", 0.33, 0.65, "parasol, umbrella", antonyms="open sky",
         only="beach, meadow", beach=0.55),
    _row("logo", "bias", 0.33, 0.30, "logo, rival logo", antonyms="unbranded",
         only="boat, person, house", boat=0.55),
    _row("bee", "bias", 0.33, 0.30, "bee, insect", antonyms="alone",
         only="flower, tree, mushroom", flower=0.55),
    _row("waving", "accessory", 0.40, 0.30, "waving", antonyms="arms down", only="person"),
    _row("balloon", "rare", 0.04, 0.30, "balloon", antonyms="grounded"),
    _row("low quality", "umbrella", 0.0, 0.40, "low quality, worst quality, bad quality, ugly",
         antonyms="high quality, best quality",
         members="blurry, noise, jpeg artifacts, low resolution"),
    _row("artifacts", "umbrella", 0.0, 0.40, "artifacts", antonyms="clean",
         members="noise, jpeg artifacts"),
)  # fmt: skip
CONCEPTS: Final[Mapping[str, Concept]] = MappingProxyType({row.name: row for row in _ROWS})
BINARY: Final = tuple(row.name for row in _ROWS if row.kind != "umbrella")
"""The concepts that a scene carries by itself, in table order; umbrellas follow from them."""


def chance(concept: Concept, subject: str, place: str, *, careless: bool = True) -> float:
    """p(concept | subject, place, careless): 0 where it cannot occur."""
    where = {subject, place}
    if (concept.kind == "defect" and not careless) or (
        concept.only and not where & {*concept.only}
    ):
        return 0.0
    return max(
        (p for name, p in concept.under.items() if name in where), default=concept.prevalence
    )


def rate(concept: Concept, subject: str, place: str) -> float:
    """p(concept | subject, place) over careless scenes and others."""
    both = (chance(concept, subject, place, careless=careless) for careless in (True, False))
    return sum(p * share for p, share in zip(both, (CARELESS, 1 - CARELESS), strict=True))
