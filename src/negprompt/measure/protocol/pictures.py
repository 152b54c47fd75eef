"""A case by a method → what is kept of its pictures: one function runs a cell of the table.

Pictures are looked at batch by batch and thrown away; what is kept of a batch is one file under a
hash of what was asked, there whole or not at all, so that a bench that was killed goes on.
"""

import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from negprompt.engine import Request, run
from negprompt.engine.written import write
from negprompt.measure.arms import batches, seen
from negprompt.measure.protocol.cases import Case
from negprompt.measure.protocol.methods import Maker, Method, Push, mark
from negprompt.models.load import Model
from negprompt.world.judge import CLASSES, Judge, Reading

Array = NDArray[Any]
DETECTOR: Final = "first"
"""The judge that ``reject`` looks with; of its rows only the other one's word counts."""
STRIDE: Final = 1_000_000
"""From one seed to the next that ``reject`` tries."""
SIDE: Final = 12
"""Colours a side that are kept of a picture, for variety."""
DARK, BRIGHT = 2, 253
"""Values up to and from which a channel is saturated."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """What is kept of n pictures."""

    readings: Mapping[str, Reading]
    """By each judge."""
    features: Mapping[str, Array]
    """What each judge's last layer reads from, ``[n, d]``."""
    saturated: Array
    """Share of the pixels with a channel at its end, ``[n]``."""
    colours: Array
    """12 × 12 colours in [0, 1], ``[n, 432]``."""
    passes: Array
    """Rows of the model, ``[n]``; 0 for renders."""

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.passes)

    def arrays(self) -> dict[str, Array]:
        """Everything by name."""
        found = {"saturated": self.saturated, "colours": self.colours, "passes": self.passes}
        for judge, reading in self.readings.items():
            found |= {f"{judge} {factor}": reading.classes[factor] for factor in CLASSES}
            found |= {f"{judge} present": reading.present, f"{judge} at": self.features[judge]}
        return found

    @classmethod
    def of(cls, arrays: Mapping[str, Array]) -> "Pictures":
        """The inverse of ``arrays``."""
        judges = [name.removesuffix(" present") for name in arrays if name.endswith(" present")]
        return cls(
            {j: Reading({f: arrays[f"{j} {f}"] for f in CLASSES}, arrays[f"{j} present"])
             for j in judges},
            {j: arrays[f"{j} at"] for j in judges},
            arrays["saturated"], arrays["colours"], arrays["passes"],
        )  # fmt: skip


def joined(parts: Sequence[Pictures]) -> Pictures:
    """Several as one, in order."""
    each = [part.arrays() for part in parts]
    return Pictures.of({name: np.concatenate([one[name] for one in each]) for name in each[0]})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """A model, the judges that look at its pictures, the rules, and where results are kept."""

    model: Model
    judges: Mapping[str, Judge]
    makers: Mapping[str, Maker]
    folder: Path
    anew: bool = False
    on_images: Callable[[int], None] = lambda _count: None
    """Called with the number of pictures after each batch."""

    def recall(self, asked: Mapping[str, Any], make: Callable[[], Mapping[str, Array]]) -> Any:
        """The arrays that answer a question, found or made."""
        versions = {name: version(name) for name in ("torch", "diffusers", "transformers")}
        question = json.dumps({**asked, "versions": versions}, sort_keys=True)
        path = self.folder / f"{hashlib.sha256(question.encode()).hexdigest()[:32]}.npz"
        if not self.anew and (kept := _read(path)) is not None:
            return kept
        made = make()
        out, arrays = io.BytesIO(), dict[str, Any](made)
        np.savez(out, **arrays)
        write(path, out.getvalue())
        return made


def cell(stand: Stand, case: Case, method: Method, *, seeds: range, steps: int) -> Pictures:
    """One cell: a case by a method, one picture for each seed.

    A method with several tries draws once more, with other seeds, where the detector sees what the
    negative names; all that was drawn is paid for.
    """
    prompt = case.prompt
    if method.antonym:
        prompt = f"{prompt}, {case.antonym}"
    request = Request(
        prompt=prompt, negative=(case.negative,) if method.negative else None,
        cfg=method.scale, steps=steps, seed=seeds.start, count=len(seeds),
    )  # fmt: skip
    found = drawn(stand, request, method.rule)
    for turn in range(1, method.tries):
        left = np.flatnonzero(seen_in(found, DETECTOR, case.targets))
        if not left.size:
            break
        further = replace(request, seed=seeds.start + turn * STRIDE, count=int(left.size))
        found = _in_place(found, left, drawn(stand, further, method.rule))
    return found


def drawn(stand: Stand, request: Request, rule: str) -> Pictures:
    """The pictures of a request by a rule, batch by batch."""
    parts = []
    for seed, count in batches(request.seed, request.count):
        asked = replace(request, seed=seed, count=count)
        question = {"request": _asked(asked), "rule": mark(stand.makers[rule]), "name": rule}
        parts.append(Pictures.of(stand.recall(question, partial(_made, stand, asked, rule))))
        stand.on_images(count)
    return joined(parts)


def pushed(stand: Stand, case: Case, method: Method, *, seeds: range, steps: int) -> Push:
    """How far a method pushes, over one batch of a case."""
    request = Request(
        prompt=case.prompt, negative=(case.negative,), cfg=method.scale, steps=steps,
        seed=seeds.start, count=min(len(seeds), 4),
    )  # fmt: skip
    maker = stand.makers[method.rule]

    def make() -> dict[str, Array]:
        push = Push()
        run(request, model=stand.model, rule=push.watch(maker))
        return {"push": np.array([push.along, push.negative, push.length])}

    question = {"push": _asked(request), "rule": mark(maker), "name": method.rule}
    return Push(*map(float, stand.recall(question, make)["push"]))


def looked(stand: Stand, images: Sequence[Image.Image], passes: int) -> dict[str, Array]:
    """What is kept of pictures."""
    pixels = [np.asarray(image.convert("RGB")) for image in images]
    ends = [((p <= DARK) | (p >= BRIGHT)).any(-1).mean() for p in pixels]
    small = [np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX))
             for image in images]  # fmt: skip
    readings, features = {}, {}
    for name, judge in stand.judges.items():
        readings[name], features[name] = _read_by(judge, images)
    return Pictures(
        readings, features, np.array(ends, np.float32),
        np.stack(small).reshape(len(images), -1).astype(np.float32) / 255,
        np.full(len(images), passes, np.float32),
    ).arrays()  # fmt: skip


def seen_in(pictures: Pictures, judge: str, targets: Sequence[str]) -> NDArray[np.bool_]:
    """In which pictures a judge sees any of these; in none where there is nothing to see."""
    if not targets:
        return np.zeros(len(pictures), np.bool_)
    return seen(pictures.readings[judge], *targets)


def _read_by(judge: Judge, images: Sequence[Image.Image]) -> tuple[Reading, Array]:
    """A judge's reading, and what its last layer read from."""
    kept: list[Array] = []
    last = [part for part in judge.network.modules() if isinstance(part, nn.Linear)][-1]
    handle = last.register_forward_pre_hook(
        lambda _module, inputs: kept.append(inputs[0].detach().cpu().numpy())
    )
    try:
        reading = judge.read(images)
    finally:
        handle.remove()
    return reading, np.concatenate(kept).astype(np.float32)


def _made(stand: Stand, request: Request, rule: str) -> dict[str, Array]:
    made = run(request, model=stand.model, rule=stand.makers[rule])
    return looked(stand, made.images, made.cost.passes)


def _in_place(found: Pictures, at: Array, others: Pictures) -> Pictures:
    """The pictures with some replaced; the passes of what was thrown away are kept."""
    arrays, new = found.arrays(), others.arrays()
    changed = {}
    for name, values in arrays.items():
        changed[name] = values.copy()
        changed[name][at] = new[name] + values[at] if name == "passes" else new[name]
    return Pictures.of(changed)


def _asked(request: Request) -> dict[str, Any]:
    """What a batch depends on besides weights and rule."""
    return {name: value for name, value in request.given.items() if name not in ("model", "rule")}


def _read(path: Path) -> dict[str, Array] | None:
    """The arrays of a file; None where it is absent or damaged."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as kept:
            return {name: kept[name] for name in kept.files}
    except (OSError, ValueError, EOFError, BadZipFile):
        return None
