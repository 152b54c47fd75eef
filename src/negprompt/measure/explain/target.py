"""A prompt and a negative → the picture that was meant, as the world would describe it in full.

Only the world of the pocket model can say that. The picture shows what the prompt names; subject,
colour, place and style that it leaves open are drawn from the world; there are no defects and
nothing that neither asks for. The caption says all of this, and of what the negative names it says,
by the antonym, that it is not there.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from negprompt.world.captions import truth
from negprompt.world.factors import (
    COLOURS,
    CONCEPTS,
    PLACE_WORDS,
    STYLE_WORDS,
    SUBJECT_WORDS,
    Concept,
    chance,
)
from negprompt.world.scenes import Scene, Solid, sample

SEED = 0
"""Where drawing begins; the first scene that fits is taken."""
_DRAWS = 1000
_SOLID = re.compile(rf"\b(?:({'|'.join(COLOURS)}) )?(circle|square)\b")


@dataclass(frozen=True, slots=True)
class Target:
    """The picture that was meant."""

    caption: str
    """The full true caption of the clean scene, with the antonyms of what the negative names."""
    named: tuple[str, ...]
    """What of it the prompt names, as ``factor: value``."""
    drawn: tuple[str, ...]
    """What the prompt leaves open and the world filled in, likewise."""
    absent: tuple[str, ...]
    """Concepts that the negative names, which are therefore not in it."""


def meant(prompt: str, negative: str, *, seed: int = SEED) -> Target:
    """The target of a prompt; both texts without brackets. The same texts and seed give the same.

    Where prompt and negative name the same thing, the prompt is believed.
    """
    named, shunned = _factors(prompt), _factors(negative)
    scene = _fitting(named, shunned, seed)
    wanted, unwanted = _concepts(prompt), _concepts(negative)
    absent = tuple(concept for concept in unwanted if concept not in wanted)
    there = {concept.name for concept in wanted if chance(concept, scene.subject, scene.place) > 0}
    scene = replace(scene, present=frozenset(there)).clean()
    said = [concept.antonyms[0] for concept in absent if _can_be_denied(concept, scene)]
    truly = truth(scene)
    caption = ", ".join([truly, *(word for word in said if word not in truly)])
    factors = {name: getattr(scene, name) for name in ("subject", "colour", "place", "style")}
    shown = [f"with: {concept.name}" for concept in wanted if concept.name in scene.present]
    return Target(
        caption=caption,
        named=(*(f"{name}: {value}" for name, value in factors.items() if name in named), *shown),
        drawn=tuple(f"{name}: {value}" for name, value in factors.items() if name not in named),
        absent=tuple(concept.name for concept in absent),
    )


def _factors(text: str) -> dict[str, str]:
    """What a text says of subject, colour, place and style: the first word for each."""
    tables: dict[str, Mapping[str, tuple[str, ...]]] = {
        "subject": {**SUBJECT_WORDS, "shapes": ("circle", "square")},
        "colour": {name: (name,) for name in COLOURS},
        "place": {name: (*words, name) for name, words in PLACE_WORDS.items()},
        "style": {name: (*words, name) for name, words in STYLE_WORDS.items()},
    }
    found = {}
    for factor, table in tables.items():
        places = {name: at for name, words in table.items() if (at := _first(words, text)) >= 0}
        if places:
            found[factor] = min(places, key=lambda name: places[name])
    solids = _SOLID.findall(text.lower())
    return {**found, **({"solids": " ".join(map(" ".join, solids))} if solids else {})}


def _first(words: Iterable[str], text: str) -> int:
    """Where the first of some phrases stands in a text as whole words, -1 if nowhere."""
    found = [re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text.lower()) for word in words]
    return min((match.start() for match in found if match), default=-1)


def _concepts(text: str) -> tuple[Concept, ...]:
    """The concepts that a text names, in the table's order."""
    return tuple(
        concept
        for concept in CONCEPTS.values()
        if concept.naming_rate > 0 and _first(concept.words, text) >= 0
    )


def _fitting(named: Mapping[str, str], shunned: Mapping[str, str], seed: int) -> Scene:
    """The first drawn scene whose factors the negative does not name, unless the prompt does."""
    fixed = {name: value for name, value in named.items() if name != "solids"}
    avoided = {name: value for name, value in shunned.items() if name not in named}
    scenes = (sample(seed + draw, **fixed) for draw in range(_DRAWS))
    scene = next(
        (s for s in scenes if all(getattr(s, name, None) != v for name, v in avoided.items())),
        sample(seed, **fixed),
    )
    return replace(scene, solids=_solids(named, scene)) if scene.solids else scene


def _solids(named: Mapping[str, str], scene: Scene) -> tuple[Solid, Solid] | None:
    """The two solids that the prompt names; what it leaves open as drawn."""
    if scene.solids is None or "solids" not in named:
        return scene.solids
    said = _SOLID.findall(named["solids"])[:2]
    pairs = [*said, *[("", "")] * (2 - len(said))]
    first, second = (
        Solid(form or drawn.form, colour or drawn.colour)
        for (colour, form), drawn in zip(pairs, scene.solids, strict=True)
    )
    return first, second


def _can_be_denied(concept: Concept, scene: Scene) -> bool:
    """Whether a caption would say that it is absent: no one speaks of the fingers of a house."""
    where = {scene.subject, scene.place}
    return bool(concept.antonyms) and (not concept.only or bool(where & set(concept.only)))
