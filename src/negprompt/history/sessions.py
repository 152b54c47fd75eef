"""What was said in a chat and what came of it, so that it can go on where it was.

A session is a row of turns.  Turn 0 is the prompt; each later one holds the user's words, the
edits that they led to, and one or more decisions, each with the state of the chat after it.  A run
belongs to the turn that it answers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from negprompt.errors import RequestError
from negprompt.history.opening import History, now
from negprompt.history.tables import added, decisions, feedback, runs, sessions

State = Mapping[str, Any]
"""All that a chat needs to go on, as JSON takes it."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided on a turn, and the state after it."""

    what: str
    """One word, up to 40 characters: ``begun``, ``applied``, ``asked``, ``undone``, ``ended`` …"""
    decided: str
    """UTC, ISO 8601."""
    state: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing that the user said."""

    number: int
    said: str
    """UTC, ISO 8601."""
    words: str
    edits: tuple[dict[str, Any], ...]
    decisions: tuple[Decision, ...]
    runs: tuple[int, ...]
    """The runs that answer it; none where the chat was cut off before a picture was made."""

    @property
    def state(self) -> dict[str, Any]:
        """The state after its last decision."""
        return self.decisions[-1].state


@dataclass(frozen=True, slots=True)
class Session:
    """A chat so far."""

    id: int
    begun: str
    """UTC, ISO 8601."""
    turns: tuple[Turn, ...]

    @property
    def state(self) -> dict[str, Any]:
        """Where it goes on: the state after the last decision."""
        return self.turns[-1].state

    def exported(self) -> dict[str, Any]:
        """All of it as one JSON object."""
        return asdict(self)


def begin(history: History, words: str, state: State) -> int:
    """Begin a session with the prompt that was typed; its number."""
    with history.writing() as connection:
        number = added(connection, sessions, {"begun": now()})
        _said(connection, "begun", state, session_id=number, number=0, words=words, edits=[])
    return number


def turn(
    history: History,
    session: int,
    words: str,
    *,
    edits: Sequence[Mapping[str, Any]] = (),
    decision: str,
    state: State,
) -> int:
    """Add what the user said, the edits, the first decision and the state after it; its number.

    Raises RequestError ``session-unknown``.
    """
    with history.writing() as connection:
        number = last_turn(connection, session)[1] + 1
        said = {"session_id": session, "number": number, "words": words}
        _said(connection, decision, state, **said, edits=[dict(edit) for edit in edits])
    return number


def decide(history: History, session: int, decision: str, state: State) -> None:
    """Add one more decision to the last turn: what was asked is applied, the session ends.

    Raises RequestError ``session-unknown``.
    """
    with history.writing() as connection:
        _decided(connection, last_turn(connection, session)[0], decision, state)


def session(history: History, number: int | None = None) -> Session:
    """Return a session with all its turns; the newest one without a number.

    Raises RequestError ``session-unknown``.
    """
    with history.reading() as connection:
        which = select(sessions).order_by(sessions.c.id.desc()).limit(1)
        if number is not None:
            which = which.where(sessions.c.id == number)
        found = connection.execute(which).one_or_none()
        if found is None:
            raise _unknown(number)
        said = select(feedback).where(feedback.c.session_id == found.id).order_by(feedback.c.number)
        turns = tuple(_turn(connection, row) for row in connection.execute(said).all())
    return Session(found.id, found.begun, turns)


def last_turn(connection: Connection, session: int) -> tuple[int, int]:
    """Return the row and the number of a session's last turn. RequestError ``session-unknown``."""
    of = feedback.c.session_id == session
    newest = select(func.max(feedback.c.number)).where(of).scalar_subquery()
    which = select(feedback.c.id, feedback.c.number).where(of, feedback.c.number == newest)
    found = connection.execute(which).one_or_none()
    if found is None:
        raise _unknown(session)
    return int(found.id), int(found.number)


def _said(connection: Connection, decision: str, state: State, **row: Any) -> None:
    """Add a row of ``feedback`` and the first decision on it."""
    turn = added(connection, feedback, {"said": now()} | row)
    _decided(connection, turn, decision, state)


def _decided(connection: Connection, turn: int, decision: str, state: State) -> None:
    row = {"feedback_id": turn, "decided": now(), "what": decision, "state": dict(state)}
    added(connection, decisions, row)


def _turn(connection: Connection, row: Any) -> Turn:
    decided = select(decisions).where(decisions.c.feedback_id == row.id).order_by(decisions.c.id)
    made = select(runs.c.id).where(runs.c.feedback_id == row.id).order_by(runs.c.id)
    return Turn(
        number=row.number,
        said=row.said,
        words=row.words,
        edits=tuple(row.edits),
        decisions=tuple(Decision(d.what, d.decided, d.state) for d in connection.execute(decided)),
        runs=tuple(connection.scalars(made)),
    )


def _unknown(number: int | None) -> RequestError:
    return RequestError(
        "no session is kept" if number is None else f"there is no session {number}",
        code="session-unknown",
        cure="begin one",
    )
