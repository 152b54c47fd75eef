"""Sessions of the suite ``feedback`` → rates with intervals, as lines of text and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Final

from negprompt.feedback.trial import KINDS, ROUNDS, SESSIONS, End, Session
from negprompt.measure.page import number, shown
from negprompt.measure.statistics import Interval, mcnemar, wilson
from negprompt.measure.suite import UNMEASURABLE

WAYS: Final[Mapping[str, str]] = {
    "edited": "one complaint a round",
    "again": "same negative, no edit",
    "rerolled": "a new seed a round",
}
"""The columns of the table."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What one way of going on came to, over some sessions."""

    n: int
    gone: Interval
    """The flaw went within the rounds."""
    subject: Interval
    """The subject is the one before."""
    kept: float
    """Mean share of the other attributes that are as they were."""
    terms: float
    """Mean number of terms that the negative gained."""

    def to_json(self) -> dict[str, Any]:
        """The rates as ``bench --json`` prints them."""
        return {
            "gone": self.gone.to_json(),
            "subject_kept": self.subject.to_json(),
            "others_kept": self.kept,
            "terms": self.terms,
        }


def rates(sessions: Sequence[Session], way: str, judge: str) -> Rates:
    """The rates of one way, ``edited``, ``again`` or ``rerolled``, as one judge sees it.

    ValueError where there are no sessions.
    """
    ends = [_end(session, way, judge) for session in sessions]
    return Rates(
        n=len(ends),
        gone=wilson(sum(end.gone for end in ends), len(ends)),
        subject=wilson(sum(end.subject_kept for end in ends), len(ends)),
        kept=fmean(end.kept for end in ends),
        terms=fmean(end.terms for end in ends),
    )


def better(sessions: Sequence[Session], than: str, judge: str) -> float:
    """McNemar's p that editing ends no more often with flaw gone and subject kept than a way."""
    ends = [(_end(s, "edited", judge), _end(s, than, judge)) for s in sessions]
    well = [(a.gone and a.subject_kept, b.gone and b.subject_kept) for a, b in ends]
    return mcnemar(well.count((True, False)), well.count((False, True)))


def line(session: Session, judge: str) -> str:
    """One session in a line."""
    end = session.edited[judge]
    came = f"gone in round {end.rounds}" if end.gone else "still there"
    return f"{session.flaw:15} seed {session.seed:5}  {session.prompt:34} {came}"


def summary(sessions: Sequence[Session], judges: Sequence[str]) -> list[str]:
    """The table: all sessions by each judge, then each kind of flaw by the first of the judges."""
    kinds = _kinds(sessions)
    full = [flaw for flaw, some in kinds.items() if len(some) >= 10]
    lines = [
        f"{len(sessions)} of {SESSIONS} sessions, at most {ROUNDS} rounds each",
        f"{len(full)} of {KINDS} kinds of flaw with ten or more",
        f"{'':17} {'':24} {'n':>3}  {'flaw gone':16} {'subject kept':16} {'others':>6}  terms",
    ]
    for judge in judges:
        lines += [_row(f"{judge} judge", sessions, way, judge) for way in WAYS]
        lines += [
            f"{judge} judge: edits end well more often than {WAYS[way]}, "
            f"p {better(sessions, way, judge):.2g}"
            for way in ("again", "rerolled")
        ]
    for flaw, some in kinds.items():
        mark = "?" if flaw in UNMEASURABLE else ""
        lines += [_row(flaw + mark, some, way, judges[0]) for way in ("edited", "rerolled")]
    lines.append("? judge and eye agree too seldom on it (docs/world.md)")
    return lines


def to_json(
    sessions: Sequence[Session], judges: Sequence[str], scale: float, steps: int
) -> dict[str, Any]:
    """What ``bench --suite feedback --json`` prints."""
    return {
        "scale": scale,
        "steps": steps,
        "rounds": ROUNDS,
        "sessions": len(sessions),
        "seeds": [session.seed for session in sessions],
        "by": {judge: _ways(sessions, judge) for judge in judges},
        "flaws": [
            {"flaw": flaw, "measurable": flaw not in UNMEASURABLE, "n": len(some)}
            | _ways(some, judges[0])
            for flaw, some in _kinds(sessions).items()
        ],
        "p": {way: better(sessions, way, judges[0]) for way in ("again", "rerolled")},
    }


def _ways(sessions: Sequence[Session], judge: str) -> dict[str, Any]:
    return {way: rates(sessions, way, judge).to_json() for way in WAYS}


def _kinds(sessions: Sequence[Session]) -> dict[str, list[Session]]:
    """The sessions by flaw, most frequent first."""
    kinds: dict[str, list[Session]] = {}
    for session in sessions:
        kinds.setdefault(session.flaw, []).append(session)
    return dict(sorted(kinds.items(), key=lambda item: -len(item[1])))


def _row(head: str, sessions: Sequence[Session], way: str, judge: str) -> str:
    r = rates(sessions, way, judge)
    return (
        f"{head:17} {WAYS[way]:24} {r.n:3}  {shown(r.gone):16} {shown(r.subject):16} "
        f"{number(r.kept):>6} {r.terms:6.1f}"
    )


def _end(session: Session, way: str, judge: str) -> End:
    ends: Mapping[str, End] = getattr(session, way)
    return ends[judge]
