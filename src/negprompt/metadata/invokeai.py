"""InvokeAI's chunks → a Record: ``invokeai_metadata``, ``sd-metadata``, ``Dream``.

Up to version 2 what stands in ``[brackets]`` of the prompt is the negative.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from negprompt.metadata.record import Record, Sampling, left, parsed, words

_BRACKETS: Final = re.compile(r"(?<!\\)\[([^\[\]]*+)\]")
_DREAM: Final = re.compile(r'\s*"(?P<prompt>.*)"(?P<options>(?:\s+-.*)?)\s*', re.DOTALL)
_OPTION: Final = re.compile(r"(?<!\S)-(\w+)\s+([^\s-]\S*)")
_DREAMT: Final = {"s": "steps", "S": "seed", "C": "cfg_scale", "W": "width", "H": "height"}
_SETTINGS: Final = ("seed", "steps", "cfg_scale", "cfg_rescale_multiplier", "perlin", "threshold")


def read(chunks: Mapping[str, str]) -> Record | None:
    """Return what the newest of the chunks says, or None where there is none."""
    current = parsed(chunks.get("invokeai_metadata"))
    if current is not None:
        return _current(current)
    older = parsed(chunks.get("sd-metadata"))
    if older is not None and isinstance(older.get("image"), dict):
        return _older(older, older["image"])
    return _dream(chunks["Dream"]) if "Dream" in chunks else None


def _current(found: dict[str, Any]) -> Record:
    given = found.get("model")
    model = given if isinstance(given, dict) else {}
    sampling = Sampling(
        sampler=words(found.get("scheduler")),
        positives=_one(found.get("positive_prompt")),
        negatives=_one(found.get("negative_prompt")),
        settings=_settings(found),
        model=words(model.get("model_name") or model.get("name")),
        model_hash=words(model.get("hash")),
    )
    used = ("positive_prompt", "negative_prompt", "scheduler", "model", *_SETTINGS)
    return Record("InvokeAI", (sampling,), "compel", rest=left(found, *used))


def _older(found: dict[str, Any], image: dict[str, Any]) -> Record:
    prompt = image.get("prompt")
    parts = prompt if isinstance(prompt, list) else [prompt]
    texts = [words(part.get("prompt") if isinstance(part, dict) else part) for part in parts]
    sides = [_sides(text) for text in texts]
    sampling = Sampling(
        sampler=words(image.get("sampler")),
        positives=tuple(positive for positive, _ in sides),
        negatives=tuple(negative for _, negative in sides if negative),
        settings=_settings(image),
        model=words(found.get("model_weights")),
        model_hash=words(found.get("model_hash")),
    )
    rest = dict(left(found, "image", "model_weights", "model_hash"))
    rest |= left(image, "prompt", "sampler", *_SETTINGS)
    return Record("InvokeAI", (sampling,), "compel", rest=MappingProxyType(rest))


def _dream(text: str) -> Record | None:
    match = _DREAM.fullmatch(text)
    if match is None:
        return None
    positive, negative = _sides(match["prompt"])
    options = dict(_OPTION.findall(match["options"]))
    known = {_DREAMT[name]: _number(v) for name, v in options.items() if name in _DREAMT}
    sampling = Sampling(
        sampler=options.get("A", ""),
        positives=(positive,),
        negatives=(negative,) if negative else (),
        settings=MappingProxyType(known),
    )
    return Record("InvokeAI", (sampling,), "compel", rest=left(options, "A", *_DREAMT))


def _sides(prompt: str) -> tuple[str, str]:
    """Return a prompt without its brackets, and what stands in them."""
    negative = " ".join(text.strip() for text in _BRACKETS.findall(prompt))
    return " ".join(_BRACKETS.sub(" ", prompt).split()), negative


def _settings(found: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType({name: found[name] for name in _SETTINGS if name in found})


def _one(value: object) -> tuple[str, ...]:
    text = words(value)
    return (text,) if text else ()


def _number(text: str) -> int | float | str:
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text
