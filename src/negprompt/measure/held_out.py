"""Renders that nothing was trained on → how well a judge reads them, bare or autoencoded."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from PIL import Image

from negprompt.measure.arms import Bench, seen
from negprompt.measure.memory import Readings, joined
from negprompt.measure.statistics import Interval, mean, wilson
from negprompt.world.factors import BINARY, CONCEPTS, PLACES, chance
from negprompt.world.judge import CLASSES, Reading
from negprompt.world.render import render
from negprompt.world.scenes import Scene, legible, sample
from negprompt.world.train.data import HELD_OUT

FIRST = HELD_OUT + 2_000_000
CHUNK = 32
"""Pictures that go through the autoencoder at once."""


@dataclass(frozen=True, slots=True)
class Held:
    """A balanced accuracy, and how many pictures it rests on."""

    rate: Interval
    n: int


def limited() -> list[str]:
    """Concepts that cannot occur everywhere, of which some scenes would hold too few."""
    return [name for name in BINARY if CONCEPTS[name].only]


def held_out(scenes: int, each: int) -> tuple[Scene, ...]:
    """``scenes`` as the world draws them, and ``each`` for every concept that is limited."""
    found = [sample(FIRST + k) for k in range(scenes)]
    for number, name in enumerate(limited(), 1):
        home = CONCEPTS[name].only[0]
        fixed = {"place" if home in PLACES else "subject": home}
        found += [sample(FIRST + 100_000 * number + k, **fixed) for k in range(each)]
    return tuple(found)


def through(bench: Bench, scenes: Sequence[Scene], *, autoencoded: bool) -> Readings:
    """What the judges read in the renders, or in the renders after the model's autoencoder."""
    parts = []
    for first in range(0, len(scenes), CHUNK):
        chunk = scenes[first : first + CHUNK]
        canary = hashlib.sha256(render(chunk[0]).tobytes()).hexdigest()
        asked = {
            "scenes": [[s.seed, s.subject, s.place] for s in chunk],
            "autoencoded": autoencoded,
            "canary": canary,
        }
        pipe = bench.model.pipe if autoencoded else None
        parts.append(bench.look(asked, partial(_pictures, chunk, pipe)))
    return joined(parts)


def balanced(reading: Reading, scenes: Sequence[Scene], factor: str) -> Held:
    """Mean recall over the classes of a factor, or over present and absent of a concept.

    Counted are the scenes in which the factor is legible and, for a concept, can occur.
    """
    recalls: dict[object, list[bool]] = {}
    said = reading.label(factor) if factor in CLASSES else seen(reading, factor).tolist()
    for scene, read in zip(scenes, said, strict=True):
        if legible(scene, factor) and _possible(scene, factor):
            true = getattr(scene, factor) if factor in CLASSES else scene.has(factor)
            recalls.setdefault(true, []).append(read == true)
    classes = list(recalls.values())
    return Held(mean([wilson(sum(c), len(c)) for c in classes]), sum(map(len, classes)))


def fingers(reading: Reading, scenes: Sequence[Scene]) -> Held:
    """How often a hand's fingers are still five, or still more than five, to a judge."""
    return balanced(reading, scenes, "extra fingers")


def _possible(scene: Scene, factor: str) -> bool:
    return factor in CLASSES or chance(CONCEPTS[factor], scene.subject, scene.place) > 0


def _pictures(scenes: Sequence[Scene], pipe: Any) -> list[Image.Image]:
    drawn = [Image.fromarray(render(scene)) for scene in scenes]
    return drawn if pipe is None else autoencoded(pipe, drawn)


def autoencoded(pipe: Any, images: Sequence[Image.Image]) -> list[Image.Image]:
    """Pictures through the autoencoder of a pipeline: its most likely latents, decoded."""
    import torch

    vae = pipe.vae
    with torch.no_grad():
        x = pipe.image_processor.preprocess(list(images)).to(vae.device, vae.dtype)
        y = vae.decode(vae.encode(x).latent_dist.mode()).sample
    made: list[Image.Image] = pipe.image_processor.postprocess(y.detach(), output_type="pil")
    return made
