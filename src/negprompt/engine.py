"""Request → Generation: the only place where the stages meet.

A request is validated when it is made. ``run`` reads the texts, plans, encodes, denoises through
the one seam and writes the trace; ``generate`` is ``run`` for one call; ``steer`` puts the same
rules on a diffusers pipeline that the user calls. The stages that hold tensors are imported when
they are needed, so that a mistake in a request is told at once.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from negprompt.errors import Notice, RequestError, shown
from negprompt.guidance.rules import RULES
from negprompt.encoding.weighting import SCHEMES
from negprompt.models.schedulers import SCHEDULERS

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image

    from negprompt.guidance.hook import Seen
    from negprompt.models.load import Model
    from negprompt.policy.plan import Plan
    from negprompt.trace.events import Event

BATCH = 8
"""Most images in one model call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for. Every value is checked here, and none is silently changed.

    ``None`` stands for the model's own default; ``negative=None`` for no negative at all, while
    ``("",)`` is a negative that is empty on purpose.

    Raises RequestError for a value out of range or unknown.
    """

    prompt: str
    negative: tuple[str, ...] | None = None
    """One text is encoded as it is; several are composed, one branch each."""
    negative_weights: tuple[float, ...] | None = None
    """Weight of each negative among the others, above 0."""
    model: str = "pocket"
    cfg: float | None = None
    """Guidance scale, 1–100; 1 means no guidance."""
    steps: int | None = None
    """Denoising steps, 1–1000."""
    seed: int = 0
    """Seed of the first image; image ``i`` has ``seed + i``."""
    count: int = 1
    """Number of images, 1–10000."""
    size: tuple[int, int] | None = None
    """Width and height in pixels, multiples of 8."""
    scheduler: str | None = None
    rule: str = "cfg"
    rescale: float = 0.0
    """Guidance rescale, 0–1."""
    scheme: str = "a1111"
    """How weights act on embeddings."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What the images cost."""

    passes: int
    """Rows that the model evaluated for one image over the run; every image costs the same."""
    passes_per_step: float
    """Rows for one image in one model call."""
    seconds: float
    """Wall time from texts to images; loading the model is not in it."""


@dataclass(frozen=True, slots=True)
class Generation:
    """The images, and how they came about."""

    images: tuple["Image", ...]
    seeds: tuple[int, ...]
    plan: "Plan"
    cost: Cost
    notices: tuple[Notice, ...]
    trace: tuple["Event", ...]
    request: Request
    """The request with the model's defaults filled in."""


def run(
    request: Request,
    *,
    model: "Model | None" = None,
    on_step: Callable[[int, int], None] | None = None,
    observe: "Callable[[Seen], None] | None" = None,
) -> Generation:
    """Make the images that a request asks for.

    ``model`` is used in place of loading ``request.model``. ``on_step(done, total)`` is called
    after every step, counted over all batches. ``observe(seen)`` is called at every model call with
    the predictions of all branches, see ``guidance.hook.Seen``.
    """
    raise NotImplementedError


def generate(
    prompt: str,
    negative: str | Sequence[str] | None = None,
    **settings: Any,
) -> Generation:
    """Make images: ``run`` on a Request with these settings.

    One negative text is encoded as it is; a sequence of texts is composed, one branch each.
    """
    raise NotImplementedError


def steer(
    pipe: Any,
    negative: str | Sequence[str] | None = None,
    *,
    negative_weights: Sequence[float] | None = None,
    rule: str = "cfg",
    scale: float | None = None,
    rescale: float | None = None,
    scheme: str = "a1111",
    observe: "Callable[[Seen], None] | None" = None,
) -> AbstractContextManager[Any]:
    """Guide a diffusers pipeline that the user calls inside ``with steer(pipe, negative=...):``."""
    raise NotImplementedError


def save(generation: Generation, folder: "Path") -> "tuple[Path, ...]":
    """Write each image as a PNG with its ``parameters`` text into a folder; the paths, in order.

    Files are named ``NNNNN-SEED.png``, counting on from what the folder holds, and appear whole or
    not at all. Raises OutputError where the folder cannot be written.
    """
    raise NotImplementedError
