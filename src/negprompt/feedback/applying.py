"""Edits + a draft → the next draft, and what really changed.  Pure; knows no words of complaint."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from negprompt.errors import Notice, shown
from negprompt.feedback.draft import FEEDBACK, TYPED, Draft, Edit, Held, Own
from negprompt.language import parse
from negprompt.policy.concepts import words_for
from negprompt.policy.heads import spelled
from negprompt.policy.lookalikes import key
from negprompt.policy.terms import terms

BUDGET: Final = 8
"""Terms that feedback may hold at once (a rule of thumb; families.toml has each family's own)."""
LEAST_SCALE: Final = 1.5
"""At 1 no negative acts, so feedback does not lower the scale further than this."""
_WITH: Final = (
    r"(?:,\s*|\b(?:with|wearing|holding|and|in|on|at|of)\s+)?"
    r"(?:\b(?:a|an|the|some|his|her)\s+(?:\w+\s+){0,2}?)?"
)


@dataclass(frozen=True, slots=True)
class Applied:
    """The next draft, the edits that changed it, and what there is to say of the others."""

    draft: Draft
    changes: tuple[Edit, ...]
    """In their order; terms that the budget put out are removals among them."""
    notices: tuple[Notice, ...]


class _Refused(Exception):  # noqa: N818 - it is caught here and never seen as an error
    """An edit that cannot be, and what there is to say of it."""

    def __init__(self, notice: Notice) -> None:
        super().__init__(notice.text)
        self.notice = notice


def apply(edits: Sequence[Edit], draft: Draft, *, budget: int = BUDGET) -> Applied:
    """Return the draft with the edits applied, one after the other.

    ``budget`` is how many terms feedback may hold: beyond it those go first that a check found
    useless, then the oldest.  Notices: ``edit-enforced``, ``edit-impossible``, ``term-put-out``.
    """
    now, changes, notices = replace(draft, round=draft.round + 1), [], []
    for edit in edits:
        try:
            now = _APPLY[edit.action](now, edit)
        except _Refused as refused:
            notices.append(refused.notice)
        else:
            changes.append(edit)
    for own in _over(now.own, budget):
        reason = f"feedback holds {budget} terms at most, and this one is the oldest or does least"
        now = replace(now, own=tuple(one for one in now.own if one != own))
        changes.append(Edit("remove", own.text, reason))
        notices.append(Notice("term-put-out", f"{shown(own.text)} goes: {reason}"))
    if not changes:
        return Applied(draft, (), tuple(notices))
    previous = now.previous if any(edit.action == "undo" for edit in edits) else draft
    return Applied(replace(now, previous=previous), tuple(changes), tuple(notices))


def replayed(draft: Draft, batches: Sequence[Sequence[Edit]], *, budget: int = BUDGET) -> Draft:
    """Return what a draft became after rounds of edits, as when a session is resumed."""
    for edits in batches:
        draft = apply(edits, draft, budget=budget).draft
    return draft


def _over(own: Sequence[Own], budget: int) -> list[Own]:
    """Return the terms over the budget: useless ones first, then the oldest, then the weakest."""
    order = sorted(own, key=lambda one: (one.effect is None or one.effect > 0, one.round,
                                         1.0 if one.effect is None else one.effect))  # fmt: skip
    return order[: max(0, len(own) - budget)]


def _weigh(draft: Draft, edit: Edit) -> Draft:
    """Add or strengthen: the term stands with this weight, among feedback's own or as typed."""
    weight = 1.0 if edit.weight is None else edit.weight
    if not 0 < weight <= 3:
        raise _Refused(
            Notice("edit-impossible", f"{edit.term!r} cannot weigh {weight:g}: 0 to 3 at most")
        )
    draft = replace(draft, protected=_others(draft.protected, edit.term))
    held = draft.find(edit.term)
    if held is not None and held.layer == TYPED:
        return _retyped(draft, held, weight)
    text = edit.term if held is None else held.text
    own = Own(text, weight, edit.reason, draft.round)
    return replace(draft, own=(*(o for o in draft.own if key(o.text) != key(text)), own))


def _weaken(draft: Draft, edit: Edit) -> Draft:
    held = _mutable(draft, edit)
    if held.layer == TYPED:
        return _retyped(draft, held, edit.weight or 1.0)
    return _weigh(_take(draft, held), replace(edit, term=held.text))


def _remove(draft: Draft, edit: Edit) -> Draft:
    left = _take(draft, _mutable(draft, edit))
    while (again := left.find(edit.term)) is not None and not again.is_enforced:
        left = _take(left, again)
    return left


def _take(draft: Draft, held: Held) -> Draft:
    if held.layer == TYPED:
        return _retyped(draft, held, None)
    if held.layer == FEEDBACK:
        return replace(draft, own=tuple(o for o in draft.own if key(o.text) != key(held.text)))
    rest = tuple(one for one in draft.held if one != held)
    return replace(draft, held=rest, released=(*draft.released, held.text))


def _mutable(draft: Draft, edit: Edit) -> Held:
    held = draft.find(edit.term)
    if held is None:
        raise _Refused(Notice("edit-impossible", f"no term says {shown(edit.term)}"))
    if held.is_enforced:
        said = f"{shown(held.text)} stays: the policy {held.layer} enforces it"
        raise _Refused(Notice("edit-enforced", said))
    return held


def _retyped(draft: Draft, held: Held, weight: float | None) -> Draft:
    """Return the draft with a typed term at another weight, or without it."""
    texts = list(draft.negative or ())
    for place, text in enumerate(texts):
        new = _rewritten(text, held.text, weight, draft.dialect)
        if new is not None:
            texts[place] = new
            now = () if weight is None else (replace(held, weight=weight),)
            rest = tuple(one for one in draft.held if one != held)
            left = tuple(text for text in texts if text) or None
            return replace(draft, negative=left, held=(*rest, *now))
    said = f"{shown(held.text)} stands in brackets or a schedule with other words: edit it by hand"
    raise _Refused(Notice("edit-impossible", said))


def _rewritten(text: str, term: str, weight: float | None, dialect: str) -> str | None:
    """Return a text with the term respelled or taken out; None where it is no piece by itself."""
    pieces, found = [], False
    for piece in _pieces(text):
        read = terms(parse(piece, dialect))
        if len(read) == 1 and key(read[0].text) == key(term):
            found = True
            if weight is not None:
                pieces.append(spelled(read[0].text, weight, dialect))
        elif piece.strip():
            pieces.append(piece.strip())
    return ", ".join(pieces) if found else None


def _pieces(text: str) -> Iterator[str]:
    """Yield what stands between commas outside brackets."""
    depth, cuts = 0, [-1]
    for place, letter in enumerate(text):
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth <= 0:
            cuts.append(place)
    for before, behind in pairwise([*cuts, len(text)]):
        yield text[before + 1 : behind]


def _protect(draft: Draft, edit: Edit) -> Draft:
    return replace(draft, protected=(*_others(draft.protected, edit.term), edit.term))


def _others(protected: Sequence[str], term: str) -> tuple[str, ...]:
    same = {key(word) for word in words_for(term)}
    return tuple(one for one in protected if key(one) not in same)


def _positive(draft: Draft, edit: Edit) -> Draft:
    prompt = draft.positive
    if edit.without:
        pattern = rf"{_WITH}\b{re.escape(edit.without)}(?:s|es)?\b"
        prompt = re.sub(pattern, "", prompt, flags=re.IGNORECASE)
        prompt = re.sub(r"\s+,", ",", re.sub(r"[ \t]{2,}", " ", prompt)).strip(" ,")
        if prompt == draft.positive or not (prompt or edit.term):
            said = (
                f"{shown(edit.without)} cannot be taken out of the prompt {shown(draft.positive)}"
            )
            raise _Refused(Notice("edit-impossible", said))
    if edit.term:
        prompt = f"{prompt.rstrip(' ,')}, {edit.term}" if prompt.strip() else edit.term
    return replace(draft, positive=prompt)


def _rescale(draft: Draft, edit: Edit) -> Draft:
    if draft.scale is None:
        raise _Refused(Notice("edit-impossible", "the guidance scale is not known, so it stays"))
    scale = round(max(LEAST_SCALE, draft.scale * (edit.weight or 1.0)), 2)
    if (scale >= draft.scale > LEAST_SCALE and (edit.weight or 1.0) < 1) or scale == draft.scale:
        said = f"the guidance scale is {draft.scale:g}, and below {LEAST_SCALE:g} no negative acts"
        raise _Refused(Notice("edit-impossible", said))
    return replace(draft, scale=scale)


def _undo(draft: Draft, edit: Edit) -> Draft:
    if draft.previous is None:
        raise _Refused(Notice("edit-impossible", "there is nothing to undo"))
    return replace(draft.previous)


_APPLY: Final = MappingProxyType[str, Callable[[Draft, Edit], Draft]](
    {
        "add": _weigh,
        "strengthen": _weigh,
        "weaken": _weaken,
        "remove": _remove,
        "protect": _protect,
        "positive": _positive,
        "scale": _rescale,
        "undo": _undo,
    }
)
