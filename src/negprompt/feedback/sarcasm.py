"""Sentences that mean the opposite of what they say: out of scope, told apart by a few signs."""

import re
from collections.abc import Sequence
from typing import Final

from negprompt.feedback.sentences import Mark
from negprompt.policy.concepts import concepts

_GLAD: Final = (
    r"(?:great|good|joy|wonderful|lovely|fantastic|perfect|brilliant|yay|sure|nice|look|amazing|"
    r"superb|terrific|excellent|awesome|sweet|super)"
)
_PRAISED: Final = r"(?:well done|good job|great job|nice job|nice work|nicely done)"
_TURNS: Final = (
    r"just what (?:i|we) (?:always )?(?:needed|wanted)",
    r"exactly what i (?:asked for|ordered|needed)",
    r"(?:who|how) (?:does|would|could) not (?:love|like|want|need|enjoy)",
    r"\b(?:yeah|sure|right|yes|of course|totally) (?:because|since|cuz|every\w+|people|i)\b",
    r"\b(?:yeah|sure|totally) that is what",
    r"^because (?:everyone|everybody|nobody|who|we all|obviously|of course)",
    r"\b(?:yeah|yea) (?:right|sure)\b",
    r"said no one|\bslow clap|\bbravo\b|\bcongrat\w*|where you come from|\bpicasso\b|\bgenius\b",
    r"what a (?:masterpiece|triumph|work of art|treat|joy|surprise)",
    rf"^(?:oh|wow|well|ah|gee|yay|{_GLAD}) {_GLAD}\b",
    r"\bnothing says\b|\bgot(?:ta| to) love\b|as (?:everyone|we all) know|\bwow such\b",
    rf"^{_PRAISED} you",
    r"totally (?:normal|natural|realistic|what)|(?:very|perfectly) (?:normal|natural)",
    r"\blove (?:how|when|it when)\b|\bi just love that\b",
    r"\bhow (?:original|lovely|nice|charming|wonderful|creative)\b",
    r"\b(?:everyone|everybody|people|humans?) (?:totally )?(?:has|have|got|had) ",
)
_TURN: Final = re.compile("|".join(_TURNS))
_WHOLE: Final = re.compile(
    r"(?<!\w)/s\b|\w[.!…]+ not[.!]*\s*$"
    r"|\b(?:just|oh) (?:great|brilliant|lovely|perfect|wonderful)[.!]"
    r"|^(?:brilliant|wonderful|fantastic|bravo|lovely)[.!]+ (?:now|another)"
)
"""What makes all that was said sarcastic."""
_PLAIN: Final = ("right", "correct", "work", "works", "ok", "okay", "fine", "all right", "super")
_UNDONE: Final = (
    "refuse", "fix", "hate", "less", "want", "bad", "unwanted", "gone", "make", "keep", "but",
    "except", "not",
)  # fmt: skip


def is_sarcastic(sentence: Sequence[Mark], text: str) -> bool:
    """Return whether a sentence praises what nobody praises, or has a turn that marks sarcasm."""
    said = " ".join(mark.text for mark in sentence if not mark.can("comma"))
    named = any(mark.can("flaw", "part", "number", "extra", "lack") for mark in sentence)
    if _WHOLE.search(text.casefold()) or (named and _TURN.search(said)):
        return True
    if any(mark.can(*_UNDONE) for mark in sentence):
        return False
    praised = (
        place
        for place, mark in enumerate(sentence)
        if mark.can("love", "good") and mark.text not in _PLAIN
    )
    return any(_is_unloved(sentence[place + 1 : place + 5]) for place in praised)


def _is_unloved(behind: Sequence[Mark]) -> bool:
    """Return whether praise is followed by what nobody praises: a third arm, seven fingers."""
    near = [mark for mark in behind if not mark.can("small", "comma")][:2]
    counted = len(near) > 1 and near[0].can("number") and near[1].can("part")
    return counted or any(mark.can("extra", "lack") or _is_flaw(mark) for mark in near)


def _is_flaw(mark: Mark) -> bool:
    name = mark.value("flaw")
    return name is not None and concepts()[name].unloved
