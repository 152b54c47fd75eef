"""Clauses → remarks: what exactly somebody is against, for, or wishes for.  Knows no drafts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from negprompt.feedback.clauses import Clause, Manner, Stance
from negprompt.feedback.lexicon import Lexicon, Part
from negprompt.feedback.sentences import Mark
from negprompt.policy.concepts import concepts

_FOUR_LEGGED: Final = ("dog", "dogs", "cat", "cats", "horse", "horses", "animal", "animals")
_HAS: Final = ("has", "have", "had", "got", "with")
PLAIN: Final = 1.0
SLIGHT, STRONG = 0.8, 1.3
"""Weights of "a bit blurry" and "so blurry"."""


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that somebody said something of."""

    stance: Stance
    manner: Manner
    concept: str = ""
    """Its name in concepts.toml, or "" for what stands there under no name."""
    words: str = ""
    """What to call it: the concept's term, or the words that were typed."""
    degree: float = PLAIN
    said: str = ""
    """The clause."""
    is_virtue: bool = False
    """Whether it was named by what denies it: "too sharp" is about blurry."""
    is_cornered: bool = False
    """Whether it is about something in a corner."""

    @property
    def names(self) -> bool:
        """Whether it is about anything but the picture as a whole."""
        return bool(self.words)


def remarks(clause: Clause, lexicon: Lexicon) -> tuple[Remark, ...]:
    """Return what a clause says, one remark for each thing that it names."""
    if not clause.stance or clause.stance in ("undo", "content", "scale", "gone"):
        return (Remark(clause.stance, "", said=clause.text),)
    whole = Remark(clause.stance, clause.manner, degree=_degree(clause), said=clause.text)
    things = tuple(_things(clause, whole, lexicon))
    if whole.stance == "wish" and clause.can("only") and clause.marks_say("one"):
        return tuple(_termed(replace(one, stance="against", manner="told"), f"extra {one.words}")
                     for one in things)  # fmt: skip
    found = (
        [*_counted(clause, whole, lexicon)]
        or [*_flaws(clause, whole, things=bool(things))]
        or things
    )
    telling = next((mark.text for mark in clause.marks if mark.can("telling")), "")
    if not found and telling and whole.stance == "against":
        return (_termed(whole, telling),)
    return tuple(found) or (replace(whole, is_cornered=clause.can("corner")),)


def _degree(clause: Clause) -> float:
    slight = any(mark.can("slight") for mark in clause.marks)
    strong = any(mark.can("strong") for mark in clause.marks)
    return SLIGHT if slight else STRONG if strong else PLAIN


def _named(whole: Remark, name: str) -> Remark:
    return replace(whole, concept=name, words=concepts()[name].term)


def _termed(whole: Remark, words: str) -> Remark:
    """Return a remark on something that may be a concept's word."""
    for name, one in concepts().items():
        if words in one.words or words in one.said:
            return _named(whole, name)
    return replace(whole, words=words)


def _counted(clause: Clause, whole: Remark, lexicon: Lexicon) -> Iterator[Remark]:
    """Yield "extra arms" for three of them, "missing legs" for one, "extra suns" for two."""
    if whole.stance != "against" and not (whole.stance == "wish" and clause.can("lack", "only")):
        return
    for place, mark in enumerate(clause.marks):
        name = mark.value("part")
        if name is None or not (part := lexicon.parts[name]).count:
            continue
        lack = clause.first("lack")
        if any(m.can("part") for m in clause.marks[lack:]) and place < lack:
            continue  # "the hand is missing a thumb"
        kind = _count(clause.marks, place, part, whole)
        if kind:
            yield _termed(replace(whole, stance="against", manner="told"), f"{kind} {part.plural}")


def _count(marks: Sequence[Mark], place: int, part: Part, whole: Remark) -> str:
    before = marks[max(0, place - 3) : place]
    numbers = [int(value) for mark in before if (value := mark.value("number"))]
    only = any(mark.can("only") for mark in marks)
    if any(mark.can("lack") for mark in marks):
        return "missing"
    if (
        before
        and any(m.text in ("no", "without") for m in before)
        and any(m.text in _HAS for m in marks[:place])
    ):
        return "missing"
    if whole.manner == "less" and before and before[-1].can("less"):
        return "extra"
    if part.name == "legs" and any(mark.text in _FOUR_LEGGED for mark in marks):
        part = Part(part.name, 4)
    if numbers and whole.manner != "bad":
        return (
            "extra" if numbers[-1] > part.count else "missing" if numbers[-1] < part.count else ""
        )
    if only and any(mark.text == "one" for mark in before) and part.count > 1:
        return "missing"
    if any(mark.can("extra", "much") for mark in before[-1 if whole.manner == "bad" else 0 :]):
        return "extra"
    return ""


def _flaws(clause: Clause, whole: Remark, *, things: bool) -> Iterator[Remark]:
    """Yield the flaws that a clause names, and those whose absence it asks for."""
    flaws = [place for place, mark in enumerate(clause.marks) if mark.can("flaw")]
    for place, mark in enumerate(clause.marks):
        name = mark.value("flaw")
        if name is not None:
            if not _is_aside(clause, place, flaws, things=things):
                yield _named(whole, name)
        elif (name := mark.value("wanted")) is not None and _is_wish(clause, whole):
            yield replace(_named(whole, name), stance="against", manner="told")
        elif name is not None and whole.stance == "ease":
            yield replace(_named(whole, name), is_virtue=True)
        elif (
            (name := mark.value("virtue")) is not None
            and whole.stance != "for"
            and not _is_epithet(clause, place)
        ):
            yield _of_virtue(clause, _named(whole, name), mark.text)


def _is_epithet(clause: Clause, place: int) -> bool:
    """Return whether a word of no list follows: "a sharp knife"."""
    behind = clause.marks[place + 1 : place + 2]
    return bool(behind) and not behind[0].senses


def _is_wish(clause: Clause, whole: Remark) -> bool:
    """Return whether "light", "detail", "focus" are what is missing, and not what is there."""
    return whole.stance == "wish" or (whole.stance == "against" and clause.can("not"))


def _is_aside(clause: Clause, place: int, flaws: Sequence[int], *, things: bool) -> bool:
    """Return whether a flaw is named by the way: "a photo with noise", "noise in dark areas"."""
    mark, others = clause.marks[place], [one for one in flaws if one != place]
    if mark.can("image") and (others or place < clause.cue):
        return True
    if mark.can("telling", "bad") and (things or others):
        return True
    behind = bool(others) and any(m.can("where") for m in clause.marks[others[0] : place])
    return behind or (bool(others) and mark.text == "bloody")  # "bloody watermark" is no gore


def _of_virtue(clause: Clause, found: Remark, virtue: str) -> Remark:
    """Return what "not sharp", "make it sharp" and "too sharp" say of blurry."""
    if found.stance == "against" and clause.can("too", "less", "much") and not clause.can("not"):
        for name, one in concepts().items():
            if f"too {virtue}" in one.said:
                return replace(_named(found, name), manner="told")
        return replace(found, stance="ease", is_virtue=True)
    return replace(found, stance="against", manner="told")


def _things(clause: Clause, whole: Remark, lexicon: Lexicon) -> Iterator[Remark]:
    """Yield what a clause names in words of no list, and parts of bodies."""
    runs = [*_runs(clause, lexicon)]
    chosen = _chosen(clause, runs)
    if chosen is None:
        return
    start, marks = chosen
    words = " ".join(mark.text for mark in marks)
    part = lexicon.parts.get(marks[-1].value("part") or "")
    if part is not None and not part.count and whole.manner != "bad":
        part = None  # a dog that should go is a dog
    numbered = start > 0 and clause.marks[start - 1].can("number")
    if whole.stance == "against" and whole.manner == "told" and numbered:
        words = f"extra {words}"
    if whole.stance == "against":
        yield _against(clause, whole, words, part, start=start, scenery=words in lexicon.scenery)
    elif whole.stance == "wish" and clause.can("make"):
        yield replace(whole, words=_made(clause, runs, words))
    else:
        yield _termed(whole, words)


def _against(
    clause: Clause, whole: Remark, words: str, part: Part | None, *, start: int, scenery: bool
) -> Remark:
    """Return a complaint about a thing: it looks wrong, it should go, or it is too something."""
    marks, cue = clause.marks, clause.marks[clause.cue]
    telling = next((m.text for m in marks if m.can("telling")), None)
    behind = [m.text for m in marks[clause.cue + 1 :] if not m.senses or m.can("colours")]
    is_predicate = clause.cue > start or clause.cue < 0
    if telling and not (part and part.count):
        return _termed(whole, f"{telling} {words}")
    if cue.can("too", "be") and is_predicate and behind:
        return _termed(whole, f"{behind[0]} {words}")
    if part is not None and (is_predicate or not clause.can("refuse", "less", "much")):
        return _deformed(whole, part)
    looks_wrong = whole.manner == "bad" and (is_predicate or clause.can("fix"))
    if looks_wrong or (scenery and not clause.can("refuse", "less", "much", "too")):
        return _termed(whole, f"bad {words}")
    return _termed(whole, words)


def _deformed(whole: Remark, part: Part) -> Remark:
    for name, one in concepts().items():
        if part.name in one.of:
            return _named(whole, name)
    return replace(whole, words=f"deformed {part.name}")


def _made(clause: Clause, runs: Sequence[tuple[int, tuple[Mark, ...]]], words: str) -> str:
    """Return "blue hat" for "make the hat blue" and "the hat should be blue"."""
    place = clause.first("make")
    before = [marks for start, marks in runs if start < place]
    behind = [marks for start, marks in runs if start > place]
    if before and behind:
        return " ".join(mark.text for mark in (*behind[0], *before[-1]))
    if len(behind) > 1:
        return " ".join(mark.text for mark in (*behind[1], *behind[0]))
    if behind and len(behind[0]) > 1:
        *noun, last = behind[0]
        return " ".join(mark.text for mark in (last, *noun))
    return words


def _runs(clause: Clause, lexicon: Lexicon) -> Iterator[tuple[int, tuple[Mark, ...]]]:
    """Yield runs of words that may name a thing, outside phrases of place, and where they start."""
    run: list[Mark] = []
    away = False
    for place, mark in enumerate((*clause.marks, Mark(""))):
        is_word = bool(mark.text) and (
            (mark.can("virtue") and _is_epithet(clause, place))
            or not mark.senses
            or mark.can("part", "colours")
            or (mark.text == "thing" and bool(run))
        )
        if is_word and not away:
            if run or mark.text not in lexicon.evaluative:
                run.append(mark)
            continue
        if run:
            yield place - len(run), tuple(run)
            run = []
        away = mark.can("where") or (away and (is_word or mark.can("small", "corner", "unnamed")))


def _chosen(
    clause: Clause, runs: Sequence[tuple[int, tuple[Mark, ...]]]
) -> tuple[int, tuple[Mark, ...]] | None:
    """Return the run that a cue is about: behind a verb, before a judgement."""
    if not runs:
        return None
    before = [run for run in runs if run[0] < clause.cue]
    behind = [run for run in runs if run[0] > clause.cue]
    cue = clause.marks[clause.cue] if clause.cue >= 0 else Mark("")
    judges = " like" in cue.text or cue.can(
        "be", "bad", "good", "unwanted", "gone", "telling", "too", "virtue", "keep"
    )
    if judges and before:
        return before[0]
    return (behind or before or runs)[0]
