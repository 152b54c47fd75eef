"""Weighted text → terms: what stands between commas, with its weight and its place."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from negprompt.errors import Span
from negprompt.language import Begin, End, Part, Prompt, Segment
from negprompt.language.tree import Weighed, merged


@dataclass(frozen=True, slots=True)
class Term:
    """One comma-separated piece of a negative, brackets removed.

    ``weight`` is the effective one (all brackets around it; where parts of the term differ, the
    mean over its letters), ``span`` its place in the text of negative number ``branch``, ``layer``
    who put it there: "user", or labels of layers, whose terms stand in the source of a head.
    """

    text: str
    weight: float
    span: Span
    branch: int
    layer: str = "user"
    is_hidden: bool = False
    """Whether its words may stand in no file or answer; ``name`` may."""

    @property
    def name(self) -> str:
        """What others may call it."""
        return f"<{self.layer}>" if self.is_hidden else self.text


def terms(prompt: Prompt, branch: int = 0) -> tuple[Term, ...]:
    """Return the terms of a prompt: split at commas, breaks and marks between parts, none empty.

    SD.Next gives the model no comma or space that stands first behind a bracket; they divide terms
    and words all the same.
    """
    loses = prompt.dialect == "sdnext"
    glue, source = (" ", prompt.source) if loses else (prompt.glue, "")
    return tuple(
        term
        for run in _between_marks(prompt)
        for term in terms_of(tuple(merged(run, prompt.glue)), branch, glue=glue, source=source)
    )


def terms_of(
    segments: Sequence[Segment], branch: int = 0, *, glue: str = "", source: str = ""
) -> tuple[Term, ...]:
    """Return the terms of some of a prompt's text, ``glue`` where its segments meet.

    Of a ``source`` the commas between the characters count as well.
    """
    found = (_term(pieces, branch, glue) for pieces in _pieces(segments, source))
    return tuple(term for term in found if term is not None)


def terms_by_weight(segments: Sequence[Segment]) -> tuple[Term, ...]:
    """Return the terms, divided once more wherever the weight changes, so that none is a mean."""
    found = (_term([piece], 0, "") for pieces in _pieces(segments) for piece in pieces)
    return tuple(term for term in found if term is not None)


def _between_marks(prompt: Prompt) -> Iterator[list[Weighed]]:
    """Yield the text between two marks of parts: a term never runs on into another part."""
    gathered: list[Weighed] = []
    for item in prompt.weighed():
        if isinstance(item.node, Begin | Part | End):
            yield gathered
            gathered = []
        else:
            gathered.append(item)
    yield gathered


@dataclass(frozen=True, slots=True)
class _Piece:
    """Characters ``start`` and on of a segment that belong to one term."""

    segment: Segment
    start: int
    text: str


def _pieces(segments: Sequence[Segment], source: str = "") -> Iterator[list[_Piece]]:
    """Yield the pieces between two commas or breaks; a term may run through several segments."""
    gathered: list[_Piece] = []
    stop = 0
    for segment in segments:
        if segment.is_break or source.find(",", stop, segment.locate(0, 1).start) >= 0:
            yield gathered
            gathered = []
        if segment.is_break:
            stop = segment.span.stop
            continue
        for number, (begin, end) in enumerate(_divided(segment, source)):
            if number:
                yield gathered
                gathered = []
            gathered.append(_Piece(segment, begin, segment.text[begin:end]))
        stop = segment.locate(0, len(segment.text)).stop
    yield gathered


def _divided(segment: Segment, source: str) -> Iterator[tuple[int, int]]:
    """Yield where the text between two commas begins and ends, those of the source among them."""
    begin = 0
    lost = {
        at for at, place in segment.anchors[1:]
        if source.find(",", segment.locate(at - 1, at).stop, place) >= 0
    } if source else set[int]()  # fmt: skip
    commas = {at for at, letter in enumerate(segment.text) if letter == ","}
    for at in sorted(lost | commas):
        yield begin, at
        begin = at + (at in commas)
    yield begin, len(segment.text)


def _term(pieces: list[_Piece], branch: int, glue: str) -> Term | None:
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
    text = glue.join(piece.text for piece in pieces).strip()
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
