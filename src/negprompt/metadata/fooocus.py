"""Fooocus' JSON in ``parameters`` → a Record.  It keeps what was typed beside what acted."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from negprompt.metadata.record import Record, Sampling, left, parsed, words

_SETTINGS: Final = ("seed", "steps", "sharpness", "scheduler")
_USED: Final = (
    "prompt", "negative_prompt", "sampler", "base_model", "base_model_hash", "guidance_scale",
)  # fmt: skip


def read(chunks: Mapping[str, str]) -> Record | None:
    """Return what the chunk says, or None where it is not Fooocus'."""
    found = parsed(chunks.get("parameters"))
    if found is None or not {"full_negative_prompt", "base_model"} & found.keys():
        return None
    settings: dict[str, Any] = {name: found[name] for name in _SETTINGS if name in found}
    if "guidance_scale" in found:
        settings["cfg_scale"] = found["guidance_scale"]
    typed, unwanted = words(found.get("prompt")), words(found.get("negative_prompt"))
    sampling = Sampling(
        sampler=words(found.get("sampler")),
        positives=_lines(found.get("full_prompt"), typed),
        negatives=_lines(found.get("full_negative_prompt"), unwanted),
        settings=MappingProxyType(settings),
        model=words(found.get("base_model")),
        model_hash=words(found.get("base_model_hash")),
    )
    rest = left(found, *_USED, *_SETTINGS)
    return Record("Fooocus", (sampling,), "comfy", typed, unwanted, rest)


def _lines(full: Any, typed: str) -> tuple[str, ...]:
    """Return the texts that acted: each style's own, then what was typed."""
    lines = full if isinstance(full, list) else [full]
    found = tuple(text for line in lines if (text := words(line)))
    return found or ((typed,) if typed else ())
