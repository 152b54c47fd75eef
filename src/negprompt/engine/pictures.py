"""A picture to start from, and a mask → diffusers' own pipelines on the parts that are loaded."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from negprompt.engine.request import Request
from negprompt.errors import OutputError, RequestError, shown

if TYPE_CHECKING:
    from PIL.Image import Image

PIPELINES: Final[Mapping[str, tuple[str, str]]] = {
    "StableDiffusionPipeline": (
        "StableDiffusionImg2ImgPipeline",
        "StableDiffusionInpaintPipeline",
    ),
    "StableDiffusionXLPipeline": (
        "StableDiffusionXLImg2ImgPipeline",
        "StableDiffusionXLInpaintPipeline",
    ),
    "StableDiffusion3Pipeline": (
        "StableDiffusion3Img2ImgPipeline",
        "StableDiffusion3InpaintPipeline",
    ),
    "FluxPipeline": ("FluxImg2ImgPipeline", "FluxInpaintPipeline"),
}
"""The pipelines from an image, and from an image and a mask, for each from text alone."""


@dataclass(frozen=True, slots=True)
class Start:
    """What a run starts from: noise alone, or a picture at the size of the result."""

    image: "Image | None" = None
    mask: "Image | None" = None
    """White is made anew, black stays."""
    strength: float = 1.0

    def settings(self, size: tuple[int, int], count: int, pipe: Any) -> dict[str, Any]:
        """The arguments of a pipeline call for so many pictures."""
        takes = inspect.signature(pipe.__call__).parameters
        given: dict[str, Any] = {}
        if "width" in takes:  # else the size is the picture's
            given |= {"width": size[0], "height": size[1]}
        if self.image is not None:
            given |= {"image": [self.image] * count, "strength": self.strength}
        return given if self.mask is None else {**given, "mask_image": self.mask}


def start_of(request: Request) -> Start:
    """Read the pictures of a request whose size is known. OutputError ``picture-unreadable``."""
    if request.image is None or request.size is None:
        return Start()
    mask = None if request.mask is None else _read(request.mask, request.size, "L")
    return Start(_read(request.image, request.size, "RGB"), mask, request.own_strength)


def pipeline_for(start: Start, pipe: Any) -> Any:
    """A pipeline of the same parts that takes such a start. RequestError ``image-unsupported``."""
    if start.image is None:
        return pipe
    import diffusers

    kinds = PIPELINES.get(type(pipe).__name__)
    if kinds is None:
        raise RequestError(
            f"a {type(pipe).__name__} takes no picture to start from",
            code="image-unsupported",
            cure="use a Stable Diffusion or Flux.1 model",
        )
    made = getattr(diffusers, kinds[start.mask is not None]).from_pipe(pipe, torch_dtype=pipe.dtype)
    made.set_progress_bar_config(disable=True)
    return made


def _read(name: str, size: tuple[int, int], mode: str) -> "Image":
    from PIL import Image

    try:
        with Image.open(name) as picture:
            return picture.convert(mode).resize(size, Image.Resampling.LANCZOS)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise OutputError(
            f"{shown(name)} is no picture that can be read",
            code="picture-unreadable",
            cure="give a PNG, JPEG or WebP file",
        ) from error
