"""CLIP or SigLIP as a probe that needs no training: the term against its absence.

From a local folder or a hub id, through transformers, safetensors only; ``pocket`` is the pair that
ships, which knows the words of the world.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from PIL.Image import Image

from negprompt.errors import ModelError, shown
from negprompt.measure.compare import concept_of
from negprompt.measure.probes.asking import Probe
from negprompt.world.factors import CONCEPTS

WITH: Final = ("{}", "a picture of {}", "a picture with {}")
WITHOUT: Final = ("a picture", "a picture without {}")
CHUNK: Final = 16
"""Pictures that the network takes at once."""


def zero_shot(name: str) -> Probe:
    """The probe of a CLIP or SigLIP model.

    ``p = σ(s·(mean cos(x, with) - mean cos(x, without)))`` with the model's own scale ``s``. The
    absence is said by the antonym where the table of concepts has one ("sharp" for blurry, as in
    CLIP-IQA; Wang, Chan & Loy 2022, arXiv:2207.12396), else by a bare picture. Its zero is a guess:
    calibrate it with labels (``probes.calibrated``).

    Raises ModelError ``probe-unreadable``.
    """
    network, processor = _loaded(str(_inside()) if name == "pocket" else name)

    def ask(images: Sequence[Image], term: str) -> list[float]:
        import torch

        with torch.no_grad():
            texts = [_direction(network, processor, lines) for lines in phrases(term)]
            scale = float(network.logit_scale.exp())
            said: list[float] = []
            for first in range(0, len(images), CHUNK):
                pictures = [image.convert("RGB") for image in images[first : first + CHUNK]]
                seen = _pictured(network, processor, pictures)
                said += (scale * (seen @ (texts[0] - texts[1]))).tolist()
        return [1 / (1 + math.exp(-max(-60.0, min(60.0, x)))) for x in said]

    return Probe(name=f"clip:{name}", ask=ask, mark=_mark(network))


def phrases(term: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is said of a picture with the term, and of one without it."""
    concept = CONCEPTS.get(concept_of(term) or "")
    antonyms = concept.antonyms if concept else ()
    return tuple(line.format(term) for line in WITH), (
        *(line.format(word) for word in antonyms for line in WITH[:2]),
        *(line.format(term) for line in WITHOUT),
    )


def _direction(network: Any, processor: Any, lines: Sequence[str]) -> Any:
    """The mean of unit vectors of some texts ``[d]``."""
    padding = "max_length" if "siglip" in network.config.model_type else True
    inputs = processor(
        text=list(lines), return_tensors="pt", padding=padding, truncation=True
    ).to(network.device)  # fmt: skip
    return _unit(network.get_text_features(**inputs)).mean(0)


def _pictured(network: Any, processor: Any, pictures: list[Image]) -> Any:
    """Unit vectors of pictures ``[n, d]``."""
    inputs = processor(images=pictures, return_tensors="pt").to(network.device)
    return _unit(network.get_image_features(**inputs))


def _unit(features: Any) -> Any:
    # transformers 5 wraps what 4 gave as a tensor
    values = getattr(features, "pooler_output", features)
    return values / values.norm(dim=-1, keepdim=True)


def _inside() -> Path:
    from negprompt.world.train.clip import FOLDER

    return FOLDER


def _loaded(name: str) -> tuple[Any, Any]:
    from negprompt.models.load import quiet

    try:
        with quiet():
            from transformers import AutoModel, AutoProcessor

            network = AutoModel.from_pretrained(name, use_safetensors=True)
            processor = AutoProcessor.from_pretrained(name)
    except (ImportError, MemoryError):
        raise
    except Exception as error:
        lines = str(error).strip().splitlines()
        raise ModelError(
            f"the probe {shown(name)} cannot be loaded: {lines[0] if lines else error!r}",
            code="probe-unreadable",
            cure="give the folder or hub id of a CLIP or SigLIP model in safetensors",
        ) from error
    if not all(hasattr(network, n) for n in ("get_text_features", "get_image_features")):
        raise ModelError(
            f"{shown(name)} is a {type(network).__name__}, which has no text beside its pictures",
            code="probe-unreadable",
            cure="give the folder or hub id of a CLIP or SigLIP model in safetensors",
        )
    return network.eval(), processor


def _mark(network: Any) -> str:
    from negprompt.measure.fingerprint import fingerprint

    return fingerprint({"probe": network})
