"""The seam on a denoiser and off it again, above and beneath what else is hooked on there."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from diffusers.hooks import HookRegistry

from negprompt.errors import RequestError
from negprompt.guidance.hook import Seam

NAME = "negprompt"


@contextmanager
def attached(module: Any, seam: Seam) -> Iterator[Seam]:
    """Put a seam on a denoiser, and leave the denoiser as it was.

    Raises RequestError ``already-steered`` where one is on it.
    """
    with _beneath_offloading(module):
        registry, plain, bare = _registered(module, seam)
    try:
        yield seam
    finally:
        with _beneath_offloading(module):
            registry.remove_hook(NAME, recurse=False)
            if not registry.hooks:
                if plain:
                    module.__dict__.pop("forward", None)
                if bare:
                    module.__dict__.pop("_diffusers_hook", None)


@contextmanager
def _beneath_offloading(module: Any) -> Iterator[None]:
    """Take accelerate's offloading off the forward of a module while this lasts.

    A pipeline that offloads puts it on anew after each of its calls, on top of what lies beneath;
    a seam above it would be gone after the first call.
    """
    if "_old_forward" not in module.__dict__:
        yield
        return
    outer, beneath = module.forward, module._old_forward  # noqa: SLF001 - accelerate has no other way
    module.forward = beneath
    try:
        yield
    finally:
        module._old_forward, module.forward = module.forward, outer  # noqa: SLF001


def _registered(module: Any, seam: Seam) -> tuple[HookRegistry, bool, bool]:
    """The registry that holds the seam now, and what of the module was bare before.

    Raises RequestError ``already-steered``.
    """
    bare = "_diffusers_hook" not in module.__dict__
    plain = "forward" not in module.__dict__
    registry = HookRegistry.check_if_exists_or_initialize(module)
    if registry.get_hook(NAME) is not None:
        raise RequestError(
            "this pipeline is being steered already",
            code="already-steered",
            cure="leave the other `with steer(...)` first",
        )
    registry.register_hook(seam, NAME)
    return registry, plain, bare
