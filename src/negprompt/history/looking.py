"""What is in the history: the newest runs, one run whole, the runs that used a term.

Terms appear under the names that others may call them, as in a plan: one that only its owner may
see is its layer's label, and is found by that and by no word of its own.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, exists, func, select

from negprompt.errors import RequestError, shown
from negprompt.history.opening import History
from negprompt.history.store import State
from negprompt.history.tables import (
    feedback,
    images,
    inputs,
    layers,
    measurements,
    runs,
    uses,
    words,
)

_WORD: Final = re.compile(r"\w+")
_LONGEST: Final = 40  # characters of a word that are kept
_POLICY: Final = re.compile(r"([a-z0-9-]+)(?:@([\d.]+))?(?:#([0-9a-f]+))?")
USER: Final = "user"


@dataclass(frozen=True, slots=True)
class Use:
    """A term of the negative that acted."""

    negative: int
    """Which of several, from 1."""
    text: str
    weight: float
    layer: str
    """Label of the layer that put it there, or ``user``."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An image of a run."""

    position: int
    seed: int
    sha256: str
    """Of its file."""
    pixels: str
    """SHA-256 of its size and pixels."""
    path: Path
    """Where it was saved."""
    file: Path
    """Where the history keeps its copy."""
    state: State
    """Of the copy."""
    measurements: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """A run in a line, and the images that it made."""

    id: int
    made: str
    """UTC, ISO 8601."""
    command: str
    model: str
    prompt: str
    effective_negative: str
    images: tuple[tuple[Path, str], ...]
    """Where each was saved, and the SHA-256 of its file."""
    terms: tuple[Use, ...] = ()
    """Those that were searched for."""


@dataclass(frozen=True, slots=True)
class Run:
    """All that is known of a run."""

    id: int
    made: str
    """UTC, ISO 8601."""
    command: str
    folder: Path
    """Where it ran."""
    prompt: str
    raw_negative: str | None
    effective_negative: str
    model: str
    request: dict[str, Any]
    """The fields of its Request but for the policies."""
    layers: tuple[str, ...]
    """SHA-256 of each active layer."""
    policies: tuple[str, ...]
    """Labels of the active layers."""
    terms: tuple[Use, ...]
    images: tuple[Kept, ...]
    inputs: dict[str, str]
    """SHA-256 of the pictures that it started from, by field of the request."""
    metadata: str
    passes: int
    seconds: float
    versions: dict[str, Any]
    notices: tuple[dict[str, str], ...]
    session: int | None
    turn: int | None


def newest(history: History, limit: int = 20) -> tuple[Summary, ...]:
    """Return the newest runs, the newest first."""
    with history.reading() as connection:
        which = select(runs.c.id).order_by(runs.c.id.desc()).limit(limit)
        return _summaries(connection, list(connection.scalars(which)), lambda use: False)


def search(
    history: History, term: str = "", *, policy: str | None = None, limit: int = 20
) -> tuple[int, tuple[Summary, ...]]:
    """Return how many runs used a term, and the newest of them, each with the terms found.

    A term is found by words that stand side by side in it, whatever their case.  ``policy`` is the
    name of a layer, with ``@7`` or ``@7.1`` or ``@7.1.0`` for its version, with ``#…`` for its
    hash: only terms that it put there count.

    Raises RequestError ``search-empty``, ``policy-unreadable``.
    """
    asked = words_of(term)
    wanted = pairs_of(asked) or asked
    if not wanted and (term or policy is None):
        raise RequestError(
            f"there is no word to search for in {shown(term)}",
            code="search-empty",
            cure="give a word of a term, or a policy",
        )
    with history.reading() as connection:
        labels = None if policy is None else _layers(connection, policy)
        rows = None if labels is None else list(labels)
        found = _found(connection, wanted, rows).distinct()
        count = connection.scalar(select(func.count()).select_from(found.subquery())) or 0
        last = found.order_by(found.selected_columns.run_id.desc()).limit(limit)
        which = list(connection.scalars(last))

        def sought(use: Use) -> bool:
            here = labels is None or use.layer in labels.values()
            return here and keys_of(use.text).issuperset(wanted)

        return count, _summaries(connection, which, sought)


def run(history: History, which: int) -> Run:
    """Return a run by its number. RequestError ``run-unknown``."""
    with history.reading() as connection:
        found = connection.execute(select(runs).where(runs.c.id == which)).one_or_none()
        if found is None:
            raise unknown(which)
        return _run(history, connection, found)


def made_by(history: History, sha256: str) -> int | None:
    """Return the newest run that made a file; None where none did."""
    with history.reading() as connection:
        newest = select(func.max(images.c.run_id)).where(images.c.sha256 == sha256)
        found: int | None = connection.scalar(newest)
    return found


def words_of(text: str) -> list[str]:
    """Return the words of a text in small letters, long ones cut."""
    return [word[:_LONGEST] for word in _WORD.findall(text.casefold())]


def pairs_of(words: Sequence[str]) -> list[str]:
    """Return every two words that stand side by side."""
    return [" ".join(pair) for pair in pairwise(words)]


def keys_of(text: str) -> set[str]:
    """Return what a term is found by: each of its words, and every two side by side."""
    found = words_of(text)
    return {*found, *pairs_of(found)}


def unknown(which: object) -> RequestError:
    """Return the error of a run that is not there."""
    return RequestError(
        f"the history has no run {shown(which)}",
        code="run-unknown",
        cure="see `negprompt history list`, or give a picture that was made with the history on",
    )


def _found(
    connection: Connection, wanted: Sequence[str], rows: Sequence[int] | None
) -> Select[int]:
    """The runs with a term that has all these keys, and that one of these layers put there.

    The rarest key is looked up, and of its terms those are left out that lack another.
    """

    def rarity(key: str) -> int:
        return connection.scalar(select(func.count()).where(words.c.words == key)) or 0

    if not wanted:
        return select(uses.c.run_id).where(uses.c.layer_id.in_(rows or []))
    rarest, *others = sorted(wanted, key=rarity) if len(wanted) > 1 else wanted
    found = select(words.c.run_id).where(words.c.words == rarest)
    for key in others:
        other = words.alias()
        same = (other.c.run_id == words.c.run_id, other.c.position == words.c.position)
        found = found.where(exists().where(other.c.words == key, *same))
    return found if rows is None else found.where(words.c.layer_id.in_(rows))


def _layers(connection: Connection, policy: str) -> dict[int, str]:
    """The layers that a policy's name means: their labels by their rows."""
    read = _POLICY.fullmatch(policy)
    if read is None:
        raise RequestError(
            f"the policy {shown(policy)} cannot be read",
            code="policy-unreadable",
            cure="write its name, or its name and version as brand@7",
        )
    name, version, start = read.groups()
    which = select(layers).where(layers.c.name == name)
    return {
        row.id: _label(row)
        for row in connection.execute(which)
        if (version is None or f"{row.version}.".startswith(f"{version}."))
        and row.hash.startswith(start or "")
    }


def _summaries(
    connection: Connection, which: Sequence[int], sought: Callable[[Use], bool]
) -> tuple[Summary, ...]:
    """The runs of these numbers, in their order, with the terms that are sought."""
    rows = connection.execute(select(runs).where(runs.c.id.in_(which)))
    by_number = {row.id: row for row in rows}
    saved = select(images.c.run_id, images.c.path, images.c.sha256)
    saved = saved.where(images.c.run_id.in_(which)).order_by(images.c.run_id, images.c.position)
    files: dict[int, list[tuple[Path, str]]] = {number: [] for number in which}
    for row in connection.execute(saved):
        files[row.run_id].append((Path(row.path), row.sha256))
    found: dict[int, list[Use]] = {number: [] for number in which}
    for row in connection.execute(_uses(uses.c.run_id.in_(which))):
        if sought(use := _use(row)):
            found[row.run_id].append(use)
    return tuple(
        Summary(
            id=number,
            made=row.made,
            command=row.command,
            model=row.model,
            prompt=row.prompt,
            effective_negative=row.effective_negative,
            images=tuple(files[number]),
            terms=tuple(found[number]),
        )
        for number, row in ((number, by_number[number]) for number in which)
    )


def _run(history: History, connection: Connection, row: Row[Any]) -> Run:
    labels = select(layers).where(layers.c.hash.in_(row.layers)).order_by(layers.c.name)
    starts = select(inputs.c.field, inputs.c.sha256).where(inputs.c.run_id == row.id)
    turn = connection.execute(select(feedback).where(feedback.c.id == row.feedback_id)).first()
    return Run(
        id=row.id,
        made=row.made,
        command=row.command,
        folder=Path(row.folder),
        prompt=row.prompt,
        raw_negative=row.raw_negative,
        effective_negative=row.effective_negative,
        model=row.model,
        request=row.request,
        layers=tuple(row.layers),
        policies=tuple(map(_label, connection.execute(labels))),
        terms=tuple(map(_use, connection.execute(_uses(uses.c.run_id == row.id)))),
        images=_images(history, connection, row.id),
        inputs={start.field: start.sha256 for start in connection.execute(starts)},
        metadata=row.metadata,
        passes=row.passes,
        seconds=row.seconds,
        versions=row.versions,
        notices=tuple(row.notices),
        session=None if turn is None else turn.session_id,
        turn=None if turn is None else turn.number,
    )


def _images(history: History, connection: Connection, run: int) -> tuple[Kept, ...]:
    found = connection.execute(
        select(images).where(images.c.run_id == run).order_by(images.c.position)
    ).all()
    of = measurements.c.image_id.in_([row.id for row in found])
    said: dict[int, list[dict[str, Any]]] = {row.id: [] for row in found}
    for one in connection.execute(select(measurements).where(of).order_by(measurements.c.id)):
        names = ("measured", "probe", "term", "probability", "present")
        said[one.image_id].append({name: getattr(one, name) for name in names})
    return tuple(
        Kept(
            position=row.position,
            seed=int(row.seed),
            sha256=row.sha256,
            pixels=row.pixels,
            path=Path(row.path),
            file=history.store.path(row.sha256),
            state=history.store.state(row.sha256),
            measurements=tuple(said[row.id]),
        )
        for row in found
    )


def _uses(condition: ColumnElement[bool]) -> Select[Any]:
    """Uses with the layers that they come from, in the order of the plan."""
    joined = uses.outerjoin(layers, uses.c.layer_id == layers.c.id)
    columns = (layers.c.name, layers.c.version, layers.c.hash)
    return (
        select(uses, *columns)
        .select_from(joined)
        .where(condition)
        .order_by(uses.c.run_id, uses.c.position)
    )


def _use(row: Any) -> Use:
    return Use(row.negative, row.text, row.weight, USER if row.name is None else _label(row))


def _label(row: Any) -> str:
    return f"{row.name}@{row.version}#{row.hash[:8]}"
