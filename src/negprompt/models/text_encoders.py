"""A CLIP text encoder in place of a model's own: from a transformers folder or a safetensors file.

It is the first one, ``text_encoder``: the only one of SD1 and SD2, CLIP-L of SDXL, SD3 and Flux.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

from negprompt.errors import ModelError, shown
from negprompt.models.header import shapes_of
from negprompt.models.place import blaming

_START: Final = "text_model."
"""Names of tensors may begin so: transformers leaves it out since 5, published files have it."""
_TOKENS: Final = "embeddings.token_embedding.weight"
_PARTS: Final = ("embeddings.token_", "embeddings.position_embedding.", "encoder.", "final_layer_")
_KINDS: Final = ("clip_text_model", "clip")
"""Configurations of a text encoder alone, and of one beside an encoder of pictures."""


def exchange(pipe: Any, name: str, *, dtype: Any) -> None:
    """Put the encoder of a folder or file in a pipeline, and the tokenizer that is in the folder.

    The projection of the pooled embedding, where the pipeline has one (SD3), stays its own: the
    denoiser was trained behind it.  Raises ModelError ``text-encoder-unknown``,
    ``text-encoder-misfit``, ``model-unreadable`` and what ``shapes_of`` raises.
    """
    own = pipe.text_encoder
    if own is None:
        raise _misfit(name, "the model has none in its place", "give a model with CLIP-L")
    with blaming(name):
        folder = _folder(Path(name))
        file = _weights(name, folder)
        config = deepcopy(own.config) if folder is None else _config(folder)
        tokenizer = _tokenizer(Path(name)) or pipe.tokenizer
        _check(name, _table(file), config, own, tokenizer)
        encoder = _filled(name, file, config, own, dtype)
    pipe.register_modules(text_encoder=encoder, tokenizer=tokenizer)


def _folder(place: Path) -> Path | None:
    """Where weights and configuration lie: a folder, or ``text_encoder`` in it; None for a file."""
    if not place.is_dir():
        return None
    return place / "text_encoder" if (place / "text_encoder").is_dir() else place


def _weights(name: str, folder: Path | None) -> Path:
    """The file with the weights."""
    if folder is None:
        file = Path(name)
        if not file.is_file():
            raise _unknown(f"there is no text encoder {shown(name)}")
    else:
        files = sorted(folder.glob("*.safetensors")) or sorted(folder.glob("*.bin"))[:1]
        named = [file for file in files if file.stem == "model"] or files
        if len(named) != 1:
            kind = "several" if named else "no"
            raise _unknown(f"{shown(str(folder))} holds {kind} files with weights")
        (file,) = named
    return file


def _table(file: Path) -> tuple[int, ...]:
    """The shape of a CLIP text encoder's embeddings: tokens, numbers of each."""
    for key, shape in shapes_of(file).items():
        if key.removeprefix(_START) == _TOKENS and len(shape) == 2:
            return shape
    raise _unknown(f"{shown(file.name)} holds no CLIP text encoder")


def _config(folder: Path) -> Any:
    from transformers import CLIPTextConfig

    file = folder / "config.json"
    if not file.is_file() or json.loads(file.read_text("utf-8")).get("model_type") not in _KINDS:
        raise _unknown(f"{shown(str(folder))} holds no config.json of a CLIP text encoder")
    return CLIPTextConfig.from_pretrained(folder, local_files_only=True)


def _tokenizer(place: Path) -> Any:
    """The tokenizer in a folder, or in ``tokenizer`` in it; None where there is none."""
    from transformers import CLIPTokenizer

    for folder in (place, place / "tokenizer"):
        if any((folder / file).is_file() for file in ("tokenizer.json", "vocab.json")):
            return CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    return None


def _check(name: str, table: tuple[int, ...], config: Any, own: Any, tokenizer: Any) -> None:
    """Raise ModelError ``text-encoder-misfit`` unless denoiser and tokenizer can take it."""
    tokens, width = table
    if width != own.config.hidden_size:
        raise _misfit(
            name,
            f"it gives {width} numbers a token, the denoiser takes {own.config.hidden_size} of it",
            "give one that was made for this family: CLIP-L has 768, that of SD2 1024",
        )
    if tokens != len(tokenizer):
        raise _misfit(
            name,
            f"it knows {tokens} tokens, the tokenizer {len(tokenizer)}",
            "put the tokenizer that it was trained with into its folder, or in tokenizer/ there",
        )
    if config.max_position_embeddings < tokenizer.model_max_length:
        raise _misfit(
            name,
            f"it has {config.max_position_embeddings} positions, the tokenizer's chunks are "
            f"{tokenizer.model_max_length} tokens long",
            "set model_max_length in the tokenizer_config.json of its folder",
        )


def _filled(name: str, file: Path, config: Any, own: Any, dtype: Any) -> Any:
    """An encoder of the class of ``own`` with the weights of a file."""
    from safetensors.torch import load_file

    bare = ((key.removeprefix(_START), value) for key, value in load_file(file).items())
    state = {_START + key: value for key, value in bare if key.startswith(_PARTS)}
    state |= {k: v for k, v in own.state_dict().items() if k.startswith("text_projection.")}
    config.projection_dim = own.config.projection_dim
    encoder, report = type(own).from_pretrained(
        None, config=config, state_dict=state, dtype=dtype, ignore_mismatched_sizes=True,
        output_loading_info=True,
    )  # fmt: skip
    wrong = sorted(_named(report))
    if wrong:
        raise _misfit(
            name,
            f"its weights are not those of its configuration: {wrong[0]} is "
            + ("missing" if wrong[0] in report["missing_keys"] else "too much or of another shape"),
            "give the folder with the config.json that belongs to the weights; for a file the "
            "configuration of the model's own encoder is taken",
        )
    return encoder


def _named(report: Any) -> Iterator[str]:
    """The tensors of a loading report that did not find their place."""
    yield from report["missing_keys"]
    yield from report["unexpected_keys"]
    yield from (one[0] for one in report["mismatched_keys"])


def _unknown(reason: str) -> ModelError:
    return ModelError(
        reason,
        code="text-encoder-unknown",
        cure="give the folder of a CLIPTextModel (config.json, model.safetensors), a diffusers "
        "folder, or a .safetensors file",
    )


def _misfit(name: str, reason: str, cure: str) -> ModelError:
    return ModelError(
        f"{shown(name)} is no text encoder for this model: {reason}",
        code="text-encoder-misfit",
        cure=cure,
    )
