"""A model whose negatives do exactly what was planted, and an eye for it: no tensors, no weights.

A picture has one pixel for each term and one for the subject; a pixel is white where the thing is
there.  What a term does is known, so verdicts can be marked.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from negprompt.engine import Request
from negprompt.measure.ablate.gallery import Batch, Spent
from negprompt.measure.probes.asking import Probe
from negprompt.policy.plan import plan

SIDE = 8
SUBJECT = "cat"


@dataclass(frozen=True)
class Effect:
    """What one term does."""

    there: float = 0.4
    """How often its thing is in a picture without a negative."""
    cures: float = 0.0
    """Share of these that lose it where the term is in the negative."""
    brings: float = 0.0
    """Share of the others that gain it."""
    costs: float = 0.0
    """Share of the pictures that lose the subject."""


USEFUL = Effect(cures=0.85)
DEAD = Effect()
HARMFUL = Effect(there=0.3, costs=0.45)
EXPECTED: Mapping[Effect, str] = {USEFUL: "helps", DEAD: "nothing", HARMFUL: "harms"}


@dataclass(frozen=True)
class Planted:
    """Stands in for a gallery; everything else of a run is the real thing.

    Two arms with different negatives disagree by chance in a share ``jitter`` of all pixels.
    """

    effects: Mapping[str, Effect]
    jitter: float = 0.03
    folder: Path = Path("nowhere")
    spent: Spent = field(default_factory=Spent)

    def batch(self, request: Request) -> Batch:
        """Pictures as they were planted."""
        said = plan(request.prompt, request.negative or ())
        terms = {term.text for negative in said.negatives for term in negative.terms}
        arm = zlib.crc32(repr(sorted(terms)).encode())
        images, paths = [], []
        for seed in range(request.seed, request.seed + request.count):
            images.append(self._picture(terms, seed, arm, zlib.crc32(request.prompt.encode())))
            paths.append(self.folder / "pictures" / f"{arm}" / f"{seed}.png")
        self.spent.made += len(images)
        return Batch(tuple(images), tuple(paths), (None,) * len(images))

    def _picture(self, terms: set[str], seed: int, arm: int, prompt: int) -> Image.Image:
        shared, own = np.random.default_rng((seed, prompt)), np.random.default_rng((seed, arm))
        draws, coins, noise = shared.random(SIDE**2), shared.random(SIDE**2), own.random(SIDE**2)
        lost = shared.random(len(self.effects))
        pixels = np.zeros(SIDE**2, bool)
        pixels[-1] = draws[-1] < 0.97
        for number, (name, effect) in enumerate(self.effects.items()):
            there = draws[number] < effect.there
            if name in terms:
                there = coins[number] >= effect.cures if there else coins[number] < effect.brings
                pixels[-1] &= lost[number] >= effect.costs
            pixels[number] = there
        grey = (pixels ^ (noise < self.jitter)).reshape(SIDE, SIDE)
        return Image.fromarray(grey.astype(np.uint8) * 255).convert("RGB")

    def probe(self, right: float = 1.0) -> Probe:
        """Sees what is there, and is right so often."""
        places = {name: number for number, name in enumerate(self.effects)} | {SUBJECT: SIDE**2 - 1}

        def ask(images: Sequence[Image.Image], term: str) -> list[float | None]:
            if term not in places:
                return [None] * len(images)
            return [self._seen(np.asarray(image), places[term], right) for image in images]

        return Probe("planted", ask)

    @staticmethod
    def _seen(pixels: np.ndarray, place: int, right: float) -> float:
        there = bool(pixels[..., 0].reshape(-1)[place])
        coin = np.random.default_rng((zlib.crc32(pixels.tobytes()), place)).random()
        return float(there == (coin < right))


def planted(useful: int, dead: int, harmful: int) -> Planted:
    """Terms in turn, so that no kind stands together."""
    kinds = {USEFUL: useful, DEAD: dead, HARMFUL: harmful}
    every = [(place / count, effect) for effect, count in kinds.items() for place in range(count)]
    ordered = [effect for _, effect in sorted(every, key=lambda one: one[0])]
    return Planted({f"term{number}": effect for number, effect in enumerate(ordered)})
