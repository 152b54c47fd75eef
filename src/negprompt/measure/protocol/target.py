"""A case → pictures of p(scene | prompt, not n): what a perfect negative would draw.

The world is asked for scenes of the prompt and those with what the negative names are thrown away;
the rest is rendered and goes through the model's own autoencoder, so that what the autoencoder
loses counts against nobody. Also: the mark of the world as it is.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import astuple
from functools import cache, partial
from itertools import count, islice
from typing import Any, Final

from PIL import Image

from negprompt.measure.arms import batches
from negprompt.measure.held_out import autoencoded
from negprompt.measure.protocol.cases import ARMS, Case
from negprompt.measure.protocol.pictures import Array, Pictures, Stand, joined, looked
from negprompt.world import factors
from negprompt.world.render import render
from negprompt.world.scenes import Scene, sample
from negprompt.world.train.data import HELD_OUT

FIRST: Final = HELD_OUT + 3_000_000
"""Seeds of the scenes that pictures are compared with."""
AGAIN: Final = HELD_OUT + 4_000_000
"""Seeds of those that stand in the table as the row ``world``."""
MOST: Final = 100_000
"""Scenes that are asked for before it is given up."""
CANARIES: Final = 8


def scenes(case: Case, number: int, first: int) -> tuple[Scene, ...]:
    """Scenes of p(scene | prompt, not n) by rejection, from a seed on.

    ValueError where the world hardly has any.
    """
    found = tuple(islice(_allowed(case, first), number))
    if len(found) < number:
        raise ValueError(f"the world has no scenes for {case.prompt!r} without {case.targets}")
    return found


def truth(stand: Stand, case: Case, *, number: int, first: int) -> Pictures:
    """What judges see in such scenes."""
    drawn, parts = scenes(case, number, first), []
    for start, size in batches(0, number):
        chunk = drawn[start : start + size]
        asked = {"scenes": [[s.seed, *sorted(case.pins.values())] for s in chunk]}
        parts.append(Pictures.of(stand.recall(asked, partial(_rendered, stand, chunk))))
    return joined(parts)


@cache
def world_mark() -> str:
    """A hash of the world's tables, of a few of its pictures, and of the bench's arms."""
    digest = hashlib.sha256()
    tables = {k: v for k, v in vars(factors).items() if k.isupper()}
    digest.update(repr(sorted((name, _plain(table)) for name, table in tables.items())).encode())
    for seed in range(HELD_OUT, HELD_OUT + CANARIES):
        digest.update(render(sample(seed)).tobytes())
    for arm in ARMS.values():
        digest.update(repr([astuple(case) for case in arm.cases(8, finals=True)]).encode())
    return digest.hexdigest()[:16]


def _allowed(case: Case, first: int) -> Iterator[Scene]:
    for seed in islice(count(first), MOST):
        scene = sample(seed, **case.pins)
        if case.allows(scene):
            yield scene


def _rendered(stand: Stand, chunk: tuple[Scene, ...]) -> dict[str, Array]:
    images = [Image.fromarray(render(scene)) for scene in chunk]
    return looked(stand, autoencoded(stand.model.pipe, images), 0)


def _plain(table: Any) -> str:
    """A table in words that do not depend on where it lies in memory."""
    if hasattr(table, "items"):
        return repr([(name, _plain(value)) for name, value in table.items()])
    return repr(table)
