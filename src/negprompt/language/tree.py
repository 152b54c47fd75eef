"""The tree of a prompt: a flat run of nodes, and the one pass that turns it into weights.

Emphasis brackets may cross (``(a[b)c]``), so a prompt is not a nest of groups but a sequence of
texts, breaks and bracket marks.  The spans of the nodes tile the source.  No recursion: depth
costs nothing.  This file does not know how a prompt is spelled; a dialect file does.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import pairwise
from math import frexp, inf, isfinite, ldexp
from operator import itemgetter
from typing import Final, Literal, TypeAlias

from negprompt.errors import PromptError, Span, shown

Bracket: TypeAlias = Literal["(", "["]
Anchors: TypeAlias = tuple[tuple[int, int], ...]

FACTOR: Final[dict[Bracket, float]] = {"(": 1.1, "[": 1 / 1.1}
BREAK_WEIGHT: Final = -1.0
_EXACT: Final = 32  # nested factors multiplied in A1111's own order; deeper ones by their product


@dataclass(frozen=True, slots=True)
class Text:
    """Literal text, escapes resolved; may be empty.  Spans do not count in comparisons.

    ``anchors`` are (index in the text, index in the source) pairs: from each pair up to the next
    the two run in step.
    """

    text: str
    span: Span = field(compare=False)
    anchors: Anchors = field(compare=False, repr=False, default=())


@dataclass(frozen=True, slots=True)
class Open:
    """An emphasis bracket opens.  One that never closes acts to the end of the prompt."""

    bracket: Bracket
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Close:
    """The latest open bracket of the same kind closes; ``weight`` is None where none is written."""

    bracket: Bracket
    weight: float | None
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Break:
    """A new chunk of tokens starts here; stands between two texts, empty ones if need be."""

    span: Span = field(compare=False)


Node: TypeAlias = Text | Open | Close | Break


@dataclass(frozen=True, slots=True)
class Segment:
    """Neighbouring text of one weight; ``span`` is where it stands in the source.

    A break is the segment ``("BREAK", -1.0)``, as in A1111.
    """

    text: str
    weight: float
    span: Span
    anchors: Anchors = field(compare=False, repr=False, default=())

    @property
    def is_break(self) -> bool:
        """Whether a new chunk starts here (A1111's own test: this text with weight -1)."""
        return self.text == "BREAK" and self.weight == BREAK_WEIGHT

    def locate(self, start: int, stop: int) -> Span:
        """Return the span in the source of the characters ``start`` up to ``stop`` of ``text``.

        Brackets and backslashes that lie between the characters are inside the span.
        """
        first = self._place(start)
        return Span(first, self._place(stop - 1) + 1 if stop > start else first)

    def _place(self, index: int) -> int:
        if not self.anchors:
            return self.span.start + index
        text, source = self.anchors[
            max(bisect_right(self.anchors, index, key=itemgetter(0)), 1) - 1
        ]
        return source + index - text


@dataclass(frozen=True, slots=True)
class Prompt:
    """A parsed prompt: ``nodes`` in order, the ``source`` they came from, its ``dialect``.

    Raises PromptError ``weight-not-finite`` where the weights around a text multiply beyond what a
    float can hold, and ``bracket-never-opened`` for a Close without its Open.
    """

    nodes: tuple[Node, ...]
    source: str
    dialect: str = "a1111"
    _segments: tuple[Segment, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Weigh the nodes, which checks them."""
        object.__setattr__(self, "_segments", _merged(_weighed(self.nodes, self.source), self))

    def segments(self) -> tuple[Segment, ...]:
        """Return the text in runs of equal weight, with breaks between; never empty."""
        return self._segments

    def weighted(self) -> list[tuple[str, float]]:
        """Return ``segments()`` as A1111's list of (text, weight)."""
        return [(segment.text, segment.weight) for segment in self._segments]


class _Closers:
    """The closing brackets of one kind that stand right of a place, nearest last.

    ``mantissas[i] * 2 ** exponents[i]`` is the product of the i farthest, which need not fit a
    float: round brackets may grow it as far as square ones shrink it again.
    """

    __slots__ = ("at", "exponents", "factors", "mantissas")

    def __init__(self) -> None:
        self.at: list[int] = []
        self.factors: list[float] = []
        self.mantissas: list[float] = [1.0]
        self.exponents: list[int] = [0]

    def push(self, at: int, factor: float) -> None:
        self.at.append(at)
        self.factors.append(factor)
        mantissa, exponent = frexp(self.mantissas[-1] * factor)
        self.mantissas.append(mantissa)
        self.exponents.append(self.exponents[-1] + exponent)

    def pop(self) -> None:
        self.at.pop()
        self.factors.pop()
        self.mantissas.pop()
        self.exponents.pop()


def _weight(rounds: _Closers, squares: _Closers) -> float:
    """Return the product of all factors, inf where no float holds it.

    Nearest bracket first, which is A1111's order and so its rounding.
    """
    i, j = len(rounds.at), len(squares.at)
    weight = 1.0
    for _ in range(min(_EXACT, i + j)):
        if j == 0 or (i > 0 and rounds.at[i - 1] < squares.at[j - 1]):
            i -= 1
            weight *= rounds.factors[i]
        else:
            j -= 1
            weight *= squares.factors[j]
    if i + j == 0:
        return weight
    mantissa, exponent = frexp(weight)
    mantissa *= rounds.mantissas[i] * squares.mantissas[j]
    try:
        return ldexp(mantissa, exponent + rounds.exponents[i] + squares.exponents[j])
    except OverflowError:
        return inf


def _unclosed(nodes: tuple[Node, ...], source: str) -> dict[Bracket, int]:
    """Return how many brackets of each kind are still open at the end."""
    opened: dict[Bracket, int] = {"(": 0, "[": 0}
    for node in nodes:
        if isinstance(node, Open):
            opened[node.bracket] += 1
        elif isinstance(node, Close):
            opened[node.bracket] -= 1
            if opened[node.bracket] < 0:
                raise PromptError(
                    f"a closing bracket at {node.span.start} was never opened",
                    code="bracket-never-opened",
                    cure=f"open it with {node.bracket} before, or make it text",
                    source=source,
                    span=node.span,
                )
    return opened


def _weighed(nodes: tuple[Node, ...], source: str) -> list[tuple[Text | Break, float]]:
    """Return texts and breaks with their weights, in order.  One pass from the right.

    A bracket that never closes counts as closed at the end: round ones first, then square ones.
    """
    closers: dict[Bracket, _Closers] = {"(": _Closers(), "[": _Closers()}
    for late, (bracket, count) in enumerate(_unclosed(nodes, source).items()):
        for _ in range(count):
            closers[bracket].push(len(nodes) + late, FACTOR[bracket])
    weighed: list[tuple[Text | Break, float]] = []
    weight: float | None = None
    for index in range(len(nodes) - 1, -1, -1):
        node = nodes[index]
        if isinstance(node, Text):
            if weight is None:
                weight = _weight(closers["("], closers["["])
                _check_finite(weight, node, source)
            weighed.append((node, weight))
        elif isinstance(node, Break):
            weighed.append((node, BREAK_WEIGHT))
        else:
            weight = None
            if isinstance(node, Open):
                closers[node.bracket].pop()
            else:
                factor = FACTOR[node.bracket] if node.weight is None else node.weight
                closers[node.bracket].push(index, factor)
    weighed.reverse()
    return weighed


def _check_finite(weight: float, node: Text, source: str) -> None:
    if not isfinite(weight):
        raise PromptError(
            f"the weights around {shown(node.text, 30)} multiply beyond the largest number",
            code="weight-not-finite",
            cure="use fewer brackets around it or smaller weights",
            source=source,
            span=node.span,
        )


def _merged(weighed: list[tuple[Text | Break, float]], prompt: Prompt) -> tuple[Segment, ...]:
    """Join neighbouring texts of equal weight; a break joins nothing."""
    if not weighed:
        return (Segment("", 1.0, Span(0, len(prompt.source))),)
    cuts = [
        index
        for index, ((before, left), (after, right)) in enumerate(pairwise(weighed), start=1)
        if left != right or isinstance(before, Break) or isinstance(after, Break)
    ]
    return tuple(
        _segment([node for node, _ in weighed[start:stop]], weighed[start][1])
        for start, stop in pairwise([0, *cuts, len(weighed)])
    )


def _segment(nodes: list[Text | Break], weight: float) -> Segment:
    span = Span(nodes[0].span.start, nodes[-1].span.stop)
    anchors: list[tuple[int, int]] = []
    length = 0
    texts: list[str] = []
    for node in nodes:
        if isinstance(node, Break):
            return Segment("BREAK", BREAK_WEIGHT, span)
        anchors += [(length + text, source) for text, source in node.anchors]
        texts.append(node.text)
        length += len(node.text)
    return Segment("".join(texts), weight, span, tuple(anchors))
