"""LoRAs by name → on a pipeline: fused into its weights for good, or worn for one run.

diffusers converts and applies them; here they are found, and refused where they cannot act.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from negprompt.errors import ModelError, shown
from negprompt.models.header import family_of_lora, kind_of, shapes_of
from negprompt.models.place import blaming


@dataclass(frozen=True, slots=True)
class Worn:
    """A LoRA with its weights in the text encoders and in the U-Net."""

    name: str
    text: float = 1.0
    unet: float = 1.0


def fuse(pipe: Any, family: str, loras: Sequence[Worn], folder: str | None) -> None:
    """Add LoRAs to the weights of a pipeline. Raises as ``worn`` does."""
    if loras:
        with blaming(", ".join(one.name for one in loras)):
            _put_on(pipe, family, loras, folder)
            pipe.fuse_lora(components=list(pipe.get_list_adapters()))
            pipe.unload_lora_weights()


@contextmanager
def worn(pipe: Any, family: str, loras: Sequence[Worn], folder: str | None) -> Iterator[None]:
    """LoRAs on a pipeline while this lasts; afterwards its weights are what they were.

    Raises ModelError ``lora-unknown``, ``lora-misfit`` and what ``shapes_of`` raises.
    """
    if not loras:
        yield
        return
    try:
        with blaming(", ".join(one.name for one in loras)):
            _put_on(pipe, family, loras, folder)
        yield
    finally:
        pipe.unload_lora_weights()


def files_in(folder: Path) -> Iterator[Path]:
    """Safetensors files in a folder and below, by name."""
    return (file for file in sorted(folder.rglob("*.safetensors")) if file.is_file())


def _put_on(pipe: Any, family: str, loras: Sequence[Worn], folder: str | None) -> None:
    found = [_fitting(one.name, family, folder) for one in loras]
    names = [f"lora_{place}" for place in range(len(loras))]
    for name, file in zip(names, found, strict=True):
        try:
            pipe.load_lora_weights(
                str(file.parent), weight_name=file.name, adapter_name=name, use_safetensors=True,
                local_files_only=True,
            )  # fmt: skip
        except RuntimeError as error:
            if "size mismatch" not in str(error):
                raise
            raise _misfit(file, "has matrices of other sizes than the model's layers") from error
        if name not in {a for part in pipe.get_list_adapters().values() for a in part}:
            raise _misfit(file, "acts on none of its layers")
    pipe.set_adapters(names, [_weights(pipe, one) for one in loras])


def _weights(pipe: Any, one: Worn) -> float | dict[str, float]:
    if one.text == one.unet:
        return one.unet
    encoders = [name for name in pipe.components if name.startswith("text_encoder")]
    denoiser = next(name for name in ("unet", "transformer") if name in pipe.components)
    return {denoiser: one.unet, **dict.fromkeys(encoders, one.text)}


def _fitting(name: str, family: str, folder: str | None) -> Path:
    """The file of a LoRA that fits a family."""
    file = _file(name, folder)
    shapes = shapes_of(file)
    if kind_of(shapes) != "lora":
        raise _misfit(file, "is no LoRA")
    made_for = family_of_lora(shapes)
    if made_for not in ("", family):
        raise _misfit(file, f"was made for {made_for}, the model is {family}")
    return file


def _file(name: str, folder: str | None) -> Path:
    """A path, or the file of this name in the folder. Raises ModelError ``lora-unknown``."""
    if name.endswith(".safetensors") and Path(name).is_file():
        return Path(name)
    if folder is None:
        cure = "give its file, or the folder that holds it with --lora-dir"
    else:
        files = {file.stem.casefold(): file for file in files_in(Path(folder))}
        found = files.get(name.casefold().removesuffix(".safetensors"))
        if found is not None:
            return found
        known = [file.stem for file in files.values()][:10]
        cure = f"{shown(folder)} holds {', '.join(known)}" if known else "its folder holds none"
    raise ModelError(f"there is no LoRA {shown(name)}", code="lora-unknown", cure=cure)


def _misfit(file: Path, reason: str) -> ModelError:
    return ModelError(
        f"LoRA {shown(file.name)}: it {reason}",
        code="lora-misfit",
        cure="give a LoRA that was made for the family of --model",
    )
