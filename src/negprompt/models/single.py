"""One safetensors file in the layout of the original trainers → a diffusers pipeline.

diffusers converts the weights; what it is told is the folder of configurations, so that nothing is
downloaded. A file without an autoencoder or a text encoder is refused: it is only part of a model.
"""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from negprompt.errors import ModelError, shown
from negprompt.models.header import kind_of, shapes_of
from negprompt.models.vocabulary import tokenizer

CONFIGS: Final[Mapping[str, str]] = {
    "sd1": "sd1",
    "sd2": "sd2",
    "sd2-base": "sd2",
    "sdxl": "sdxl",
}
"""Configurations that are inside, and the family of each. SD2 comes in two kinds that the weights
do not tell apart: ``sd2`` is for 768 pixels and predicts velocity, ``sd2-base`` is for 512."""

_PIPELINES: Final[Mapping[str, str]] = {
    "sd1": '"StableDiffusionPipeline"',
    "sd2": '"StableDiffusionPipeline"',
    "sdxl": '"StableDiffusionXLPipeline"',
}
_CURES: Final[Mapping[str, str]] = {
    "lora": "give it with --lora, beside the --model that it was made for",
    "vae": "give it with --vae, beside a --model",
    "embedding": "put it in a folder, give that with --embeddings, and call it by name",
    "unet": "give a file with text encoders and autoencoder too, or a diffusers folder",
    "text-encoder": "give a file with U-Net and autoencoder too, or a diffusers folder",
}


def single(file: Path, config: str | None, *, dtype: Any, vae: Any = None) -> Any:
    """Load a file, its configurations those that are inside or in the folder ``config``.

    ``vae`` is an autoencoder in place of its own. Raises ModelError ``file-pickled``,
    ``file-damaged``, ``file-not-model``, ``file-partial``, ``config-unknown`` and
    ``vocabulary-missing``.
    """
    import diffusers

    shapes = shapes_of(file)
    family = family_of_file(file)
    if vae is None and not any(name.startswith("first_stage_model.") for name in shapes):
        raise ModelError(
            f"{shown(file.name)} holds no autoencoder",
            code="file-partial",
            cure="give one with --vae",
        )
    folder = configs(family, config)
    parts: dict[str, Any] = {} if vae is None else {"vae": vae}
    parts["tokenizer"] = tokenizer(folder, "tokenizer")
    if family == "sdxl":
        kind = diffusers.StableDiffusionXLPipeline
        parts["tokenizer_2"] = tokenizer(folder, "tokenizer_2")
    else:
        kind = diffusers.StableDiffusionPipeline
        parts |= {"safety_checker": None, "feature_extractor": None}
    pipe = kind.from_single_file(
        str(file), config=str(folder), torch_dtype=dtype, local_files_only=True, **parts
    )
    said: dict[str, Any] = {"prediction_type": "v_prediction"} if "v_pred" in shapes else {}
    said |= {"rescale_betas_zero_snr": True} if "ztsnr" in shapes else {}
    if said:
        pipe.scheduler = type(pipe.scheduler).from_config(pipe.scheduler.config, **said)
    return pipe


def configs(family: str, config: str | None) -> Path:
    """The folder of configurations for a file of a family. Raises ModelError ``config-unknown``."""
    inside = Path(str(files("negprompt") / "models" / "configs"))
    if config is None:
        return inside / family
    if CONFIGS.get(config) == family:
        return inside / config
    index = Path(config) / "model_index.json"
    if index.is_file() and _PIPELINES[family] in index.read_text("utf-8"):
        return Path(config)
    fit = [name for name, one in CONFIGS.items() if one == family]
    raise ModelError(
        f"{shown(config)} is no configuration for this {family} file",
        code="config-unknown",
        cure=f"give {' or '.join(fit)}, or the folder of a diffusers model of this family",
    )


def family_of_file(file: Path) -> str:
    """The family of a whole model.

    Raises ModelError ``file-not-model`` for anything else, and what ``shapes_of`` raises.
    """
    kind = kind_of(shapes_of(file))
    if kind in CONFIGS:
        return kind
    raise ModelError(
        f"{shown(file.name)} is no model that can be loaded: "
        + (
            "its tensors are of no kind that is known"
            if kind == "unknown"
            else f"its kind is {kind}"
        ),
        code="file-not-model",
        cure=_CURES.get(kind, "give a Stable Diffusion 1, 2 or XL model for text to image"),
    )
