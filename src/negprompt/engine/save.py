"""Generation → picture files that say how they were made.

Each file appears whole or not at all: it is written beside its place and moved there.
"""

import io
import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from negprompt.encoding.choices import known
from negprompt.engine import written
from negprompt.engine.request import Request
from negprompt.engine.run import Generation
from negprompt.errors import OutputError, shown
from negprompt.metadata.chunks import POLICIES, RAW_NEGATIVES
from negprompt.metadata.exif import commented
from negprompt.metadata.infotext import RAW_NEGATIVE, Parameters, Value, write

if TYPE_CHECKING:
    from PIL.Image import Image

_NUMBERED = re.compile(r"(\d+)-\d+\.(?:png|jpg|webp)")
_EXIF, _USER_COMMENT = 0x8769, 0x9286


def save(
    generation: Generation, folder: Path | str, *, metadata: str = "full", form: str = "png"
) -> tuple[Path, ...]:
    """Write each image into a folder; the paths, in order.

    Files are named ``NNNNN-SEED.png``, counting on from what the folder holds; each carries what
    ``metadata``, a name of METADATA, says, in the way of its ``form``, a name of FORMS. Raises
    OutputError where the folder cannot be written and ``metadata-too-long``, RequestError
    ``metadata-unknown`` and ``format-unknown``.
    """
    known(metadata, METADATA, "kind of metadata", code="metadata-unknown")
    known(form, FORMS, "format", code="format-unknown")
    ending, encode = FORMS[form]
    place = writable(folder)
    numbers = [int(found[1]) for p in place.iterdir() if (found := _NUMBERED.fullmatch(p.name))]
    first = max(numbers, default=-1) + 1
    paths = []
    for offset, (image, seed) in enumerate(zip(generation.images, generation.seeds, strict=True)):
        said = METADATA[metadata](generation, seed)
        data = encode(image, None if said is None else write(said))
        paths.append(written.write(place / f"{first + offset:05d}-{seed}.{ending}", data))
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


def _png(image: "Image", text: str | None) -> bytes:
    """A1111's place for it: the text ``parameters``."""
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    if text is not None:
        info.add_text("parameters", text)
    return _encoded(image, format="PNG", pnginfo=info)


def _jpeg(image: "Image", text: str | None) -> bytes:
    """EXIF's UserComment, as A1111 has it. Raises OutputError ``metadata-too-long``."""
    try:
        return _encoded(image.convert("RGB"), format="JPEG", quality=95, exif=_exif(text))
    except ValueError as error:  # one segment of a JPEG holds 64 KiB
        raise OutputError(
            f"{len(text or '')} characters on how it was made do not fit into a JPEG",
            code="metadata-too-long",
            cure="take --format png or webp, or --metadata ids",
        ) from error


def _webp(image: "Image", text: str | None) -> bytes:
    """The same, without loss."""
    return _encoded(image, format="WEBP", lossless=True, exif=_exif(text))


FORMS: Final[Mapping[str, tuple[str, Callable[["Image", str | None], bytes]]]] = {
    "png": ("png", _png),
    "jpeg": ("jpg", _jpeg),
    "webp": ("webp", _webp),
}
"""How a picture may be written: the ending of its name, and a function to its bytes."""


def _exif(text: str | None) -> bytes:
    from PIL.Image import Exif

    tags = Exif()
    if text is not None:
        tags.get_ifd(_EXIF)[_USER_COMMENT] = commented(text)
    return tags.tobytes()


def _encoded(image: "Image", **settings: Any) -> bytes:
    data = io.BytesIO()
    image.save(data, **settings)
    return data.getvalue()
