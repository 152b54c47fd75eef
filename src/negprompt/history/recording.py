"""A generation and its files → rows of the history, all of them or none.

The files are in the store before the rows that name them are committed: a process that is killed,
or a disk that is full, leaves at most a whole file that no row names, which ``collecting`` removes.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter
from sqlalchemy import Connection, Table, insert, select

from negprompt.engine import Request
from negprompt.errors import Notice, OutputError
from negprompt.history.looking import keys_of
from negprompt.history.machine import versions
from negprompt.history.opening import History, now, opened
from negprompt.history.place import unusable
from negprompt.history.sessions import last_turn
from negprompt.history.tables import (
    added,
    images,
    inputs,
    layers,
    measurements,
    runs,
    uses,
    words,
)
from negprompt.policy.layers import Layer

if TYPE_CHECKING:
    from PIL.Image import Image

    from negprompt.engine import Generation

REQUEST: Final = TypeAdapter(Request)
LAYER: Final = TypeAdapter(Layer)
_STARTS: Final = ("image", "mask")
"""The fields of a request that name a picture."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a probe said of one image."""

    position: int
    """Of the image in its run, from 0."""
    probe: str
    term: str
    probability: float
    """That what the term names is in the image, 0–1."""
    present: bool | None = None
    """What follows from it; None where the probe abstains."""


def kept(
    made: "Generation", paths: Sequence[Path], *, command: str, metadata: str = "full"
) -> tuple[Notice, ...]:
    """Record a run unless the history is off; what keeps it from being recorded is a notice.

    Notice: ``history-unwritten``.
    """
    try:
        history = opened()
        if history is not None:
            record(history, made, paths, command=command, metadata=metadata)
    except OutputError as error:
        return (Notice("history-unwritten", f"the run is not recorded: {error.message}"),)
    return ()


def record(
    history: History,
    made: "Generation",
    paths: Sequence[Path],
    *,
    command: str,
    metadata: str = "full",
    session: int | None = None,
) -> int:
    """Record a run whose images were saved at these paths; its number.

    ``metadata`` is what the files say, a name of ``engine.save.METADATA``.  In a session the run
    answers its last turn.  Raises OutputError ``history-unusable``, RequestError
    ``session-unknown``.
    """
    try:
        digests = [history.store.put(path.read_bytes()) for path in paths]
        starts = list(_starts(history, made.request))
    except OSError as error:
        raise unusable(f"{error.filename or history.store.folder}: {error.strerror}") from error
    with history.writing() as connection:
        turn = None if session is None else last_turn(connection, session)[0]
        run = planned(connection, made, feedback_id=turn, command=command, metadata=metadata)
        found = zip(made.images, made.seeds, digests, paths, strict=True)
        rows = [
            {
                "run_id": run,
                "position": position,
                "seed": str(seed),
                "sha256": digest,
                "pixels": pixels(image),
                "path": str(path.absolute()),
            }
            for position, (image, seed, digest, path) in enumerate(found)
        ]
        _add(connection, images, rows)
        _add(connection, inputs, [{"run_id": run, **start} for start in starts])
    return run


def planned(connection: Connection, made: "Generation", **row: Any) -> int:
    """Add a run with its plan: the terms that acted and the layers they are from; its number."""
    rows = {one.label: _layer(connection, one) for one in made.request.policies}
    run = added(connection, runs, _run(made) | row)
    used = [{"run_id": run} | use for use in _uses(made, rows)]
    _add(connection, uses, used)
    found = [
        {
            "words": some,
            "run_id": run,
            "position": use["position"],
            "layer_id": use["layer_id"],
        }
        for use in used
        for some in sorted(keys_of(use["text"]))
    ]
    _add(connection, words, found)
    return run


def measured(history: History, run: int, found: Sequence[Measurement]) -> None:
    """Add what probes said of the images of a run. Raises OutputError ``history-unusable``."""
    with history.writing() as connection:
        which = select(images.c.position, images.c.id).where(images.c.run_id == run)
        places = {row.position: row.id for row in connection.execute(which)}
        rows = []
        for one in found:
            row = asdict(one) | {"image_id": places[one.position], "measured": now()}
            del row["position"]
            rows.append(row)
        _add(connection, measurements, rows)


def layers_kept(history: History, found: Sequence[Layer]) -> None:
    """Keep layers, so that a session may name them by hash. OutputError ``history-unusable``."""
    with history.writing() as connection:
        for layer in found:
            _layer(connection, layer)


def pixels(image: "Image") -> str:
    """SHA-256 of an image's size and pixels."""
    digest = hashlib.sha256(f"{image.mode} {image.width}x{image.height} ".encode())
    digest.update(image.tobytes())
    return digest.hexdigest()


def _run(made: "Generation") -> dict[str, Any]:
    """The row of a run, but for the turn that it answers and who made it."""
    request, plan = made.request, made.plan
    return {
        "made": now(),
        "folder": str(Path.cwd()),
        "prompt": request.prompt,
        "raw_negative": None if request.negative is None else plan.raw_negative,
        "effective_negative": plan.effective_negative,
        "model": request.model,
        "request": REQUEST.dump_python(request, mode="json", exclude={"policies"}),
        "layers": [one.hash for one in request.policies],
        "passes": made.cost.passes,
        "seconds": made.cost.seconds,
        "versions": versions(request.loading.device),
        "notices": [asdict(notice) for notice in made.notices],
    }


def _starts(history: History, request: Request) -> Iterator[dict[str, str]]:
    """Yield the pictures that a request starts from, kept as they are now."""
    for field in _STARTS:
        if (file := getattr(request, field)) is not None:
            yield {"field": field, "sha256": history.store.put(Path(file).read_bytes())}


def _uses(made: "Generation", layer_of: dict[str, int]) -> Iterator[dict[str, Any]]:
    """Yield every term of the plan once for each layer that put it there.

    Terms that only their owner may see are one, of weight 1, called by the layer's label.
    """
    said = dict.fromkeys(
        (number, term.name, 1.0 if term.is_hidden else term.weight, layer_of.get(label))
        for number, negative in enumerate(made.plan.negatives, 1)
        for term in negative.terms
        for label in term.layer.split(" + ")
    )
    for position, (number, text, weight, layer) in enumerate(said):
        yield {
            "position": position,
            "layer_id": layer,
            "negative": number,
            "text": text,
            "weight": weight,
        }


def _layer(connection: Connection, layer: Layer) -> int:
    """The row of a layer, made where it is new."""
    found = connection.scalar(select(layers.c.id).where(layers.c.hash == layer.hash))
    if found is not None:
        return int(found)
    row = {
        "hash": layer.hash,
        "name": layer.name,
        "version": layer.version,
        "content": LAYER.dump_python(layer, mode="json"),
    }
    return added(connection, layers, row)


def _add(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), rows)
