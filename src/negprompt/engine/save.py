"""Generation → PNG files that say how they were made.

Each file appears whole or not at all: it is written beside its place and moved there.
"""

import io
import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from negprompt.encoding.choices import known
from negprompt.engine import written
from negprompt.engine.request import Request
from negprompt.engine.run import Generation
from negprompt.errors import OutputError, shown
from negprompt.metadata.chunks import POLICIES, RAW_NEGATIVES
from negprompt.metadata.infotext import RAW_NEGATIVE, Parameters, Value, write

if TYPE_CHECKING:
    from PIL.Image import Image

_NUMBERED = re.compile(r"(\d+)-\d+\.png")


def save(generation: Generation, folder: Path | str, *, metadata: str = "full") -> tuple[Path, ...]:
    """Write each image into a folder; the paths, in order.

    Files are named ``NNNNN-SEED.png``, counting on from what the folder holds; each carries what
    ``metadata``, a name of METADATA, says. Raises OutputError where the folder cannot be written,
    RequestError ``metadata-unknown``.
    """
    known(metadata, METADATA, "kind of metadata", code="metadata-unknown")
    place = writable(folder)
    numbers = [int(found[1]) for p in place.iterdir() if (found := _NUMBERED.fullmatch(p.name))]
    first = max(numbers, default=-1) + 1
    paths = []
    for offset, (image, seed) in enumerate(zip(generation.images, generation.seeds, strict=True)):
        path = place / f"{first + offset:05d}-{seed}.png"
        said = METADATA[metadata](generation, seed)
        _write_png(image, path, None if said is None else write(said))
        paths.append(path)
    return tuple(paths)


def writable(folder: Path | str) -> Path:
    """A folder that can be written into, made if need be.

    Raises OutputError ``folder-unwritable``.
    """
    place = Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
        trial = place / f".negprompt-{os.getpid()}.part"
        trial.touch()
        trial.unlink()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise OutputError(
            f"the folder {shown(str(folder))} cannot be written: {reason}",
            code="folder-unwritable",
            cure="give another folder, or its owner's permission",
        ) from error
    return place


def parameters(generation: Generation, seed: int) -> Parameters:
    """How one image was made, for A1111's infotext.

    ``Negative prompt`` is the effective one; the one that was typed is a field of its own.
    """
    request, planned = generation.request, generation.plan
    width, height = request.size or generation.images[0].size
    fields: dict[str, Value] = {
        "Steps": request.steps or 0,
        "Sampler": generation.sampler,
        "CFG scale": request.cfg or 0,
        "Seed": seed,
        "Size": f"{width}x{height}",
        "Model": request.model,
    }
    chosen: dict[str, tuple[Value | None, Value | None]] = {
        "CFG rescale": (request.rescale, 0),
        "Emphasis": (request.own_scheme, "a1111"),
        "Dialect": (request.dialect, "a1111"),
        "Token normalisation": (request.normalise, "none"),
        "Chunks": (request.own_chunks, "a1111"),
        "Length match": (request.match, "pad-empty"),
        "Clip skip": (request.clip_skip, None),
        "Null prompt": (request.null, None),
        "Rule": (request.rule, "cfg"),
        POLICIES: (", ".join(planned.layers), ""),
        RAW_NEGATIVES: (_several(request), None),
        RAW_NEGATIVE: (None if request.negative is None else planned.raw_negative, None),
    }
    for name, (value, usual) in chosen.items():
        if value is not None and value != usual:
            fields[name] = value
    return Parameters(request.prompt, planned.effective_negative, fields)


def _several(request: Request) -> str | None:
    """Several negatives with their weights, as JSON; None for one or none."""
    texts = request.negative or ()
    weights = request.negative_weights or (1.0,) * len(texts)
    return json.dumps(list(zip(texts, weights, strict=True))) if len(texts) > 1 else None


def identifiers(generation: Generation, seed: int) -> Parameters:
    """What tells where an image comes from and holds nobody's words."""
    request = generation.request
    fields: dict[str, Value] = {
        "Steps": request.steps or 0,
        "Seed": seed,
        "Model": request.model,
        POLICIES: ", ".join(generation.plan.layers),
    }
    return Parameters("", "", {name: value for name, value in fields.items() if value != ""})


METADATA: Final[Mapping[str, Callable[[Generation, int], Parameters | None]]] = {
    "full": parameters,
    "ids": identifiers,
    "none": lambda generation, seed: None,
}
"""What a file may say about its image."""


def _write_png(image: "Image", path: Path, text: str | None) -> None:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    if text is not None:
        info.add_text("parameters", text)
    data = io.BytesIO()
    image.save(data, format="PNG", pnginfo=info)
    written.write(path, data.getvalue())
