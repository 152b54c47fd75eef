"""The shipped judges as probes: what they were trained to read, nothing else."""

import hashlib
from collections.abc import Sequence
from typing import Literal

from PIL.Image import Image

from negprompt.measure.arms import seen
from negprompt.measure.compare import concept_of
from negprompt.measure.probes.asking import Probe
from negprompt.world.factors import BINARY, CONCEPTS
from negprompt.world.judge import CLASSES, Judge, load

LONGEST = 4
"""Words of the longest thing that is looked for in a prompt ("in a snowy night town" has five,
"snowy night town" means the same)."""


def judged(which: Literal["first", "second"] = "first", judge: Judge | None = None) -> Probe:
    """A judge as a probe; it abstains on terms that the world does not know.

    Raises ModelError ``judge-missing``.
    """
    reader = judge or load(which)

    def ask(images: Sequence[Image], term: str) -> list[float | None]:
        concept = concept_of(term)
        if concept is None:
            return [None] * len(images)
        return [float(p) for p in reader.presence(images, concept)]

    def describe(images: Sequence[Image]) -> list[frozenset[str]]:
        reading = reader.read(images)
        labels = [reading.label(factor) for factor in CLASSES]
        there = {name: seen(reading, name) for name in BINARY}
        return [
            frozenset({arm[k] for arm in labels} | {name for name in BINARY if there[name][k]})
            for k in range(len(images))
        ]

    return Probe(
        name="judge" if which == "first" else f"judge:{which}",
        ask=ask,
        keeps=named,
        describe=describe,
        known=_members,
        mark=_mark(reader),
    )


def named(prompt: str) -> tuple[str, ...]:
    """Subject, colour, place and style that a prompt names, in this order; the first of each."""
    words = prompt.lower().replace(",", " , ").split()
    found: dict[str, str] = {}
    for length in range(LONGEST, 0, -1):
        for start in range(len(words) - length + 1):
            concept = concept_of(" ".join(words[start : start + length]))
            for factor, classes in CLASSES.items():
                if concept in classes:
                    found.setdefault(factor, concept)
    return tuple(found[factor] for factor in CLASSES if factor in found)


def _members(term: str) -> frozenset[str]:
    concept = concept_of(term)
    if concept is None:
        return frozenset()
    members = CONCEPTS[concept].members if concept in CONCEPTS else ()
    return frozenset({concept, *members})


def _mark(judge: Judge) -> str:
    digest = hashlib.sha256()
    for name, value in sorted(judge.network.state_dict().items()):
        digest.update(f"{name} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().float().contiguous().numpy().data)
    return digest.hexdigest()[:16]
