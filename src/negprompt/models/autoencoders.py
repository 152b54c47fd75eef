"""An autoencoder in place of a model's own: from a safetensors file or a diffusers folder."""

from pathlib import Path
from typing import Any, Final

from negprompt.errors import ModelError, shown
from negprompt.models.header import kind_of, shapes_of
from negprompt.models.place import blaming

_MUST_AGREE: Final = ("latent_channels", "scaling_factor", "shift_factor")


def autoencoder(name: str, config: str, *, dtype: Any) -> Any:
    """Load one; ``config`` is the folder or hub id of the model, whose own it must be like.

    Raises ModelError ``vae-unknown``, ``vae-misfit`` and what ``shapes_of`` raises.
    """
    import diffusers

    own = diffusers.AutoencoderKL.load_config(config, subfolder="vae", local_files_only=True)
    place = Path(name)
    if place.is_dir():
        with blaming(name):
            folder = place / "vae" if (place / "vae").is_dir() else place
            vae = diffusers.AutoencoderKL.from_pretrained(
                folder, torch_dtype=dtype, use_safetensors=True, local_files_only=True
            )
        alike = all(vae.config[key] == own.get(key, vae.config[key]) for key in _MUST_AGREE)
        if not alike:
            raise _misfit(name)
        return vae
    if not place.is_file():
        raise ModelError(
            f"there is no autoencoder {shown(name)}",
            code="vae-unknown",
            cure="give a .safetensors file or a folder with a diffusers autoencoder",
        )
    if kind_of(shapes_of(place)) not in ("vae", "sd1", "sd2", "sdxl", "sd3"):
        raise _misfit(name)
    try:
        return diffusers.AutoencoderKL.from_single_file(
            str(place), config=config, subfolder="vae", torch_dtype=dtype, local_files_only=True
        )
    except (ValueError, KeyError, RuntimeError) as error:
        raise _misfit(name) from error


def _misfit(name: str) -> ModelError:
    return ModelError(
        f"{shown(name)} is no autoencoder for this model",
        code="vae-misfit",
        cure="give one that was made for this family (SD1 and SD2 share theirs, the others have "
        "one each)",
    )
