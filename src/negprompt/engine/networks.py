"""``<lora:name:weight>`` in a prompt → LoRAs on the model for one run, and which notices that ends.

Without a folder to find them in no network is loaded, and the plan's own notice says so.
"""

import math
from collections.abc import Sequence

from negprompt.engine.request import Request
from negprompt.errors import ModelError, Notice, shown
from negprompt.language import Network, unfold
from negprompt.models.lora import Worn
from negprompt.policy.plan import STEPS

IGNORED = "network-ignored"


def called(request: Request) -> tuple[Worn, ...]:
    """The LoRAs that a prompt calls and that are to be loaded. Raises ModelError ``lora-call``."""
    return tuple(_worn(network) for network in _networks(request) if _is_loaded(network, request))


def heard(notices: Sequence[Notice], request: Request) -> tuple[Notice, ...]:
    """The notices but for those on networks that are loaded; the plan has one for each."""
    loaded = iter([_is_loaded(network, request) for network in _networks(request)])
    return tuple(one for one in notices if one.code != IGNORED or not next(loaded, False))


def _networks(request: Request) -> tuple[Network, ...]:
    return unfold(request.prompt, request.dialect, steps=request.acting_steps or STEPS).networks


def _is_loaded(network: Network, request: Request) -> bool:
    return network.kind == "lora" and request.loading.lora_dir is not None


def _worn(network: Network) -> Worn:
    """A1111's ``<lora:name:text:unet>``; ``te=`` and ``unet=`` by name, too."""
    name, *numbers = network.positional or ("",)
    given = network.named
    text = given.get("te", numbers[0] if numbers else "1")
    unet = given.get("unet", numbers[1] if len(numbers) > 1 else text)
    try:
        weights = float(text), float(unet)
        if name and all(map(math.isfinite, weights)):
            return Worn(name, *weights)
    except ValueError:
        pass
    raise ModelError(
        f"the prompt calls a LoRA as {shown(':'.join(network.items))}",
        code="lora-call",
        cure="write a name and a weight, as in <lora:ink:0.8>",
    )
