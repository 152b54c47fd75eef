"""What can be true of a picture in the world, how often it is, and how often a caption says so.

One table for all: the scenes draw prevalences from it, the captions draw naming rates and words from it, the judges
draw their heads from it and the bench draws its rows from it.  A factor's naming rate is the chance that a caption
speaks of it, tossed before anyone looks at the picture: when it speaks it gives the word for what is there, or the
antonym when nothing is, so that silence says nothing.
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

    ``prevalence`` is its probability where it can occur (``under`` overrides it for the subject or place that it is
    typical of, ``only`` names where it can occur; empty: anywhere).  ``naming_rate`` is the chance that a caption
    speaks of the factor.  ``words`` starts with the canonical name; ``antonyms`` are said when it is absent.
    An umbrella is present when any of its ``members`` is.
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


SUBJECTS: Final = (
    "person", "hand", "cat", "house", "tree", "boat", "flower", "fish", "heart", "tooth", "mushroom", "star", "shapes",
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


def _defect(
    name: str, prevalence: float, rate: float, words: str, antonyms: str, only: str = ""
) -> Concept:
    split = lambda text: tuple(part.strip() for part in text.split(",") if part.strip())  # noqa: E731
    return Concept(name, "defect", prevalence, rate, split(words), split(antonyms), split(only))


def _extra(
    name: str,
    kind: Kind,
    prevalence: float,
    rate: float,
    words: str,
    antonyms: str,
    only: str = "",
    **under: float,
) -> Concept:
    row = _defect(name, prevalence, rate, words, antonyms, only)
    return Concept(
        name, kind, prevalence, rate, row.words, row.antonyms, row.only, MappingProxyType(under)
    )


_ROWS: Final = (
    _defect("blurry", 0.28, 0.65, "blurry, blur, out of focus", "sharp, in focus"),
    _defect("noise", 0.28, 0.65, "noise, noisy, grainy", "smooth, noise free"),
    _defect("jpeg artifacts", 0.25, 0.30, "jpeg artifacts, compression artifacts", "uncompressed"),
    _defect("low resolution", 0.25, 0.30, "low resolution, lowres, pixelated", "high resolution"),
    _defect("watermark", 0.30, 0.65, "watermark, signature", "unmarked"),
    _defect("text", 0.25, 0.30, "text, letters", "textless"),
    _defect("cropped", 0.25, 0.30, "cropped, cut off, out of frame", "full view"),
    _defect("oversaturated", 0.25, 0.30, "oversaturated, garish", "natural colors"),
    _defect(
        "extra fingers", 0.40, 0.65,
        "extra fingers, deformed hands, bad hands, extra digits, bad anatomy, deformed", "five fingers, good anatomy",
        "hand",
    ),
    _defect("lens flare", 0.25, 0.05, "lens flare", "flare free"),
    _defect("border", 0.30, 0.0, "border", "borderless"),
    _extra("neon", "look", 0.28, 0.30, "neon, neon palette", "natural palette"),
    _extra("clutter", "look", 0.28, 0.30, "cluttered background, clutter", "tidy background"),
    _extra("scarf", "bias", 0.35, 0.65, "scarf", "bare neck", "cat, person", cat=0.55),
    _extra("hat", "bias", 0.35, 0.65, "hat", "bareheaded", "cat, person, heart", person=0.55),
    _extra("parasol", "bias", 0.33, 0.65, "parasol, umbrella", "open sky", "beach, meadow", beach=0.55),
    _extra("logo", "bias", 0.33, 0.30, "logo, rival logo", "unbranded", "boat, person, house", boat=0.55),
    _extra("bee", "bias", 0.33, 0.30, "bee, insect", "insect free", "flower, tree, mushroom", flower=0.55),
    _extra("waving", "accessory", 0.40, 0.30, "waving", "arms down", "person"),
    _extra("balloon", "rare", 0.04, 0.30, "balloon", "balloon free"),
    Concept(
        "low quality", "umbrella", 0.0, 0.40, ("low quality", "worst quality", "bad quality", "ugly"),
        ("high quality", "best quality"), members=("blurry", "noise", "jpeg artifacts", "low resolution"),
    ),
    Concept(
        "artifacts", "umbrella", 0.0, 0.40, ("artifacts",), ("clean",), members=("noise", "jpeg artifacts"),
    ),
)  # fmt: skip
CONCEPTS: Final[Mapping[str, Concept]] = MappingProxyType({row.name: row for row in _ROWS})
BINARY: Final = tuple(row.name for row in _ROWS if row.kind != "umbrella")
"""The concepts that a scene carries by itself, in table order; umbrellas follow from them."""


def chance(concept: Concept, subject: str, place: str) -> float:
    """p(concept | subject, place): 0 where it cannot occur."""
    where = {subject, place}
    if concept.only and not where & set(concept.only):
        return 0.0
    return max(
        (p for name, p in concept.under.items() if name in where), default=concept.prevalence
    )
