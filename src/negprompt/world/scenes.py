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
    weights = np.array([0.6 if name == "shapes" else 1.0 for name in SUBJECTS])
    subject = str(rng.choice(SUBJECTS, p=weights / weights.sum()))
    colour = str(rng.choice(list(COLOURS)))
    place = str(rng.choice(PLACES))
    style = str(rng.choice(list(STYLES), p=list(STYLES.values())))
    subject, colour = fixed.get("subject", subject), fixed.get("colour", colour)
    place, style = fixed.get("place", place), fixed.get("style", style)
    careless = bool(rng.random() < CARELESS)
    tosses = rng.random(len(BINARY))
    present = frozenset(
        name
        for name, toss in zip(BINARY, tosses, strict=True)
        if toss < chance(CONCEPTS[name], subject, place, careless=careless)
    )
    extra = int(rng.choice((6, 7)))
    fingers = 0 if subject != "hand" else extra if "extra fingers" in present else 5
    solids = _solids(rng, colour) if subject == "shapes" else None
    return Scene(seed, subject, colour, place, style, present, fingers, solids)


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
