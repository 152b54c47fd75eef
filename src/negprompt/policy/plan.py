"""Positive and negative texts to a Plan: which terms steer away from what, how strongly.

Knows weights of words and of whole texts, and which words act at which step; does not know tokens,
tensors or models.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Final

from negprompt.errors import Notice, RequestError, Span, shown
from negprompt.language import (
    Acting,
    Begin,
    Network,
    Node,
    Prompt,
    Segment,
    StagedPart,
    number,
    parse,
    parts,
    remarks,
    uncommented,
    unfold,
)

JOIN: Final = " AND "
STEPS: Final = 25


@dataclass(frozen=True, slots=True)
class Term:
    """One comma-separated piece of a negative, brackets removed.

    ``weight`` is the effective one (all brackets around it; where parts of the term differ, the
    mean over its letters), ``span`` its place in the text of negative number ``branch``, ``layer``
    who put it there.
    """

    text: str
    weight: float
    span: Span
    branch: int
    layer: str = "user"


@dataclass(frozen=True, slots=True)
class Negative:
    """One branch to steer away from, its weight relative to the other branches, its terms.

    ``text`` is what was typed for it, ``stretches`` what of that acts until which step.
    """

    text: str
    weight: float
    terms: tuple[Term, ...]
    stretches: tuple[Acting, ...]

    @property
    def prompt(self) -> Prompt:
        """What acts at the first step, which without a schedule is all."""
        return self.stretches[0].prompt

    @property
    def is_empty(self) -> bool:
        """Whether it never says anything: ``""``, spaces, empty brackets."""
        segments = (s for acting in self.stretches for s in acting.prompt.segments())
        return all(s.is_break or not s.text.strip() for s in segments)


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

    @property
    def positive(self) -> Prompt:
        """What the first part says at the first step: without AND and schedules, all."""
        return self.parts[0].stretches[0].prompt

    @property
    def effective_negative(self) -> str:
        """The negative that acts: "" for none, its text for one, else joined with AND and weights.

        The joined form is A1111's for compositions: ``a AND b :2``.
        """
        return _joined([(negative.text, negative.weight) for negative in self.negatives])

    @property
    def cancels(self) -> bool:
        """Whether every negative is the positive over again, so that none of them steers."""
        return bool(self.negatives) and all(_equal(n, self.parts) for n in self.negatives)


def plan(
    positive: str,
    negatives: Sequence[str] = (),
    weights: Sequence[float] | None = None,
    *,
    dialect: str = "a1111",
    steps: int = STEPS,
) -> Plan:
    """Return the plan of one positive and any number of composed negatives.

    ``weights``, one a negative, are relative to each other (default 1 each); one may be negative,
    their sum must not be zero or less.  Schedules are laid over ``steps``.  AND divides a negative
    into several; what a Midjourney prompt does not want is one more.

    Notices: ``negative-empty`` for an explicit "", ``negative-equals-positive`` where the negatives
    cancel, ``negative-inert`` where one of several does, ``negative-from-prompt``,
    ``network-ignored``, ``swap-ignored``, and what the language remarks on.  Raises PromptError as
    ``unfold`` does, RequestError ``dialect-unknown``, ``negative-not-a-list``,
    ``negative-weights-mismatch`` and ``negative-weight-invalid``.
    """
    if isinstance(negatives, str):
        raise RequestError(
            f"the negatives are one text, {shown(negatives)}, not a list of texts",
            code="negative-not-a-list",
            cure="put it in a list",
        )
    checked = _checked(weights, len(negatives))
    read = unfold(positive, dialect, steps=steps)
    toward, unwanted = _sides(read.parts) if dialect == "midjourney" else (read.parts, [])
    against = [
        _Against(text, weight * part.weight, part.stretches)
        for whole, weight in zip(negatives, checked, strict=True)
        for text, part in _branches(whole, dialect, steps)
    ]
    _checked([one.weight for one in (*against, *unwanted)], len(against) + len(unwanted))
    found = tuple(
        Negative(one.text, one.weight, _terms(one.stretches, branch), one.stretches)
        for branch, one in enumerate((*against, *unwanted))
    )
    notices = (
        *_remarks(positive, negatives, dialect),
        *_unheeded(positive, negatives, dialect, read.networks, unwanted),
        *_notices(toward, found),
    )
    raw = _joined(list(zip(negatives, checked, strict=True)))
    wanted = " ".join(f"{_words(p)}::{number(p.weight)}" for p in toward) if unwanted else positive
    return Plan(toward, found, notices, wanted, raw)


def terms(prompt: Prompt, branch: int = 0) -> tuple[Term, ...]:
    """Return the terms of a prompt: split at commas and breaks, empty ones left out."""
    return terms_of(prompt.segments(), branch)


def terms_of(segments: Sequence[Segment], branch: int = 0) -> tuple[Term, ...]:
    """Return the terms of some of a prompt's text."""
    found = (_term(pieces, branch) for pieces in _pieces(segments))
    return tuple(term for term in found if term is not None)


@dataclass(frozen=True, slots=True)
class _Against:
    """A negative without its terms: text, weight, schedule."""

    text: str
    weight: float
    stretches: tuple[Acting, ...]


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


@dataclass(frozen=True, slots=True)
class _Piece:
    """Characters ``start`` and on of a segment that belong to one term."""

    segment: Segment
    start: int
    text: str


def _pieces(segments: Sequence[Segment]) -> Iterator[list[_Piece]]:
    """Yield the pieces between two commas or breaks; a term may run through several segments."""
    gathered: list[_Piece] = []
    for segment in segments:
        if segment.is_break:
            yield gathered
            gathered = []
            continue
        start = 0
        for text in segment.text.split(","):
            if start:
                yield gathered
                gathered = []
            gathered.append(_Piece(segment, start, text))
            start += len(text) + 1
    yield gathered


def _term(pieces: list[_Piece], branch: int) -> Term | None:
    """Return the term that the pieces make up, or None where they hold only spaces."""
    solid = [piece for piece in pieces if piece.text.strip()]
    if not solid:
        return None
    first, last = solid[0], solid[-1]
    start = first.start + len(first.text) - len(first.text.lstrip())
    stop = last.start + len(last.text.rstrip())
    span = Span(
        first.segment.locate(start, start + 1).start, last.segment.locate(stop - 1, stop).stop
    )
    text = "".join(piece.text for piece in pieces).strip()
    return Term(text, _mean_weight(solid), span, branch)


def _mean_weight(pieces: list[_Piece]) -> float:
    """Return the mean weight over all characters but spaces; exact where all are equal."""
    weight = pieces[0].segment.weight
    if all(piece.segment.weight == weight for piece in pieces):
        return weight
    letters = [len("".join(piece.text.split())) for piece in pieces]
    total = sum(letters)
    return sum(
        piece.segment.weight * (count / total) for piece, count in zip(pieces, letters, strict=True)
    )


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
    said = _said(negative.stretches)
    return all(_said(part.stretches) == said for part in positive)


def _said(stretches: tuple[Acting, ...]) -> list[tuple[int, list[tuple[str, float]]]]:
    """Return until when what acts with which weights, however spelled."""
    found: list[tuple[int, list[tuple[str, float]]]] = []
    for last, prompt in stretches:
        weighted = prompt.weighted()
        if found and found[-1][1] == weighted:
            found.pop()
        found.append((last, weighted))
    return found


def _joined(texts: Sequence[tuple[str, float]]) -> str:
    if len(texts) == 1:
        return texts[0][0]
    return JOIN.join(t if weight == 1 else f"{t} :{number(weight)}" for t, weight in texts)
