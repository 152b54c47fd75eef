"""The world's table of concepts → arms: what negatives are used for, as prompts with known truth.

One row of ``ARMS`` is one arm. A case is one prompt with one negative; the prompts of an arm are
drawn once and for all from every subject, colour and place, those of the screening apart from those
of the finals.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np

from negprompt.measure.suite import UNMEASURABLE
from negprompt.world.factors import COLOURS, CONCEPTS, PLACE_WORDS, PLACES, SUBJECTS, rate
from negprompt.world.judge import CLASSES
from negprompt.world.scenes import Scene, Solid

NAMED: Final = 0.3
"""Concepts that captions name less often are in no arm: no negative can act on them."""
SEED: Final = 20_251
SCREENING: Final = 3
"""One spot in three is for screening, the others for the finals."""


@dataclass(frozen=True, slots=True)
class Case:
    """One prompt with one negative, and what is known of them."""

    prompt: str
    negative: str
    targets: tuple[str, ...] = ()
    """What the negative names; none where no judge can read it."""
    named: Mapping[str, str] | None = None
    """Subject, colour, place and style that the prompt names."""
    antonym: str | None = None
    """What could be said in the prompt instead; None where there is no such word."""
    solids: tuple[Solid, Solid] | None = None
    """The two solids that the prompt names."""

    @property
    def pins(self) -> dict[str, str]:
        """What is true of every scene of the prompt."""
        return dict(self.named or {})

    @property
    def measurable(self) -> bool:
        """Whether what the negative names may stand in a headline."""
        return bool(self.targets) and not UNMEASURABLE & set(self.targets)

    def allows(self, scene: Scene) -> bool:
        """Whether a scene is what the prompt asks for, without what the negative names."""
        if self.solids is not None and scene.solids != self.solids:
            return False
        return not any(_in(scene, target) for target in self.targets)


@dataclass(frozen=True, slots=True)
class Spot:
    """What every prompt names."""

    colour: str
    subject: str
    place: str

    @property
    def text(self) -> str:
        """``a red cat in a meadow``."""
        return f"a {self.colour} {self.subject} {PLACE_WORDS[self.place][0]}"

    def rate(self, concept: str) -> float:
        """How often a concept is in such a scene."""
        return rate(CONCEPTS[concept], self.subject, self.place)

    def case(self, negative: str, *targets: str, text: str = "", antonym: str = "") -> Case:
        """A prompt of this spot, with ``text`` appended to it."""
        named = {"subject": self.subject, "colour": self.colour, "place": self.place}
        return Case(self.text + text, negative, targets, named, antonym or None)


Theme = str
"""What a case is about: a concept, several joined by commas, or a name of its arm's own."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One thing that negatives are used for."""

    name: str
    about: str
    themes: tuple[Theme, ...]
    fits: Callable[[Theme, Spot], bool]
    """Where a theme can be asked for."""
    case: Callable[[Theme, Spot], Case]
    steps: int | None = None
    """Denoising steps, where they are the arm's own."""
    large: bool = False
    """64 prompts × 16 seeds in the finals, not 32 × 8."""

    def cases(self, count: int, *, finals: bool) -> tuple[Case, ...]:
        """The first cases, themes in turn. ValueError where the world has too few spots."""
        pools = {theme: self._spots(theme, finals=finals) for theme in self.themes}
        found = []
        for k in range(count):
            theme, turn = self.themes[k % len(self.themes)], k // len(self.themes)
            if turn >= len(pools[theme]):
                raise ValueError(f"{self.name}: {len(pools[theme])} spots for {theme}")
            found.append(self.case(theme, pools[theme][turn]))
        return tuple(found)

    def _spots(self, theme: Theme, *, finals: bool) -> Sequence[Spot]:
        rng = np.random.default_rng((SEED, *f"{self.name} {theme}".encode()))
        spots = [spot for spot in SPOTS if self.fits(theme, spot)]
        order = [spots[int(k)] for k in rng.permutation(len(spots))]
        few = len(order) // SCREENING
        return order[few:] if finals else order[:few]


def _antonym(*names: str) -> str:
    words = [CONCEPTS[n].antonyms[0] if n in CONCEPTS else "illustration" for n in names]
    return ", ".join(dict.fromkeys(words))


def _word(name: str) -> str:
    return CONCEPTS[name].words[0] if name in CONCEPTS else name


def _listed(theme: Theme, spot: Spot) -> Case:
    """The negative names what may be there by itself."""
    names = theme.split(", ")
    words = ", ".join(map(_word, names))
    return spot.case(words, *names, antonym=_antonym(*names))


def _irrelevant(theme: Theme, spot: Spot) -> Case:
    return spot.case(_word(theme), theme, antonym=_antonym(theme))


def _long(theme: Theme, spot: Spot) -> Case:
    return spot.case(LONG, theme, antonym=_antonym(theme))


def _contained(theme: Theme, spot: Spot) -> Case:
    """The prompt asks for what the negative refuses; the truth is taken to be the negative's."""
    return spot.case(_word(theme), theme, text=f", {_word(theme)}")


def _reverse(theme: Theme, spot: Spot) -> Case:
    """The negative acts over the first 30 % of the steps."""
    return spot.case(f"[{_word(theme)}::0.3]", theme, antonym=_antonym(theme))


def _overlap(theme: Theme, spot: Spot) -> Case:
    """The negative shares words with the prompt: the noun, the noun and its form, the colours."""
    if theme == "other colour":
        other = _other(spot.colour)
        return spot.case(f"{other} {spot.subject}", other)
    if theme == "pair":
        other = _other(spot.colour)
        place = PLACE_WORDS[spot.place][0]
        text = f"a {spot.colour} circle and a {other} square {place}"
        pins = {"subject": "shapes", "colour": spot.colour, "place": spot.place}
        solids = Solid("circle", spot.colour), Solid("square", other)
        return Case(text, f"{other} circle", (), pins, None, solids)
    negative = f"{spot.subject} with {_word(theme)}"
    return spot.case(negative, theme, antonym=_antonym(theme))


def _other(colour: str) -> str:
    names = list(COLOURS)
    return names[(names.index(colour) + 2) % len(names)]


def _typical(theme: Theme, spot: Spot) -> bool:
    return bool({spot.subject, spot.place} & set(CONCEPTS[theme].under))


def _possible(theme: Theme, spot: Spot) -> bool:
    names = [name for name in theme.split(", ") if name in CONCEPTS]
    return spot.subject != "shapes" and all(n not in _BARE or spot.rate(n) > 0 for n in names)


def _impossible(theme: Theme, spot: Spot) -> bool:
    return spot.subject != "shapes" and spot.rate(theme) == 0


def _anywhere(theme: Theme, spot: Spot) -> bool:
    return spot.subject != "shapes"


def _overlaps(theme: Theme, spot: Spot) -> bool:
    if theme in ("pair", "other colour"):
        return (spot.subject == "shapes") == (theme == "pair")
    return _typical(theme, spot) and spot.subject in CONCEPTS[theme].under


def _in(scene: Scene, target: str) -> bool:
    if target in CONCEPTS:
        return scene.has(target)
    return any(getattr(scene, f) == target for f, names in CLASSES.items() if target in names)


def _kind(*kinds: str) -> tuple[str, ...]:
    return tuple(c.name for c in CONCEPTS.values() if c.kind in kinds and c.naming_rate >= NAMED)


SPOTS: Final = tuple(Spot(*spot) for spot in product(COLOURS, SUBJECTS, PLACES))
_BARE: Final = frozenset(c.name for c in CONCEPTS.values() if not c.members)
_BIASES: Final = tuple(name for name in _kind("bias") if CONCEPTS[name].under)
_QUALITY: Final = tuple(n for n in _kind("defect", "umbrella") if not CONCEPTS[n].only)
_LOOKS: Final = ("sketch", "cartoon", *_kind("look"))
_SEVERAL: Final = (
    "watermark, text", "oversaturated, neon, text", "noise, watermark, text, oversaturated",
    "blurry, low resolution", "jpeg artifacts, noise, watermark", "sketch, neon",
)  # fmt: skip
LONG: Final = ", ".join(
    ["low quality", "worst quality", *(_word(name) for name in _QUALITY[:8]), "grainy", "signature",
     "letters", "garish", "deformed", "bad anatomy", "ugly", "cartoon", "neon", "clutter"]
)  # fmt: skip
"""Twenty terms, as templates are."""

ARMS: Final[Mapping[str, Arm]] = {
    arm.name: arm
    for arm in (
        Arm("bias", "a thing that is typical of subject or place", _BIASES, _typical, _listed,
            large=True),
        Arm("overlap", "the negative shares words with the prompt",
            ("pair", "other colour", *(n for n in _BIASES if n != "parasol")),
            _overlaps, _overlap, large=True),
        Arm("irrelevant", "a thing that cannot be there: any change is harm",
            _kind("bias", "accessory"), _impossible, _irrelevant, large=True),
        Arm("quality", "one defect, or an umbrella of several", _QUALITY, _possible, _listed,
            large=True),
        Arm("style", "a style or a look", _LOOKS, _possible, _listed, large=True),
        Arm("several", "two to four things in one negative", _SEVERAL, _anywhere, _listed),
        Arm("long", "a template of twenty terms; one of them is looked for", _QUALITY[:8],
            _possible, _long),
        Arm("containment", "the prompt asks for what the negative refuses", _BIASES, _typical,
            _contained),
        Arm("reverse", "a rare thing, refused in the first 30 % of the steps", ("balloon",),
            _anywhere, _reverse),
        Arm("few", "four steps of a model that is not distilled for it",
            (*_BIASES, *_QUALITY[:5]), lambda t, s: (_typical if t in _BIASES else _possible)(t, s),
            _listed, steps=4),
    )
}  # fmt: skip
