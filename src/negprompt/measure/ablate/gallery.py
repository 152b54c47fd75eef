"""A request → its pictures, made once and kept in a folder, so that an interrupted run goes on.

Each picture is a PNG file under a hash of the request and the weights; it is there whole or not at
all. It carries how it was made and how strongly guidance pushed.
"""

import hashlib
import io
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import mean
from typing import Any, Final

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from negprompt.engine import Generation, Request, run, writable
from negprompt.engine.save import parameters
from negprompt.engine.written import write
from negprompt.measure.fingerprint import fingerprint
from negprompt.measure.probes import Answers, Probe, answers
from negprompt.metadata import infotext
from negprompt.models.load import Model
from negprompt.trace.events import Stepped

PUSH: Final = "negprompt push"
PASSES: Final = "negprompt passes"
PICTURES: Final = "pictures"


@dataclass(frozen=True, slots=True)
class Batch:
    """Some pictures of an arm, in the order of their seeds."""

    images: tuple[Image.Image, ...]
    paths: tuple[Path, ...]
    push: tuple[float | None, ...]
    """Mean over the steps of ‖g - p‖ of each."""
    passes: tuple[int | None, ...] = ()
    """Rows of the model for each; None where it is not known."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A picture with what was noted when it was made."""

    image: Image.Image
    push: float | None
    passes: int | None


@dataclass(slots=True)
class Spent:
    """What making pictures has cost so far."""

    made: int = 0
    kept: int = 0
    seconds: float = 0.0
    passes: int = 0
    """Rows of the model over all pictures made."""


@dataclass(frozen=True, slots=True)
class Gallery:
    """The pictures of one model in one folder."""

    model: Model
    folder: Path
    mark: str
    spent: Spent
    on_pictures: Callable[[int], None] = lambda _count: None
    """Called with the number of pictures after each batch."""

    def batch(self, request: Request) -> Batch:
        """The pictures of a request of at most BATCH, found or made.

        Raises what ``run`` raises, OutputError where the folder cannot be written.
        """
        place = self.place(request)
        paths = tuple(place / f"{request.seed + k}.png" for k in range(request.count))
        found = [_read(path) for path in paths]
        kept = [one for one in found if one is not None]
        if len(kept) < len(paths):
            kept = self._make(request, paths)
        else:
            self.spent.kept += len(paths)
        self.on_pictures(len(paths))
        images, pushes = tuple(one.image for one in kept), tuple(one.push for one in kept)
        return Batch(images, paths, pushes, tuple(one.passes for one in kept))

    def place(self, request: Request) -> Path:
        """The folder of an arm's pictures."""
        beside = ("seed", "count", "model")
        asked = {name: value for name, value in request.given.items() if name not in beside}
        question = json.dumps([asked, self.mark, *_beside(request)], sort_keys=True)
        return self.folder / PICTURES / hashlib.sha256(question.encode()).hexdigest()[:16]

    def _make(self, request: Request, paths: Sequence[Path]) -> list[_Kept]:
        start = time.monotonic()
        made = run(request, model=self.model)
        self.spent.seconds += time.monotonic() - start
        self.spent.made += len(paths)
        self.spent.passes += made.cost.passes * len(paths)
        paths[0].parent.mkdir(parents=True, exist_ok=True)
        passes, pushes = made.cost.passes, _pushes(made)
        kept = [_Kept(i, push, passes) for i, push in zip(made.images, pushes, strict=True)]
        for path, one, seed in zip(paths, kept, made.seeds, strict=True):
            info = PngInfo()
            info.add_text("parameters", infotext.write(parameters(made, seed)))
            info.add_text(PUSH, repr(one.push))
            info.add_text(PASSES, str(passes))
            data = io.BytesIO()
            one.image.save(data, "PNG", pnginfo=info)
            write(path, data.getvalue())
        return [replace(one, image=one.image.convert("RGB")) for one in kept]


def gallery(
    model: Model, folder: Path | str, on_pictures: Callable[[int], None] = lambda _count: None
) -> Gallery:
    """The gallery of a model in a folder, which is made if need be.

    Raises OutputError ``folder-unwritable``.
    """
    versions = tuple((name, version(name)) for name in ("torch", "diffusers", "transformers"))
    # diffusers lists there, in the order of a set, which values are its own defaults
    settings = sorted((k, v) for k, v in model.pipe.scheduler.config.items() if k[0] != "_")
    parts = model.pipe.components
    words = {n: sorted(p.get_vocab().items()) for n, p in parts.items() if hasattr(p, "get_vocab")}
    mark = fingerprint(parts, versions, repr(settings), sorted(words.items()))
    return Gallery(model, writable(folder).resolve(), mark, Spent(), on_pictures)


@dataclass(frozen=True, slots=True)
class Reader:
    """A probe whose answers are kept beside the pictures: an endpoint is not asked twice."""

    probe: Probe
    folder: Path
    anew: bool = False
    """Ask again what was asked before."""

    def answers(self, batch: Batch, terms: Sequence[str]) -> dict[str, Answers]:
        """What the probe says of each term in the pictures of a batch."""
        names = [f"{path.parent.name}/{path.stem}" for path in batch.paths]
        said = json.dumps([self.probe.name, self.probe.mark, names])
        path = self.folder / "answers" / f"{hashlib.sha256(said.encode()).hexdigest()[:24]}.json"
        known = {} if self.anew else _known(path, len(names))
        missing = [term for term in dict.fromkeys(terms) if term not in known]
        for term in missing:
            known[term] = answers(self.probe, batch.images, term)
        if missing:
            path.parent.mkdir(parents=True, exist_ok=True)
            write(path, json.dumps(known).encode())
        return {term: known[term] for term in terms}


def _beside(request: Request) -> Iterator[tuple[str, int, int]]:
    """Name, size and time of each file that may act beside the model: inversions and networks."""
    folders = (request.embeddings, request.loading.lora_dir)
    files = [path for folder in folders if folder for path in Path(folder).rglob("*.safetensors")]
    for path in sorted({*files, *(Path(name) for name, _ in request.loading.loras)}):
        if path.is_file():
            yield str(path), path.stat().st_size, path.stat().st_mtime_ns


def _known(path: Path, count: int) -> dict[str, Answers]:
    """The answers that a file holds; none where it is absent or not what it should be."""
    try:
        kept = json.loads(path.read_bytes())
        found = {term: tuple(values) for term, values in kept.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}
    return found if all(len(values) == count for values in found.values()) else {}


def _pushes(made: Generation) -> list[float]:
    steps = [event for event in made.trace if isinstance(event, Stepped)]
    each = partial(_push, steps)
    return [each(k) for k in range(len(made.images))]


def _push(steps: Sequence[Stepped], image: int) -> float:
    return mean(step.norm_guided_minus_positive for step in steps if step.image == image)


def _read(path: Path) -> _Kept | None:
    """A kept picture; None where it is absent or damaged."""
    try:
        with Image.open(path, formats=("PNG",)) as image:
            noted: Any = getattr(image, "text", {})
            push, passes = noted.get(PUSH), noted.get(PASSES)
            return _Kept(
                image.convert("RGB"),
                None if push is None else float(push),
                None if passes is None else int(passes),
            )
    except (OSError, ValueError, SyntaxError):
        return None
