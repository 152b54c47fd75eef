"""A run → the same images again, and whether they are the same.

With the versions, processor and threads of then every pixel is: an image depends on its request,
its seed and the shape of its batch only.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError
from sqlalchemy import select

from negprompt.engine import Request, loaded
from negprompt.engine.run import POCKET
from negprompt.engine.run import run as made
from negprompt.errors import OutputError
from negprompt.history.looking import Run
from negprompt.history.machine import changed, versions
from negprompt.history.opening import History
from negprompt.history.recording import LAYER, REQUEST, pixels
from negprompt.history.tables import layers
from negprompt.policy.layers import Layer

if TYPE_CHECKING:
    from negprompt.engine import Generation

_BESIDE: Final = ("config", "vae", "text_encoder", "lora_dir")
"""Fields of Loading that may be paths."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """The images made again."""

    made: "Generation"
    same: tuple[bool, ...]
    """For each whether every pixel is as it was."""
    changed: tuple[str, ...]
    """What is otherwise than it was then: versions, processor, threads."""


def replay(
    history: History, run: Run, *, on_step: Callable[[int, int], None] | None = None
) -> Replayed:
    """Make the images of a run again, on as many threads as it had.

    Relative paths are taken from the folder where it ran, policies and the pictures that it started
    from are those of then.  Raises OutputError ``run-unreadable``, and what ``engine.run`` raises.
    """
    import torch

    request = recalled(history, run)
    placed = _placed(request, run.folder)
    before = torch.get_num_threads()
    torch.set_num_threads(run.versions.get("threads", before))
    try:
        model = replace(loaded(placed.model, placed.loading), name=request.model)
        again = made(placed, model=model, on_step=on_step)
        differs = tuple(changed(run.versions, versions(placed.loading.device)))
    finally:
        torch.set_num_threads(before)
    pairs = zip(again.images, run.images, strict=True)
    same = tuple(pixels(image) == then.pixels for image, then in pairs)
    return Replayed(again, same, differs)


def recalled(history: History, run: Run) -> Request:
    """Return the request of a run. OutputError ``run-unreadable``."""
    starts = {field: str(_start(history, run, field)) for field in run.inputs}
    try:
        return replace(
            REQUEST.validate_python(run.request | starts, strict=False),
            policies=tuple(_layer(history, run, one) for one in run.layers),
        )
    except ValidationError as error:
        raise _unreadable(run, "this version reads other requests") from error


def layer_of(history: History, digest: str) -> Layer | None:
    """Return the layer of a hash; None where what is kept of it is another one now."""
    with history.reading() as connection:
        content = connection.scalar(select(layers.c.content).where(layers.c.hash == digest))
    layer: Layer = LAYER.validate_python(content, strict=False)
    return layer if layer.hash == digest else None


def _layer(history: History, run: Run, digest: str) -> Layer:
    """A layer as it was when the run was made."""
    layer = layer_of(history, digest)
    if layer is None:
        raise _unreadable(run, f"the policy with the hash {digest[:8]} is not what it was")
    return layer


def _start(history: History, run: Run, field: str) -> Path:
    """The kept copy of a picture that a run started from."""
    digest = run.inputs[field]
    if (state := history.store.state(digest)) != "whole":
        raise _unreadable(run, f"the {field} that it started from is {state}")
    return history.store.path(digest)


def _placed(request: Request, folder: Path) -> Request:
    """A request whose relative paths are found from any folder."""

    def there(name: str) -> str:
        path = folder / name
        return str(path) if name != POCKET and path.exists() else name

    loading = request.loading
    beside = {name: getattr(loading, name) for name in _BESIDE}
    where = replace(
        loading,
        **{name: there(value) for name, value in beside.items() if value is not None},
        loras=tuple((_lora(folder, name), weight) for name, weight in loading.loras),
    )
    embeddings = None if request.embeddings is None else folder / request.embeddings
    return replace(request, model=there(request.model), loading=where, embeddings=embeddings)


def _lora(folder: Path, name: str) -> str:
    """A LoRA given as a file, found from any folder; a name in ``lora_dir`` as it is."""
    file = folder / name
    return str(file) if name.endswith(".safetensors") and file.is_file() else name


def _unreadable(run: Run, reason: str) -> OutputError:
    return OutputError(
        f"run {run.id} cannot be made again: {reason}",
        code="run-unreadable",
        cure="see `negprompt history show` for what is known of it",
    )
