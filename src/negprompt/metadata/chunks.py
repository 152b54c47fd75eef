"""The texts in an image file, by their names → how it was made."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from negprompt.metadata import comfy, fooocus, invokeai, loose, novelai
from negprompt.metadata.infotext import RAW_NEGATIVE, Parameters
from negprompt.metadata.record import Record, Sampling, left

POLICIES: Final = "Policies"
RAW_NEGATIVES: Final = "Raw negatives"
"""Several negatives that were typed, as JSON: [[text, weight], …]."""
RAW_PROMPT: Final = "Raw prompt"
_SETTINGS: Final = {
    "Steps": "steps",
    "Seed": "seed",
    "CFG scale": "cfg_scale",
    "Schedule type": "scheduler",
}
_USED: Final = (*_SETTINGS, "Sampler", "Model", "Model hash", RAW_NEGATIVE, RAW_PROMPT)


def read(chunks: Mapping[str, str]) -> Record | None:
    """Return what the texts say; None where none of them is known."""
    for reader in (fooocus.read, invokeai.read, novelai.read):
        found = reader(chunks)
        if found is not None:
            return found
    if "prompt" in chunks and (graph := comfy.read(chunks["prompt"])) is not None:
        return graph
    if chunks.get("parameters", "").strip():
        return from_infotext(loose.read(chunks["parameters"]))
    return None


def from_infotext(made: Parameters) -> Record:
    """Return what an infotext says; the tool is ours where it names what only we write."""
    fields = {name: str(value) for name, value in made.fields.items()}
    ours = POLICIES in fields or (RAW_NEGATIVE in fields and RAW_PROMPT not in fields)
    settings = {short: fields[name] for name, short in _SETTINGS.items() if name in fields}
    sampling = Sampling(
        sampler=fields.get("Sampler", ""),
        positives=(made.positive,) if made.positive else (),
        negatives=(made.negative,) if made.negative else (),
        settings=MappingProxyType(settings),
        model=fields.get("Model", ""),
        model_hash=fields.get("Model hash", ""),
    )
    return Record(
        tool="negprompt" if ours else "AUTOMATIC1111",
        samplings=(sampling,),
        dialect=fields.get("Dialect", "a1111"),
        typed_positive=fields.get(RAW_PROMPT),
        typed_negative=fields.get(RAW_NEGATIVE),
        rest=left(fields, *_USED),
    )
