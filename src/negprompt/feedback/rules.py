"""Words and a draft → edits, by rules.  English; no model, no network."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from negprompt.errors import Notice, shown
from negprompt.feedback.clauses import Clause, clauses
from negprompt.feedback.draft import Draft, Edit, Held
from negprompt.feedback.lexicon import lexicon
from negprompt.feedback.remarks import SLIGHT, STRONG, Remark, remarks
from negprompt.feedback.sarcasm import is_sarcastic
from negprompt.feedback.sentences import sentences
from negprompt.policy.concepts import concepts, opposites_of
from negprompt.policy.lookalikes import key

HEAVIEST: Final = 1.5
"""Beyond this weight a term takes from all others; then the prompt is changed instead."""
SCALE: Final = 0.75
"""The factor of "lower the scale"."""
_STEPS: Final = {SLIGHT: 0.1, STRONG: 0.3}


@dataclass(frozen=True, slots=True)
class Reading:
    """What the rules made of words."""

    edits: tuple[Edit, ...]
    notices: tuple[Notice, ...] = ()
    is_content: bool = False
    unnamed: tuple[Remark, ...] = ()
    """Complaints about something that only a look at the picture can name."""


def read(text: str, draft: Draft) -> Reading:
    """Return the edits that words ask for."""
    words = lexicon()
    said: list[Remark] = []
    notices: list[Notice] = []
    before: Clause | None = None
    for sentence in sentences(text, words):
        if is_sarcastic(sentence, text):
            quoted = shown(" ".join(mark.text for mark in sentence))
            notices.append(
                Notice("critique-sarcasm", f"{quoted} sounds like sarcasm: say it plainly")
            )
            continue
        found = clauses(sentence, before)
        before = found[-1] if found else before
        said += [one for clause in found for one in remarks(clause, words)]
    edits: list[Edit] = []
    for remark in sorted(
        said, key=lambda one: one.stance in ("withdraw", "restore") and not one.names
    ):
        for edit in _edits(remark, draft, first=not edits):
            if all((edit.action, edit.term) != (e.action, e.term) for e in edits):
                edits.append(edit)
    content = (
        not edits
        and any(one.stance == "content" or (one.stance == "for" and not one.names) for one in said)
        and not any(one.stance == "against" for one in said)
    )
    content = content and not any(mark.can("which") for s in sentences(text, words) for mark in s)
    unnamed = tuple(one for one in said if one.stance == "against" and not one.names)
    return Reading(tuple(edits), tuple(notices), content, unnamed)


def _edits(remark: Remark, draft: Draft, *, first: bool) -> Iterator[Edit]:
    """Yield the edits of one remark."""
    quoted = f"you said {shown(remark.said)}"
    if remark.stance == "undo":
        yield Edit("undo", "", quoted)
    elif remark.stance == "scale":
        yield Edit("scale", "", quoted, SCALE)
    elif not remark.names:
        if remark.stance in ("withdraw", "restore") and first:
            yield Edit("undo", "", quoted)
    elif remark.stance == "against":
        yield _against(remark, draft, quoted)
    elif remark.stance in ("for", "withdraw", "restore", "ease"):
        yield from _back(remark, draft, quoted)
    elif remark.stance == "wish":
        yield _wish(remark, draft, quoted)


def _against(remark: Remark, draft: Draft, quoted: str) -> Edit:
    """Return the edit of a complaint, which may be that the prompt is changed instead."""
    eased = _denied(remark, draft)
    if eased is not None:
        return _eased(eased, quoted)
    asked = _asked(remark, draft)
    if asked and remark.manner in ("unwanted", "told") and draft.find(remark.words) is None:
        return Edit(
            "positive", "", f"{quoted}, and the prompt asks for {shown(asked)}", without=asked
        )
    return complaint(remark.words, draft, quoted, degree=remark.degree)


def complaint(term: str, draft: Draft, quoted: str, *, degree: float = 1.0) -> Edit:
    """Return the edit that steers away from a term: a new one, or the one that says it already.

    One that is as heavy as a term should be is left, and the prompt asks for the opposite instead.
    """
    held = draft.find(term)
    if held is None:
        return Edit("add", term, quoted, degree)
    wanted = opposites_of(held.text)
    if held.weight >= HEAVIEST and wanted:
        reason = f"{quoted}, and {shown(held.text)} weighs {held.weight:g} already"
        return Edit("positive", wanted[0], reason)
    weight = round(min(held.weight + _STEPS.get(degree, 0.2), max(HEAVIEST, held.weight)), 2)
    reason = f"{quoted}, and {shown(held.text)} stands there already ({held.layer})"
    return Edit("strengthen", held.text, reason, weight)


def _denied(remark: Remark, draft: Draft) -> Held | None:
    """Return the term that was overdone: "too sharp" where blurry stands there."""
    said = f" {key(remark.said)} "
    if remark.manner != "told" or " too " not in said:
        return None
    return next(
        (
            one
            for one in draft.terms()
            if any(f" {key(w)} " in said for w in opposites_of(one.text))
        ),
        None,
    )


def _eased(held: Held, quoted: str) -> Edit:
    weight = round(max(0.3, held.weight - 0.3), 2)
    return Edit("weaken", held.text, f"{quoted}, so {shown(held.text)} was too much", weight)


def _asked(remark: Remark, draft: Draft) -> str:
    """Return the words of the prompt that ask for a thing, or ""."""
    said = f" {key(draft.positive)} "
    one = concepts().get(remark.concept)
    names = (remark.words,) if one is None else (*one.words, *one.said)
    forms = (
        f"{form}{end}"
        for name in names
        for form in (name, _singular(name))
        for end in ("", "s", "y")
    )
    return max((form for form in forms if f" {form} " in said), key=len, default="")


def _singular(word: str) -> str:
    return word.removesuffix("s") if len(word) > 3 else word


def _back(remark: Remark, draft: Draft, quoted: str) -> Iterator[Edit]:
    """Yield the edit of praise, or of words taken back: what stands against the thing goes."""
    held = draft.find(remark.words)
    if held is None and (one := _singular(remark.words)) != remark.words:
        held = draft.find(one)
    if held is not None:
        if remark.stance == "ease" or (remark.stance == "for" and remark.degree == SLIGHT):
            yield _eased(held, quoted)
        else:
            yield Edit("remove", held.text, quoted)
    elif remark.stance == "ease" and remark.is_virtue:
        return
    elif remark.stance == "for":
        yield Edit("protect", remark.words, quoted)
    elif remark.stance == "restore":
        yield Edit("positive", remark.words, quoted)


def _wish(remark: Remark, draft: Draft, quoted: str) -> Edit:
    """Return the edit of a wish: what keeps the thing away goes, else the prompt asks for it."""
    held = draft.find(remark.words)
    if held is not None:
        return Edit("remove", held.text, f"{quoted}, and the negative kept it away")
    return Edit("positive", remark.words, quoted)
