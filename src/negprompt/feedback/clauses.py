"""Sentences of marks → clauses, each with its stance: against, for, or wishing.  Knows no drafts.

A sentence is cut at commas, "and", "but", "except".  A clause takes its stance from the strongest
cue in it; one that has none ("the hands" of "the hands and the face look wrong") takes that of the
clause it hangs on, turned round behind "but" and "except".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from negprompt.feedback.sentences import Mark

Stance = Literal[
    "against", "for", "wish", "withdraw", "restore", "ease", "gone", "scale", "undo", "content",
    "pending", "",
]  # fmt: skip
"""pending: as the next clause that has one."""
Manner = Literal["bad", "unwanted", "less", "told", ""]
"""How something is complained of: it looks wrong, it should go, there is too much, it is there."""

_OPPOSITE: Final[dict[Stance, Stance]] = {"for": "against", "against": "for", "content": "against",
                                          "gone": "against"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Clause:
    """A piece of a sentence, how it hangs on the piece before, and what it thinks."""

    join: str
    """start, comma, and, but, except, instead"""
    marks: tuple[Mark, ...]
    stance: Stance = ""
    manner: Manner = ""
    cue: int = -1
    """Index of the mark that gives the stance; -1 where it is inherited or there is none."""

    @property
    def text(self) -> str:
        """The words."""
        return " ".join(mark.text for mark in self.marks)

    def can(self, *kinds: str) -> bool:
        """Return whether a mark can be of one of the kinds."""
        return any(mark.can(*kinds) for mark in self.marks)

    def first(self, *kinds: str) -> int:
        """Return the index of the first such mark, or -1."""
        return next((i for i, mark in enumerate(self.marks) if mark.can(*kinds)), -1)

    def marks_say(self, text: str) -> bool:
        """Return whether a mark is just this."""
        return any(mark.text == text for mark in self.marks)

    @property
    def is_closed(self) -> bool:
        """Whether its cue stands behind what it is about, so that nothing more can follow."""
        named = self.first("flaw", "part")
        return self.cue > 0 and 0 <= named < self.cue


@dataclass(slots=True)
class _Cutter:
    pieces: list[Clause] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    join: str = "start"

    def cut(self, join: str) -> None:
        if self.marks:
            self.pieces.append(Clause(self.join, tuple(self.marks)))
            self.join = join
        elif join in ("but", "except", "instead") or self.join == "start":
            self.join = join if join != "comma" else self.join
        self.marks = []


def clauses(sentence: Sequence[Mark], before: Clause | None = None) -> tuple[Clause, ...]:
    """Return the clauses of a sentence with their stances; ``before`` is the one it follows."""
    return _inherited([_judged(piece) for piece in _cut(sentence)], before)


def _cut(sentence: Sequence[Mark]) -> Iterator[Clause]:
    cutter = _Cutter()
    for place, mark in enumerate(sentence):
        if mark.text == "nor":
            cutter.cut("and")
            cutter.marks = [mark]
            continue
        kind = next((k for k in ("comma", "except", "but", "instead", "and") if mark.can(k)), None)
        if kind is not None:
            cutter.cut(kind)
        elif cutter.join == "except" and cutter.marks and _starts_anew(sentence, place):
            cutter.cut("but")
            cutter.marks = [mark]
        else:
            cutter.marks.append(mark)
    cutter.cut("")
    yield from cutter.pieces


def _starts_anew(sentence: Sequence[Mark], place: int) -> bool:
    """Return whether "it is ..." follows, as behind "other than the text"."""
    behind = sentence[place + 1 : place + 2]
    return sentence[place].can("image") and any(m.can("be", "good", "love") for m in behind)


def _judged(clause: Clause) -> Clause:
    """Return a clause with the stance of its strongest cue; "not" before the cue turns it round."""
    back = clause.first("returned")
    if back > 0 and clause.marks[back - 1].text != "the" and clause.can("want", "keep", "restore"):
        return replace(clause, stance="restore", cue=back)
    for kinds, stance, manner, turned in _CUES:
        place = clause.first(*kinds)
        if place < 0:
            continue
        negated = sum(mark.can("not") for mark in clause.marks[: place + 1]) % 2
        if negated and turned is None:
            continue
        if negated and kinds == ("flaw",) and [m.text for m in clause.marks[:2]] in _REFUSING:
            return replace(clause, stance="against", manner="unwanted", cue=place)
        judged, how = turned if negated and turned else (stance, manner)
        return replace(clause, stance=judged, manner=how, cue=place)
    return _uncued(clause)


def _uncued(clause: Clause) -> Clause:
    """Return a clause without a cue: "not the hands", "the hands are not", "skin looks orange"."""
    denied, verb = clause.first("not"), clause.first("be")
    if denied == 0 and clause.marks[0].text == "not" and clause.can("part", "flaw"):
        return replace(clause, stance="withdraw", cue=0)
    if denied > 0 and denied == len(clause.marks) - 1:
        return replace(clause, stance="against", manner="bad", cue=denied)
    place = clause.first("where")
    if 0 < place < len(clause.marks) - 1 and (
        not clause.marks[place - 1].senses or clause.marks[place - 1].can("part")
    ):
        return replace(clause, stance="against", manner="told", cue=0)  # "a blob on the left"
    if 0 < verb < clause.first("colours"):
        return replace(clause, stance="against", manner="told", cue=verb)
    return clause


_REFUSING: Final = (["not", "a"], ["not", "an"], ["not", "another"], ["not", "any"])
_CUES: Final[tuple[tuple[tuple[str, ...], Stance, Manner, tuple[Stance, Manner] | None], ...]] = (
    (("scale_down",), "scale", "", None),
    (("restore",), "restore", "", ("gone", "")),
    (("ease",), "ease", "", None),
    (("withdraw",), "withdraw", "", None),
    (("undo",), "undo", "", None),
    (("keep",), "for", "", ("against", "unwanted")),
    (("unwanted",), "against", "unwanted", ("for", "")),
    (("refuse",), "against", "unwanted", ("for", "")),
    (("gone",), "gone", "", ("gone", "")),
    (("less",), "against", "less", ("against", "less")),
    (("fix",), "against", "bad", ("for", "")),
    (("hate",), "against", "unwanted", ("for", "")),
    (("lack",), "wish", "", ("gone", "")),
    (("want", "more", "make"), "wish", "", ("against", "unwanted")),
    (("love",), "for", "", ("against", "unwanted")),
    (("bad",), "against", "bad", ("for", "")),
    (("extra",), "against", "told", ("gone", "")),
    (("much",), "against", "less", ("gone", "")),
    (("good",), "for", "", ("against", "bad")),
    (("telling",), "against", "told", ("gone", "")),
    (("wanted",), "wish", "", ("against", "told")),
    (("flaw",), "against", "told", ("gone", "")),
    (("too",), "against", "told", ("gone", "")),
    (("virtue",), "for", "", ("against", "told")),
    (("content",), "content", "", ("against", "bad")),
    (("number",), "against", "told", ("gone", "")),
    (("intense",), "against", "told", ("gone", "")),
    (("there", "why"), "against", "told", ("gone", "")),
)
"""Kinds of cues, strongest first: stance, manner, and both where "not" stands before it (None: it
is no cue then)."""


def _inherited(judged: list[Clause], previous: Clause | None) -> tuple[Clause, ...]:
    """Return the clauses, those without a cue with the stance of the one they hang on."""
    for place, clause in enumerate(judged):
        if clause.stance == "for" and clause.join == "except" and not clause.can("image"):
            judged[place] = replace(clause, stance="against", manner="")  # "all but X is fine"
        if clause.stance:
            continue
        before = judged[place - 1] if place else previous if clause.join == "but" else None
        after = next(
            (c for c in judged[place + 1 :] if c.join in ("and", "comma") or not place), None
        )
        if clause.join in ("but", "except", "instead"):
            other = before if before is not None else after
            if other is not None and other.stance in _OPPOSITE:
                turned = _OPPOSITE[other.stance] if clause.join != "instead" else "wish"
                judged[place] = replace(clause, stance=turned, manner="")
        elif before is not None and before.stance == "withdraw":
            judged[place] = replace(clause, stance="against", manner="bad")
        elif (
            before is not None
            and before.stance
            and not (before.is_closed and after is not None and after.join == "and")
        ):
            judged[place] = replace(clause, stance=before.stance, manner=before.manner)
        elif after is not None and _opens(judged, place):
            judged[place] = replace(clause, stance="pending")
    return tuple(_resolved(judged))


def _opens(judged: Sequence[Clause], place: int) -> bool:
    """Return whether only "and" and commas part it from the next clause that has a stance."""
    behind = judged[place + 1 :]
    return bool(behind) and behind[0].join in ("and", "comma")


def _resolved(judged: Sequence[Clause]) -> Iterator[Clause]:
    """Yield the clauses, those that wait for one behind them with its stance."""
    for place, clause in enumerate(judged):
        if (
            not clause.stance
            and clause.can("part")
            and all(m.can("small", "part") for m in clause.marks)
        ):
            yield replace(clause, stance="against", manner="bad")  # "the eyes!"
            continue
        if clause.stance != "pending":
            yield clause
            continue
        donor = next((c for c in judged[place + 1 :] if c.stance not in ("pending", "")), None)
        yield replace(
            clause, stance=donor.stance if donor else "", manner=donor.manner if donor else ""
        )
