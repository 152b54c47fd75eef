"""A scene → what a person might type for it: sentences, tag lists, defects alone, nothing at all.

Every factor's coin is tossed before the picture is looked at (its naming rate); a caption that
speaks of a factor says what is there, or the antonym.  So silence says nothing about the picture.
"""

from functools import cache
from typing import Final

import numpy as np

from negprompt.world.factors import (
    BINARY,
    COLOURS,
    CONCEPTS,
    FACTOR_NAMING,
    PLACE_WORDS,
    STYLE_WORDS,
    SUBJECT_WORDS,
    Concept,
)
from negprompt.world.scenes import Scene

Rng = np.random.Generator
MODES: Final = {
    "sentence": 0.18,
    "bare": 0.30,
    "tags": 0.22,
    "defects": 0.08,
    "subject": 0.10,
    "empty": 0.12,
}
"""How captions are shaped and how often, chosen before the picture is looked at.

``bare`` is a sentence of subject, colour, place and style alone, as most prompts are; ``defects``
speaks of nothing but quality, ``subject`` of nothing but the subject and its colour.
"""
POSES: Final = {"sentence": 0.4, "tags": 0.3, "defects": 0.3}
"""The same for a posed scene; ``defects`` speaks of nothing but what it was posed for."""
ROOM: Final = 6
"""Most concepts that a short caption speaks of: negatives and tag lists have two to six terms."""
EXTRAS: Final = ("look", "bias", "accessory", "rare")
QUALITIES: Final = ("defect", "umbrella")
ALL: Final = frozenset(name for name, c in CONCEPTS.items() if c.naming_rate > 0)


def caption(
    scene: Scene, rng: Rng, *, about: frozenset[str] | None = None, long: bool = False
) -> str:
    """One caption of a scene, by the coins of ``rng``.

    ``about``: what a scene was posed for; the caption then speaks of just that, and of subject,
    colour, place and style as ever. ``long`` says everything three times over, in other orders:
    mostly more than 75 tokens.
    """
    if long:
        return ", ".join(term for _ in range(3) for term in _tags(scene, rng, ALL, everything=True))
    modes = MODES if about is None else POSES
    mode = str(rng.choice(list(modes), p=list(modes.values())))
    if mode == "empty":
        return ""
    if mode == "subject":
        return _noun(scene, rng, speaks_colour=bool(rng.random() < FACTOR_NAMING["colour"]))
    spoken = _topics(scene, rng) if about is None else about
    if mode == "defects":
        kinds = QUALITIES if about is None else (*QUALITIES, *EXTRAS)
        return ", ".join(_shuffled(_said(scene, rng, spoken, kinds), rng))
    if mode == "tags":
        return ", ".join(_tags(scene, rng, spoken))
    return _sentence(scene, rng, frozenset() if mode == "bare" else spoken)


def truth(scene: Scene) -> str:
    """The full true caption of a scene in canonical words: all that is there, and the quality.

    What is absent is left unsaid, apart from ``high quality`` where nothing spoils the picture.
    """
    noun = _noun(scene, None, speaks_colour=True)
    place, style = PLACE_WORDS[scene.place][0], STYLE_WORDS[scene.style][0]
    named = [CONCEPTS[name] for name in BINARY if CONCEPTS[name].naming_rate > 0]
    there = [c.words[0] for c in named if c.name in scene.present]
    quality = "low quality" if scene.has("low quality") else "high quality"
    return ", ".join(
        [f"{_article(style)}{style} of {_article(noun)}{noun} {place}", *there, quality]
    )


@cache
def vocabulary() -> frozenset[str]:
    """Every word that some caption can contain, lower case, without punctuation."""
    texts: list[str] = ["a an of and with", *COLOURS, "circle square"]
    for table in (SUBJECT_WORDS, PLACE_WORDS, STYLE_WORDS):
        texts += [word for words in table.values() for word in words]
    for concept in CONCEPTS.values():
        if concept.naming_rate > 0:
            texts += [*concept.words, *concept.antonyms]
    return frozenset(" ".join(texts).split())


def _article(noun: str) -> str:
    return "" if not noun else "an " if noun[0] in "aeiou" else "a "


def _noun(scene: Scene, rng: Rng | None, *, speaks_colour: bool) -> str:
    """``red cat``; for two solids ``red circle and a blue square``."""
    if scene.solids:
        first, second = (
            f"{solid.colour} {solid.form}" if speaks_colour else solid.form
            for solid in scene.solids
        )
        return f"{first} and {_article(second)}{second}"
    words = SUBJECT_WORDS[scene.subject]
    word = words[0] if rng is None or rng.random() < 0.6 else str(rng.choice(words))
    return f"{scene.colour} {word}" if speaks_colour else word


def _word(concept: Concept, rng: Rng, *, present: bool) -> str:
    words = concept.words if present else concept.antonyms
    return words[0] if rng.random() < 0.55 else str(rng.choice(words))


def _speakable(concept: Concept, scene: Scene) -> bool:
    """Whether there is anything to say: no caption talks of the fingers of a house."""
    return not concept.only or bool({scene.subject, scene.place} & set(concept.only))


def _topics(scene: Scene, rng: Rng) -> frozenset[str]:
    """What a caption speaks of: each concept by its naming rate, at most ROOM of them."""
    tossed = [
        concept.name
        for concept, toss in zip(CONCEPTS.values(), rng.random(len(CONCEPTS)), strict=True)
        if toss < concept.naming_rate and _speakable(concept, scene)
    ]
    return frozenset(_shuffled(tossed, rng)[:ROOM])


def _said(scene: Scene, rng: Rng, spoken: frozenset[str], kinds: tuple[str, ...]) -> list[str]:
    """What is said of the concepts that the caption speaks of and that are of some kinds."""
    return [
        _word(concept, rng, present=scene.has(name))
        for name, concept in CONCEPTS.items()
        if name in spoken and concept.kind in kinds and _speakable(concept, scene)
    ]


def _shuffled(words: list[str], rng: Rng) -> list[str]:
    return [words[int(k)] for k in rng.permutation(len(words))]


def _spoken(rng: Rng, *, everything: bool = False) -> dict[str, bool]:
    """The coins of subject, place, style and colour."""
    tosses = zip(("subject", "place", "style", "colour"), rng.random(4), strict=True)
    return {factor: everything or bool(toss < FACTOR_NAMING[factor]) for factor, toss in tosses}


def _tags(scene: Scene, rng: Rng, spoken: frozenset[str], *, everything: bool = False) -> list[str]:
    """Terms in any order, the noun mostly first."""
    factors = _spoken(rng, everything=everything)
    said = _said(scene, rng, spoken, (*QUALITIES, *EXTRAS))
    if factors["place"]:
        said.append(str(rng.choice(PLACE_WORDS[scene.place])))
    if factors["style"]:
        said.append(str(rng.choice(STYLE_WORDS[scene.style])))
    speaks_colour = factors["colour"]
    if not factors["subject"]:
        return _shuffled([*said, scene.colour] if speaks_colour else said, rng)
    noun = _noun(scene, rng, speaks_colour=speaks_colour)
    return [noun, *_shuffled(said, rng)] if rng.random() < 0.7 else _shuffled([noun, *said], rng)


def _sentence(scene: Scene, rng: Rng, spoken: frozenset[str]) -> str:
    """``an illustration of a red cat with scarf in a meadow, blurry``."""
    factors = _spoken(rng)
    noun = _noun(scene, rng, speaks_colour=factors["colour"])
    text = f"{_article(noun)}{noun}"
    if factors["style"]:
        style = str(rng.choice(STYLE_WORDS[scene.style]))
        text = f"{_article(style)}{style} of {text}"
    extras = _said(scene, rng, spoken, EXTRAS)
    if extras:
        text += " with " + " and ".join(extras)
    if factors["place"]:
        text += " " + PLACE_WORDS[scene.place][0]
    return ", ".join([text, *_shuffled(_said(scene, rng, spoken, QUALITIES), rng)])
