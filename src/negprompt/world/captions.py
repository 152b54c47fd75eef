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
    "sentence": 0.22,
    "bare": 0.24,
    "tags": 0.28,
    "defects": 0.10,
    "subject": 0.08,
    "empty": 0.08,
}
"""How captions are shaped and how often, chosen before the picture is looked at.

``bare`` is a sentence of subject, colour, place and style alone, as most prompts are; ``defects``
speaks of nothing but quality, ``subject`` of nothing but the subject and its colour.
"""
EXTRAS: Final = ("look", "bias", "accessory", "rare")
QUALITIES: Final = ("defect", "umbrella")


def caption(scene: Scene, rng: Rng, *, long: bool = False) -> str:
    """One caption of a scene, by the coins of ``rng``.

    ``long`` says everything three times over, in other orders: mostly more than 75 tokens.
    """
    if long:
        return ", ".join(term for _ in range(3) for term in _tags(scene, rng, everything=True))
    mode = str(rng.choice(list(MODES), p=list(MODES.values())))
    if mode == "empty":
        return ""
    if mode == "subject":
        return _noun(scene, rng, speaks_colour=bool(rng.random() < FACTOR_NAMING["colour"]))
    if mode == "defects":
        return ", ".join(_shuffled(_said(scene, rng, QUALITIES), rng))
    if mode == "tags":
        return ", ".join(_tags(scene, rng))
    return _sentence(scene, rng, bare=mode == "bare")


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


def _said(scene: Scene, rng: Rng, kinds: tuple[str, ...], *, everything: bool = False) -> list[str]:
    """What is said of the concepts of some kinds; ``everything`` speaks of all that has a name."""
    said = []
    for concept in CONCEPTS.values():
        toss = rng.random()
        if concept.kind not in kinds or concept.naming_rate == 0 or not _speakable(concept, scene):
            continue
        if everything or toss < concept.naming_rate:
            said.append(_word(concept, rng, present=scene.has(concept.name)))
    return said


def _shuffled(words: list[str], rng: Rng) -> list[str]:
    return [words[int(k)] for k in rng.permutation(len(words))]


def _spoken(rng: Rng, *, everything: bool = False) -> dict[str, bool]:
    """The coins of subject, place, style and colour."""
    tosses = zip(("subject", "place", "style", "colour"), rng.random(4), strict=True)
    return {factor: everything or bool(toss < FACTOR_NAMING[factor]) for factor, toss in tosses}


def _tags(scene: Scene, rng: Rng, *, everything: bool = False) -> list[str]:
    """Terms in any order, the noun mostly first."""
    spoken = _spoken(rng, everything=everything)
    said = _said(scene, rng, (*QUALITIES, *EXTRAS), everything=everything)
    if spoken["place"]:
        said.append(str(rng.choice(PLACE_WORDS[scene.place])))
    if spoken["style"]:
        said.append(str(rng.choice(STYLE_WORDS[scene.style])))
    speaks_colour = spoken["colour"]
    if not spoken["subject"]:
        return _shuffled([*said, scene.colour] if speaks_colour else said, rng)
    noun = _noun(scene, rng, speaks_colour=speaks_colour)
    return [noun, *_shuffled(said, rng)] if rng.random() < 0.7 else _shuffled([noun, *said], rng)


def _sentence(scene: Scene, rng: Rng, *, bare: bool) -> str:
    """``an illustration of a red cat with scarf in a meadow, blurry``; bare: no scarf, no blur."""
    spoken = _spoken(rng)
    noun = _noun(scene, rng, speaks_colour=spoken["colour"])
    text = f"{_article(noun)}{noun}"
    if spoken["style"]:
        style = str(rng.choice(STYLE_WORDS[scene.style]))
        text = f"{_article(style)}{style} of {text}"
    extras = [] if bare else _said(scene, rng, EXTRAS)
    if extras:
        text += " with " + " and ".join(extras)
    if spoken["place"]:
        text += " " + PLACE_WORDS[scene.place][0]
    qualities = [] if bare else _said(scene, rng, QUALITIES)
    return ", ".join([text, *_shuffled(qualities, rng)])
