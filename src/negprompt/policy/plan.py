"""Positive and negative texts to a Plan: which terms steer away from what, how strongly.

Knows weights of words and of whole texts, and which words act at which step; does not know tokens,
tensors or models.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from math import isfinite
from typing import Final, NamedTuple

from negprompt.errors import Notice, RequestError, shown
from negprompt.language import (
    Acting,
    Begin,
    Network,
    Node,
    Prompt,
    StagedPart,
    number,
    parse,
    parts,
    remarks,
    uncommented,
    unfold,
)
from negprompt.policy.conflicts import asked_for, settle
from negprompt.policy.heads import Head, heads, shown_in
from negprompt.policy.layers import Layer
from negprompt.policy.merge import StandingTerm, given, merge
from negprompt.policy.terms import Term, terms

__all__ = ["JOIN", "STEPS", "Negative", "Plan", "Term", "plan", "terms"]

JOIN: Final = " AND "
STEPS: Final = 25


@dataclass(frozen=True, slots=True)
class Negative:
    """One branch to steer away from, its weight relative to the other branches, its terms.

    ``text`` is what was typed for it, ``stretches`` what of that acts until which step; ``heads``
    stand before it at every step.
    """

    text: str
    weight: float
    terms: tuple[Term, ...]
    stretches: tuple[Acting, ...]
    heads: tuple[Head, ...] = ()

    @property
    def prompt(self) -> Prompt:
        """What acts at the first step, which without a schedule is all."""
        return self.stretches[0].prompt

    @property
    def is_empty(self) -> bool:
        """Whether it never says anything: ``""``, spaces, empty brackets."""
        return not self.heads and not self.is_typed

    @property
    def is_typed(self) -> bool:
        """Whether anything but spaces and brackets was typed for it."""
        segments = (s for acting in self.stretches for s in acting.prompt.segments())
        return any(not s.is_break and s.text.strip() for s in segments)

    def said(self, prompt: Prompt) -> tuple[Head | Prompt, ...]:
        """What acts where ``prompt`` of its stretches does: heads, then what was typed, if any."""
        return (*self.heads, *((prompt,) if self.is_typed or not self.heads else ()))


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be encoded: one positive, no or more negatives, and what there is to say."""

    parts: tuple[StagedPart, ...]
    """The positive: one part, or several composed, each with its weight and its schedule."""
    negatives: tuple[Negative, ...]
    notices: tuple[Notice, ...]
    wanted: str
    """The positive as the user gave it, without what a Midjourney prompt rules out."""
    raw_negative: str
    """The negatives as the user gave them, joined as ``effective_negative`` is."""
    standing: tuple[StandingTerm, ...] = ()
    """The terms that layers put before every negative."""
    layers: tuple[str, ...] = ()
    """Labels of the active layers, whether or not they act."""
    dialect: str = "a1111"

    @property
    def positive(self) -> Prompt:
        """What the first part says at the first step: without AND and schedules, all."""
        return self.parts[0].stretches[0].prompt

    @property
    def effective_negative(self) -> str:
        """The negative that acts: "" for none, its text for one, else joined with AND and weights.

        The joined form is A1111's for compositions: ``a AND b :2``.
        """
        return _joined(self.effective)

    @property
    def effective(self) -> list[tuple[str, float]]:
        """The negatives that act, each with its weight."""
        return [(_effective(n, self.dialect), n.weight) for n in self.negatives]

    @property
    def cancels(self) -> bool:
        """Whether every negative is the positive over again, so that none of them steers."""
        return bool(self.negatives) and all(_equal(n, self.parts) for n in self.negatives)


def plan(
    positive: str,
    negatives: Sequence[str] | None = (),
    weights: Sequence[float] | None = None,
    *,
    dialect: str = "a1111",
    steps: int = STEPS,
    layers: Sequence[Layer] = (),
    family: str | None = None,
    model: str = "",
    today: date | None = None,
    literal: bool = False,
) -> Plan:
    """Return the plan of one positive and any number of composed negatives.

    ``weights``, one a negative, are relative to each other (default 1 each); one may be negative,
    their sum must not be zero or less.  Schedules are laid over ``steps``.  AND divides a negative
    into several; what a Midjourney prompt does not want is one more.  What ``layers`` add stands
    before every negative, or makes one where there is none; see ``merge`` for which of them act on
    a model, ``conflicts`` for what happens where the prompt asks for it.  A ``literal`` positive is
    read in no language, as one text.

    Notices: ``negative-empty`` for an explicit "", ``negative-equals-positive`` where the negatives
    cancel, ``negative-inert`` where one of several does, ``negative-from-prompt``,
    ``network-ignored``, ``swap-ignored``, what the language remarks on, and those of ``merge`` and
    ``settle``.  Raises PromptError as ``unfold`` and ``settle`` do, RequestError
    ``dialect-unknown``, ``negative-not-a-list``, ``negative-weights-mismatch``,
    ``negative-weight-invalid`` and ``policy-twice``.
    """
    if isinstance(negatives, str):
        raise RequestError(
            f"the negatives are one text, {shown(negatives)}, not a list of texts",
            code="negative-not-a-list",
            cure="put it in a list",
        )
    typed = tuple(negatives or ())
    checked = _checked(weights, len(typed))
    spoken = "plain" if literal else dialect  # of the positive
    toward, unwanted, networks = _toward(positive, spoken, steps)
    against = [
        _Against(text, weight * part.weight, part.stretches)
        for whole, weight in zip(typed, checked, strict=True)
        for text, part in _branches(whole, dialect, steps)
    ]
    _checked([one.weight for one in (*against, *unwanted)], len(against) + len(unwanted))
    standing = merge(
        layers, given(typed, ruled_out=bool(unwanted)), family=family, model=model, today=today
    )
    settled = settle(positive, asked_for(toward, standing.terms), standing.terms)
    if settled.positive != positive:
        toward, unwanted, networks = _toward(settled.positive, spoken, steps)
        again = asked_for(toward, settled.terms)
        settle(settled.positive, again, settled.terms, again=True)
    found = _negatives((*against, *unwanted), heads(settled.terms), dialect, steps)
    said = "" if literal else settled.positive
    notices = (
        *_remarks(said, typed, dialect),
        *_unheeded(said, typed, dialect, networks, unwanted),
        *_notices(toward, found),
        *standing.notices,
        *settled.notices,
    )
    wanted = settled.positive
    if unwanted:
        wanted = " ".join(f"{_words(p)}::{number(p.weight)}" for p in toward)
    return Plan(
        parts=toward,
        negatives=found,
        notices=notices,
        wanted=wanted,
        raw_negative=_joined(list(zip(typed, checked, strict=True))),
        standing=settled.terms,
        layers=tuple(sorted({layer.label for layer in layers})),
        dialect=dialect,
    )


@dataclass(frozen=True, slots=True)
class _Against:
    """A negative without its terms: text, weight, schedule."""

    text: str
    weight: float
    stretches: tuple[Acting, ...]


class _Toward(NamedTuple):
    """What a prompt wants, what it rules out, and the networks it calls."""

    parts: tuple[StagedPart, ...]
    unwanted: list[_Against]
    networks: tuple[Network, ...]


def _toward(positive: str, dialect: str, steps: int) -> _Toward:
    read = unfold(positive, dialect, steps=steps)
    parts, unwanted = _sides(read.parts) if dialect == "midjourney" else (read.parts, [])
    return _Toward(parts, unwanted, read.networks)


def _negatives(
    against: Sequence[_Against], before: tuple[Head, ...], dialect: str, steps: int
) -> tuple[Negative, ...]:
    """Return the branches, each with the heads before it; heads alone are a branch, too."""
    if before and not against:
        nothing = Acting(steps, Prompt((), "", dialect))
        against = [_Against("", 1.0, (nothing,))]
    return tuple(
        Negative(
            text=one.text,
            weight=one.weight,
            terms=(*_standing(before, branch), *_terms(one.stretches, branch)),
            stretches=one.stretches,
            heads=before,
        )
        for branch, one in enumerate(against)
    )


def _standing(before: Sequence[Head], branch: int) -> Iterator[Term]:
    """Yield the terms of heads."""
    for head in before:
        for term, span in zip(head.terms, head.spans, strict=True):
            layer = " + ".join(term.origins)
            yield Term(term.text, term.weight, span, branch, layer, term.is_hidden)


def _effective(negative: Negative, dialect: str) -> str:
    """Return one negative as it acts, its heads spelled out."""
    if not negative.heads:
        return negative.text
    return shown_in(dialect, negative.heads, negative.text if negative.is_typed else None)


def _branches(text: str, dialect: str, steps: int) -> Iterator[tuple[str, StagedPart]]:
    """Yield the branches of one negative text, each with the piece of the text that it is."""
    found = unfold(text, dialect, steps=steps, side="negative").parts
    if len(found) == 1:
        texts = [text]
    elif dialect == "a1111":
        texts = [part.text.strip() for part in parts(uncommented(text))]
    else:
        texts = [_words(part) for part in found]
    yield from zip(texts, found, strict=True)


def _sides(found: tuple[StagedPart, ...]) -> tuple[tuple[StagedPart, ...], list[_Against]]:
    """Return the parts that a Midjourney prompt wants, weights adding up to 1, and the others.

    ``--no`` there is a part of weight -0.5, and here a negative of weight 1.
    """
    total = sum(part.weight for part in found if part.weight > 0)
    toward = [p._replace(weight=p.weight / total) for p in found if p.weight > 0]
    away = [_Against(_words(p), -2 * p.weight, p.stretches) for p in found if p.weight < 0]
    return tuple(toward), away


def _words(part: StagedPart) -> str:
    return "".join(s.text for s in part.stretches[0].prompt.segments()).strip()


def _terms(stretches: tuple[Acting, ...], branch: int) -> tuple[Term, ...]:
    """Return the terms that act at some step, each once."""
    found = (term for acting in stretches for term in terms(acting.prompt, branch))
    return tuple(dict.fromkeys(found))


def _checked(weights: Sequence[float] | None, count: int) -> tuple[float, ...]:
    """Return one finite weight for each of ``count`` negatives, with a sum above zero."""
    if weights is None:
        return (1.0,) * count
    if len(weights) != count:
        raise RequestError(
            f"{len(weights)} negative weights for {count} negatives",
            code="negative-weights-mismatch",
            cure="give one weight for each negative, in the same order, or none at all",
        )
    values = tuple(_finite(weight) for weight in weights)
    if values and not (isfinite(sum(values)) and sum(values) > 0):
        raise RequestError(
            f"the negative weights {shown(list(values))} add up to {sum(values):g}",
            code="negative-weight-invalid",
            cure="choose weights whose sum is above 0 and finite",
        )
    return values


def _finite(weight: float) -> float:
    try:
        value = float(weight)
    except (TypeError, ValueError, OverflowError):
        value = float("nan")
    if isfinite(value):
        return value
    raise RequestError(
        f"the negative weight {shown(weight)} is not a finite number",
        code="negative-weight-invalid",
        cure="give a number such as 1 or 0.5",
    )


def _remarks(positive: str, negatives: Sequence[str], dialect: str) -> Iterator[Notice]:
    """Yield what the language says of the texts themselves."""
    for notice in remarks(parse(positive, dialect), side="positive"):
        yield Notice(notice.code, f"prompt: {notice.text}")
    for place, text in enumerate(negatives):
        for notice in remarks(parse(text, dialect), side="negative"):
            yield Notice(notice.code, f"{_name(place, len(negatives))}: {notice.text}")


def _unheeded(
    positive: str,
    negatives: Sequence[str],
    dialect: str,
    networks: Sequence[Network],
    unwanted: Sequence[_Against],
) -> Iterator[Notice]:
    """Yield what a prompt asks for that is done in another way here, or not at all."""
    for network in networks:
        call = shown(positive[network.span.start : network.span.stop])
        yield Notice(
            "network-ignored",
            f"{call} calls an extra network; none is loaded, so the picture is made without it",
        )
    texts = (positive, *negatives) if dialect == "compel" else ()
    if any(n for t in texts for n in parse(t, dialect).nodes if _is_swap(n)):
        yield Notice(
            "swap-ignored",
            "compel's .swap() exchanges words in cross-attention, which is not done here: "
            "the words before it act throughout",
        )
    for one in unwanted:
        yield Notice(
            "negative-from-prompt", f"{shown(one.text)}, which the prompt rules out, is a negative"
        )


def _is_swap(node: Node) -> bool:
    return isinstance(node, Begin) and node.kind == "swap"


def _notices(positive: tuple[StagedPart, ...], negatives: tuple[Negative, ...]) -> Iterator[Notice]:
    for branch, negative in enumerate(negatives):
        if negative.is_empty:
            yield Notice(
                "negative-empty",
                f"{_name(branch, len(negatives))} is empty: it steers away from the empty prompt, "
                "as plain guidance does",
            )
    equal = [b for b, n in enumerate(negatives) if _equal(n, positive)]
    if not equal:
        return
    if len(equal) == len(negatives):
        yield Notice(
            "negative-equals-positive",
            "the negative equals the prompt, so they cancel: one pass per step, no guidance",
        )
        return
    for branch in equal:
        yield Notice(
            "negative-inert",
            f"negative {branch + 1} equals the prompt: it steers nowhere and dilutes the others",
        )


def _name(place: int, count: int) -> str:
    return "negative" if count == 1 else f"negative {place + 1}"


def _equal(negative: Negative, positive: tuple[StagedPart, ...]) -> bool:
    """Whether a negative and every part of the positive say the same throughout."""
    said = _said([(last, negative.said(prompt)) for last, prompt in negative.stretches])
    return all(
        _said([(last, (prompt,)) for last, prompt in part.stretches]) == said for part in positive
    )


def _said(
    stretches: Sequence[tuple[int, tuple[Head | Prompt, ...]]],
) -> list[tuple[int, list[tuple[str, float]]]]:
    """Return until when what acts with which weights, however spelled."""
    found: list[tuple[int, list[tuple[str, float]]]] = []
    for last, each in stretches:
        prompts = [one.prompt if isinstance(one, Head) else one for one in each]
        weighted = prompts[0].weighted()
        for prompt in prompts[1:]:
            weighted = [*weighted, ("BREAK", -1.0), *prompt.weighted()]
        if found and found[-1][1] == weighted:
            found.pop()
        found.append((last, weighted))
    return found


def _joined(texts: Sequence[tuple[str, float]]) -> str:
    if len(texts) == 1:
        return texts[0][0]
    return JOIN.join(t if weight == 1 else f"{t} :{number(weight)}" for t, weight in texts)
