"""A style of another tool → the TOML of a policy with its negative, and what that does not hold."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from negprompt.errors import NegpromptError
from negprompt.language import Prompt, Text, to_text, unfold
from negprompt.policy.files import MOST_WEIGHT, weighted_words
from negprompt.policy.layers import Mode, Rank
from negprompt.policy.styles import PLACE, Style
from negprompt.policy.terms import Term, terms

_LONGEST: Final = 60
_LONGEST_TERM: Final = 400
_DIALECT: Final = "a1111"


@dataclass(frozen=True, slots=True)
class Adopted:
    """A policy's name, its file's text ("" where nothing of the negative can be kept), losses."""

    name: str
    toml: str
    lost: tuple[str, ...]


def adopted(style: Style, name: str, *, layer: Rank, mode: Mode, reason: str = "") -> Adopted:
    """Return the policy that a style's negative makes.

    What acts at every step and is weighted words is kept; ``{prompt}``, where the user's own text
    goes, is no loss, since that follows a policy anyway.
    """
    kept, lost = _kept(style.negative)
    if style.positive.replace(PLACE, "").strip():
        lost = [*lost, "the prompt's template"]
    if style.settings:
        lost = [*lost, f"settings: {', '.join(style.settings)}"]
    if not kept:
        return Adopted(name, "", (*lost, "no negative, so no policy"))
    head = {
        "name": name, "version": "1.0.0", "layer": layer, "mode": mode, "dialect": _DIALECT,
        "reason": reason or f"imported: {style.name}"[:_LONGEST_TERM],
    }  # fmt: skip
    lines = [f"{key} = {quoted(value)}" for key, value in head.items()]
    for text, weight in kept:
        lines += ["", "[[terms]]", f"text = {quoted(text)}"]
        lines += [f"weight = {float(weight)!r}"] if weight != 1 else []
    return Adopted(name, "\n".join(lines) + "\n", tuple(lost))


def slug(name: str, taken: Sequence[str] = ()) -> str:
    """Return a policy's name for a style's, unlike all that are taken."""
    words = re.findall(r"[a-z0-9]+", name.lower()) or ["style"]
    base = "-".join(words)[: _LONGEST - 5].strip("-")
    others = (f"{base}-{number}" for number in range(2, len(taken) + 3))
    return base if base not in taken else next(one for one in others if one not in taken)


def quoted(text: str) -> str:
    """Return a text as TOML writes it."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _kept(negative: str) -> tuple[list[tuple[str, float]], list[str]]:
    """Return the terms of a negative that a policy can hold, and what of it it cannot."""
    text = negative.replace(PLACE, "").replace("\n", ", ")
    try:
        found = list(dict.fromkeys(_acting(text)))
    except NegpromptError as error:
        return [], [f"the negative: {error.message}"]
    kept: dict[str, tuple[str, float]] = {}
    lost = []
    for term, odd in found:
        spelled = to_text(Prompt((Text(term.text, term.span),), "", _DIALECT))
        if why := odd or _why_not(spelled, term.weight):
            lost.append(f"{term.text!r}: {why}")
            continue
        words = " ".join(spelled.split())
        same = kept.setdefault(words.casefold(), (words, term.weight))
        kept[words.casefold()] = (same[0], max(same[1], term.weight))
    return list(kept.values()), lost


def _acting(text: str) -> Iterator[tuple[Term, str]]:
    """Yield each term of a text, and why no policy can hold how it acts, or ""."""
    for part in unfold(text, _DIALECT, steps=20, side="negative").parts:
        at = [terms(acting.prompt) for acting in part.stretches]
        always = set.intersection(*({(t.text, t.weight) for t in found} for found in at))
        whole = {
            piece.strip()
            for acting in part.stretches
            for segment in acting.prompt.segments()
            for piece in segment.text.split(",")
        }
        for found in at:
            for term in found:
                if (term.text, term.weight) not in always:
                    yield term, "it does not act at every step"
                else:
                    yield term, "" if term.text in whole else "parts of it weigh differently"


def _why_not(text: str, weight: float) -> str:
    """Return why a policy cannot hold a term, or ""."""
    if not 0 < weight <= MOST_WEIGHT:
        return f"it weighs {weight:g}"
    if len(text) > _LONGEST_TERM:
        return f"it has {len(text)} characters"
    try:
        weighted_words(text, _DIALECT)
    except NegpromptError as error:
        return error.message.removeprefix(repr(text)).strip()
    return ""
