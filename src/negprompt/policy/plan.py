"""Positive and negative texts to a Plan: which terms steer away from what, how strongly.

Knows weights of words and of whole negatives; does not know tokens, tensors or models.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Final

from negprompt.errors import Notice, RequestError, Span, shown
from negprompt.language import Prompt, Segment, number, parse, remarks

JOIN: Final = " AND "


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
    """One branch to steer away from, its weight relative to the other branches, its terms."""

    prompt: Prompt
    weight: float
    terms: tuple[Term, ...]

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing: ``""``, spaces, empty brackets."""
        return all(s.is_break or not s.text.strip() for s in self.prompt.segments())


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be encoded: one positive, no or more negatives, and what there is to say."""

    positive: Prompt
    negatives: tuple[Negative, ...]
    notices: tuple[Notice, ...]

    @property
    def effective_negative(self) -> str:
        """The negative that acts: "" for none, its text for one, else joined with AND and weights.

        The joined form is A1111's for compositions: ``a AND b :2``.
        """
        if len(self.negatives) == 1:
            return self.negatives[0].prompt.source
        return JOIN.join(_with_weight(negative) for negative in self.negatives)

    @property
    def raw_negative(self) -> str:
        """The negative as the user gave it; the effective one while no layer adds to it."""
        return self.effective_negative

    @property
    def cancels(self) -> bool:
        """Whether every negative is the positive over again, so that none of them steers."""
        return bool(self.negatives) and all(
            _equal(negative.prompt, self.positive) for negative in self.negatives
        )


def plan(
    positive: str, negatives: Sequence[str] = (), weights: Sequence[float] | None = None
) -> Plan:
    """Return the plan of one positive and any number of composed negatives.

    ``weights``, one a negative, are relative to each other (default 1 each); one may be negative,
    their sum must not be zero or less.  Notices: ``negative-empty`` for an explicit "",
    ``negative-equals-positive`` where the negatives cancel, ``negative-inert`` where one of several
    does, and what the language remarks on.  Raises PromptError as ``parse`` does, RequestError
    ``negative-not-a-list``, ``negative-weights-mismatch`` and ``negative-weight-invalid``.
    """
    if isinstance(negatives, str):
        raise RequestError(
            f"the negatives are one text, {shown(negatives)}, not a list of texts",
            code="negative-not-a-list",
            cure="put it in a list",
        )
    checked = _checked(weights, len(negatives))
    prompt = parse(positive)
    branches = tuple(
        _negative(parse(text), weight, branch)
        for branch, (text, weight) in enumerate(zip(negatives, checked, strict=True))
    )
    return Plan(prompt, branches, tuple(_notices(prompt, branches)))


def terms(prompt: Prompt, branch: int = 0) -> tuple[Term, ...]:
    """Return the terms of a prompt: split at commas and breaks, empty ones left out."""
    return terms_of(prompt.segments(), branch)


def terms_of(segments: Sequence[Segment], branch: int = 0) -> tuple[Term, ...]:
    """Return the terms of some of a prompt's text."""
    found = (_term(pieces, branch) for pieces in _pieces(segments))
    return tuple(term for term in found if term is not None)


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


def _negative(prompt: Prompt, weight: float, branch: int) -> Negative:
    return Negative(prompt, weight, terms(prompt, branch))


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


def _notices(positive: Prompt, negatives: tuple[Negative, ...]) -> Iterator[Notice]:
    for notice in remarks(positive, side="positive"):
        yield Notice(notice.code, f"prompt: {notice.text}")
    for branch, negative in enumerate(negatives):
        name = "negative" if len(negatives) == 1 else f"negative {branch + 1}"
        for notice in remarks(negative.prompt, side="negative"):
            yield Notice(notice.code, f"{name}: {notice.text}")
        if negative.is_empty:
            yield Notice(
                "negative-empty",
                f"{name} is empty: it steers away from the empty prompt, as plain guidance does",
            )
    equal = [b for b, n in enumerate(negatives) if _equal(n.prompt, positive)]
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


def _equal(one: Prompt, other: Prompt) -> bool:
    """Whether both say the same with the same weights, however spelled."""
    return one.weighted() == other.weighted()


def _with_weight(negative: Negative) -> str:
    text = negative.prompt.source
    return text if negative.weight == 1 else f"{text} :{number(negative.weight)}"
