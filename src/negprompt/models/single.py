"""One safetensors file in the layout of the original trainers → a diffusers pipeline.

diffusers converts the weights; what it is told is the folder of configurations, so that nothing is
downloaded. A file of SD1, SD2 or SDXL without an autoencoder or a text encoder is refused: it is
only part of a model. Those of SD3 and Flux often hold the transformer alone; the rest is then that
of the folder given with ``--config``, which they need in any case.
"""

import json
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
    "sd1": "StableDiffusionPipeline",
    "sd2": "StableDiffusionPipeline",
    "sdxl": "StableDiffusionXLPipeline",
    "sd3": "StableDiffusion3Pipeline",
    "flux": "FluxPipeline",
}
FLOWS: Final = ("sd3", "flux")
"""Families whose configurations are not inside."""
_INSIDE: Final[Mapping[str, str]] = {
    "vae": "first_stage_model.",
    "text_encoder": "text_encoders.clip_l.",
    "text_encoder_2": "text_encoders.clip_g.",
    "text_encoder_3": "text_encoders.t5xxl.",
}
"""How the tensors of each part are named in a file of SD3; of Flux only the transformer is read."""
_CURES: Final[Mapping[str, str]] = {
    "lora": "give it with --lora, beside the --model that it was made for",
    "vae": "give it with --vae, beside a --model",
    "embedding": "put it in a folder, give that with --embeddings, and call it by name",
    "unet": "give a file with text encoders and autoencoder too, or a diffusers folder",
    "text-encoder": "give it with --text-encoder, beside a --model",
}


def single(file: Path, config: str | None, *, dtype: Any, vae: Any = None) -> Any:
    """Load a file, its configurations those that are inside or in the folder ``config``.

    ``vae`` is an autoencoder in place of its own. Raises ModelError ``file-pickled``,
    ``file-damaged``, ``file-not-model``, ``file-partial``, ``config-needed``, ``config-unknown``,
    ``config-misfit`` and ``vocabulary-missing``.
    """
    import diffusers

    shapes = shapes_of(file)
    family = family_of_file(file)
    if family in FLOWS:
        return _flow(file, family, configs(family, config), dtype=dtype, vae=vae)
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
    try:
        pipe = kind.from_single_file(
            str(file), config=str(folder), torch_dtype=dtype, local_files_only=True, **parts
        )
    except (ValueError, RuntimeError) as error:
        if "expected shape" not in str(error) and "size mismatch" not in str(error):
            raise
        raise ModelError(
            f"the tensors of {shown(file.name)} have other sizes than {shown(folder.name)} says",
            code="config-misfit",
            cure="give --config the folder of the diffusers model that it was made from",
        ) from error
    said: dict[str, Any] = {"prediction_type": "v_prediction"} if "v_pred" in shapes else {}
    said |= {"rescale_betas_zero_snr": True} if "ztsnr" in shapes else {}
    if said:
        pipe.scheduler = type(pipe.scheduler).from_config(pipe.scheduler.config, **said)
    return pipe


def _flow(file: Path, family: str, folder: Path, *, dtype: Any, vae: Any) -> Any:
    """A file of SD3 or Flux; what it lacks, and tokenizers and schedule, is that of the folder."""
    import diffusers

    kind = getattr(diffusers, _PIPELINES[family])
    names = shapes_of(file)
    starts = _INSIDE if family == "sd3" else {}
    own = {part for part, start in starts.items() if any(name.startswith(start) for name in names)}
    own |= set() if vae is None else {"vae"}
    encoders = {part for part, of in _parts(folder).items() if "encoder" in part and of[0]}
    for part in sorted({"vae", *encoders} - own):
        if not any((folder / part).glob("*.safetensors")):
            raise ModelError(
                f"neither {shown(file.name)} nor {shown(str(folder))} holds the weights of {part}",
                code="file-partial",
                cure="give --config the folder of a whole diffusers model of this family",
            )
    settings: dict[str, Any] = {"torch_dtype": dtype, "local_files_only": True}
    rest = kind.from_pretrained(
        folder, use_safetensors=True, **settings, **dict.fromkeys({"transformer", *own})
    ).components
    given = {part: made for part, made in rest.items() if part not in {"transformer", *own}}
    given |= {} if vae is None else {"vae": vae}
    pipe = kind.from_single_file(str(file), config=str(folder), **settings, **given)
    for part in encoders:
        getattr(pipe, part).eval()  # diffusers leaves a T5 that it converts in training mode
    return pipe


def _parts(folder: Path) -> dict[str, list[str | None]]:
    read = json.loads((folder / "model_index.json").read_text("utf-8"))
    return {part: value for part, value in read.items() if isinstance(value, list)}


def configs(family: str, config: str | None) -> Path:
    """The folder of configurations for a file of a family.

    Raises ModelError ``config-needed`` and ``config-unknown``.
    """
    if config is None and family in FLOWS:
        raise ModelError(
            f"the configurations of {family} are not inside",
            code="config-needed",
            cure="give --config the folder of a diffusers model of this family: what the file "
            "lacks, such as text encoders, is taken from there",
        )
    inside = Path(str(files("negprompt") / "models" / "configs"))
    if config is None:
        return inside / family
    if CONFIGS.get(config) == family:
        return inside / config
    index = Path(config) / "model_index.json"
    if index.is_file() and f'"{_PIPELINES[family]}"' in index.read_text("utf-8"):
        return Path(config)
    fit = [name for name, one in CONFIGS.items() if one == family]
    folder = "the folder of a diffusers model of this family"
    raise ModelError(
        f"{shown(config)} is no configuration for this {family} file",
        code="config-unknown",
        cure=f"give {' or '.join(fit)}, or {folder}" if fit else f"give {folder}",
    )


def family_of_file(file: Path) -> str:
    """The family of a whole model.

    Raises ModelError ``file-not-model`` for anything else, and what ``shapes_of`` raises.
    """
    kind = kind_of(shapes_of(file))
    if kind in _PIPELINES:
        return kind
    raise ModelError(
        f"{shown(file.name)} is no model that can be loaded: "
        + (
            "its tensors are of no kind that is known"
            if kind == "unknown"
            else f"its kind is {kind}"
        ),
        code="file-not-model",
        cure=_CURES.get(kind, "give a Stable Diffusion or Flux.1 model for text to image"),
    )
