"""How an image was made → the settings of a Request that begins again there.

It begins with what was typed, not with what acted: the policies that the image names join it anew,
so that nothing stands there twice.  What cannot be taken over is told.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from negprompt.errors import Notice, shown
from negprompt.language import DIALECTS
from negprompt.metadata import Record, Sampling
from negprompt.metadata.chunks import POLICIES, RAW_NEGATIVES
from negprompt.metadata.record import pairs
from negprompt.models.schedulers import called

POCKET: Final = "pocket"
_LABEL: Final = re.compile(r"([a-z0-9-]+)@[\d.]+#[0-9a-f]{8}")
_ONCE: Final = re.compile(r"(feedback|retry-\d+)@")
"""Layers that were made for one picture and stand in no file."""
_SIZE: Final = re.compile(r"\(?(\d{1,5})\D{1,3}(\d{1,5})\)?")
_NUMBERS: Final[Mapping[str, tuple[str, type]]] = {
    "seed": ("seed", int),
    "steps": ("steps", int),
    "cfg_scale": ("cfg", float),
}
_OURS: Final[Mapping[str, tuple[str, type]]] = {
    "CFG rescale": ("rescale", float),
    "Emphasis": ("scheme", str),
    "Token normalisation": ("normalise", str),
    "Chunks": ("chunks", str),
    "Length match": ("match", str),
    "Clip skip": ("clip_skip", int),
    "Null prompt": ("null", str),
    "Rule": ("rule", str),
}


@dataclass(frozen=True, slots=True)
class Alike:
    """Fields of a Request, the policies that the image names, and what could not be taken over."""

    settings: Mapping[str, Any]
    policies: tuple[str, ...]
    """Their labels: name, version and the start of the hash."""
    notices: tuple[Notice, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The policies' names."""
        return tuple(label.partition("@")[0] for label in self.policies)


def alike(record: Record) -> Alike:
    """Return what a Request takes over. Of several samplings the first counts.

    Notice: ``like-left-out``.
    """
    sampling = record.samplings[0] if record.samplings else Sampling("", (), ())
    prompt = record.positive if record.typed_positive is None else record.typed_positive
    settings: dict[str, Any] = {
        **({"prompt": prompt} if prompt else {}),
        "dialect": record.dialect if record.dialect in DIALECTS else "a1111",
        **_negatives(record),
        **_taken(sampling.settings, _NUMBERS),
    }
    if (scheduler := called(sampling.sampler)) is not None:
        settings["scheduler"] = scheduler
    if size := _SIZE.fullmatch(_size(record.rest)):
        settings["size"] = (int(size[1]), int(size[2]))
    if record.tool == "negprompt" or sampling.model == POCKET:
        settings |= _taken(record.rest, _OURS)
    # a hub id in a picture is never fetched: it is somebody else's word
    if sampling.model == POCKET or (sampling.model and Path(sampling.model).exists()):
        settings["model"] = sampling.model
    labels = [found[0] for found in _LABEL.finditer(str(record.rest.get(POLICIES, "")))]
    once = [label for label in labels if _ONCE.match(label)]
    left = (*_left(record, sampling, settings), *(f"the terms of {label}" for label in once))
    said = f"the picture says, and it is not taken over: {', '.join(left)}"
    notices = (Notice("like-left-out", said),) if left else ()
    return Alike(settings, tuple(label for label in labels if label not in once), notices)


def _negatives(record: Record) -> dict[str, Any]:
    """Return what was typed: None where nothing was, else the texts, with weights if several."""
    several = pairs(record.rest.get(RAW_NEGATIVES))
    if several:
        texts, weights = zip(*several, strict=True)
        return {"negative": texts, "negative_weights": weights}
    if record.typed_negative is not None:
        fooocus = record.tool == "Fooocus" and not record.typed_negative
        return {"negative": None if fooocus else (record.typed_negative,)}
    if POLICIES in record.rest or not record.negative:
        return {"negative": None}
    return {"negative": (record.negative,)}


def _taken(found: Mapping[str, Any], kinds: Mapping[str, tuple[str, type]]) -> dict[str, Any]:
    """Return the values that are of their kind, under a Request's names."""
    taken = {}
    for name, (own, kind) in kinds.items():
        with suppress(KeyError, TypeError, ValueError, OverflowError):
            taken[own] = kind(found[name])
    return taken


def _size(found: Mapping[str, Any]) -> str:
    given = found.get("Size") or found.get("resolution")
    return str(given or f"{found.get('width')}x{found.get('height')}")


def _left(record: Record, sampling: Sampling, settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a picture says and a Request does not take over."""
    if sampling.model and "model" not in settings:
        yield f"model {shown(sampling.model)} (give --model)"
    if sampling.sampler and "scheduler" not in settings:
        yield f"sampler {shown(sampling.sampler)}"
    if len(record.samplings) > 1:
        yield f"{len(record.samplings) - 1} more samplings"
    for name in ("Denoising strength", "Hires upscale", "Refiner", "loras", "styles"):
        if value := record.rest.get(name):
            yield f"{name} {shown(value)}"
    if record.tool == "Fooocus" and record.negative != (record.typed_negative or ""):
        yield "the negatives of its styles"
