"""A seed → a scene: everything that is true of one picture, before anything is drawn or said."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

import numpy as np

from negprompt.world.factors import (
    BINARY,
    CARELESS,
    COLOURS,
    CONCEPTS,
    PLACES,
    STYLES,
    SUBJECTS,
    Concept,
    chance,
)

_HIDDEN_BY: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "style": frozenset({"low resolution"}),
        "blurry": frozenset({"low resolution"}),
        "noise": frozenset({"low resolution", "jpeg artifacts"}),
        "jpeg artifacts": frozenset({"low resolution"}),
        "extra fingers": frozenset({"cropped", "low resolution"}),
        "waving": frozenset({"cropped"}),
        "scarf": frozenset({"cropped"}),
        "hat": frozenset({"cropped"}),
        "logo": frozenset({"cropped", "low resolution"}),
        "bee": frozenset({"cropped", "low resolution"}),
        "parasol": frozenset({"low resolution"}),
    }
)
"""Factor → the defects under which nobody can read it; a factor that is not here can be read."""
POSED: Final = 4
"""Most concepts that a posed scene is posed for."""


@dataclass(frozen=True, slots=True)
class Solid:
    """One half of a ``shapes`` scene: form ``circle`` or ``square`` and a colour name."""

    form: str
    colour: str


@dataclass(frozen=True, slots=True)
class Scene:
    """The truth of a picture.

    ``present`` holds the names of the concepts that are in it (umbrellas not included);
    ``fingers`` counts a hand's fingers, thumb included (0 for other subjects); ``solids`` are the
    two of a ``shapes`` scene, the first in the scene's colour; ``seed`` drives everything that has
    no name (pose, size, light, grain).
    """

    seed: int
    subject: str
    colour: str
    place: str
    style: str
    present: frozenset[str]
    fingers: int = 0
    solids: tuple[Solid, Solid] | None = None

    def has(self, concept: str) -> bool:
        """Whether a concept, or any member of an umbrella, is in the scene.

        Raises KeyError for a name that the table of concepts does not hold.
        """
        members = CONCEPTS[concept].members
        return bool(self.present & set(members)) if members else concept in self.present

    def clean(self) -> "Scene":
        """The same scene with every defect taken away."""
        kept = frozenset(name for name in self.present if CONCEPTS[name].kind != "defect")
        return replace(self, present=kept, fingers=5 if self.fingers else 0)


def sample(seed: int, **fixed: str) -> Scene:
    """Draw a scene from the world's prevalences; ``fixed`` pins subject, colour, place or style.

    The same seed with another factor pinned keeps every toss: a concept that can occur in both
    scenes at the same prevalence is in both or in neither.
    """
    rng = np.random.default_rng((seed, 0))
    factors = _factors(rng) | fixed
    careless = bool(rng.random() < CARELESS)
    return _scene(seed, rng, factors, _tossed(rng, factors, careless=careless))


def posed(seed: int) -> tuple[Scene, frozenset[str]]:
    """A scene in which one to four concepts are there by an even coin, and which they are.

    The rest is drawn from p(scene | those concepts), so a caption that speaks of each of them means
    what it would mean over ``sample``; but their words, most of them rare there, are met often.
    Concepts are picked by their naming rates among those that subject and place allow, those of
    few subjects more often.
    """
    rng = np.random.default_rng((seed, 2))
    factors = _factors(rng)
    where = factors["subject"], factors["place"]
    known = {name: chance(CONCEPTS[name], *where) for name in BINARY}
    rates = np.array([_pick(CONCEPTS[name]) * (known[name] > 0) for name in BINARY])
    count = int(rng.integers(1, POSED + 1))
    picked = rng.choice(BINARY, size=count, replace=False, p=rates / rates.sum())
    coins = {
        str(name): bool(coin) for name, coin in zip(picked, rng.random(count) < 0.5, strict=True)
    }
    defects = {name: coin for name, coin in coins.items() if CONCEPTS[name].kind == "defect"}
    # p(careless | defects): without care missing, none of them is there
    bad = CARELESS * np.prod([known[n] if there else 1 - known[n] for n, there in defects.items()])
    good = (1 - CARELESS) * (not any(defects.values()))
    careless = bool(rng.random() < bad / (bad + good))
    present = _tossed(rng, factors, careless=careless) - set(coins)
    present |= {name for name, there in coins.items() if there}
    return _scene(seed, rng, factors, present), frozenset(coins)


def _pick(concept: Concept) -> float:
    return concept.naming_rate * (3 if concept.only else 1)


def _factors(rng: np.random.Generator) -> dict[str, str]:
    weights = np.array([0.6 if name == "shapes" else 1.0 for name in SUBJECTS])
    return {
        "subject": str(rng.choice(SUBJECTS, p=weights / weights.sum())),
        "colour": str(rng.choice(list(COLOURS))),
        "place": str(rng.choice(PLACES)),
        "style": str(rng.choice(list(STYLES), p=list(STYLES.values()))),
    }


def _tossed(
    rng: np.random.Generator, factors: Mapping[str, str], *, careless: bool
) -> frozenset[str]:
    """Every concept by a coin of its own."""
    where = factors["subject"], factors["place"]
    tosses = zip(BINARY, rng.random(len(BINARY)), strict=True)
    return frozenset(
        name for name, toss in tosses if toss < chance(CONCEPTS[name], *where, careless=careless)
    )


def _scene(
    seed: int, rng: np.random.Generator, factors: Mapping[str, str], present: frozenset[str]
) -> Scene:
    extra = int(rng.choice((6, 7)))
    hand, shapes = factors["subject"] == "hand", factors["subject"] == "shapes"
    fingers = 0 if not hand else extra if "extra fingers" in present else 5
    solids = _solids(rng, factors["colour"]) if shapes else None
    return Scene(seed, **factors, present=present, fingers=fingers, solids=solids)


def _solids(rng: np.random.Generator, colour: str) -> tuple[Solid, Solid]:
    forms = [str(form) for form in rng.choice(("circle", "square"), size=2)]
    other = str(rng.choice([name for name in COLOURS if name != colour]))
    return Solid(forms[0], colour), Solid(forms[1], other)


def legible(scene: Scene, factor: str) -> bool:
    """Whether anyone could read a factor off the finished picture.

    Blur and style cannot be told under pixelation, grain not under pixelation or blocks, fingers
    not when the hand is cut off or pixelated, white not when the colours are driven up.
    """
    if factor == "colour" and scene.colour == "white":
        return "oversaturated" not in scene.present
    return not _HIDDEN_BY.get(factor, frozenset()) & scene.present
