"""NovelAI's chunks, ``Description`` and ``Comment`` → a Record.

``uc``, the undesired content, holds the site's own preset and what was typed as one text.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from negprompt.metadata.record import Record, Sampling, left, parsed, words

_USED: Final = ("uc", "sampler", "scale", "prompt")


def read(chunks: Mapping[str, str]) -> Record | None:
    """Return what the chunks say, or None where they are not NovelAI's."""
    found = parsed(chunks.get("Comment"))
    if found is None or not (chunks.get("Software") == "NovelAI" or "uc" in found):
        return None
    settings = dict(left(found, *_USED))
    if "scale" in found:
        settings["cfg_scale"] = found["scale"]
    prompt = words(found.get("prompt")) or chunks.get("Description", "")
    unwanted = words(found.get("uc"))
    name, _, digest = chunks.get("Source", "").rpartition(" ")
    sampling = Sampling(
        sampler=words(found.get("sampler")),
        positives=(prompt,) if prompt else (),
        negatives=(unwanted,) if unwanted else (),
        settings=MappingProxyType(settings),
        model=name or digest,
        model_hash=digest if name else "",
    )
    return Record("NovelAI", (sampling,), "novelai")
