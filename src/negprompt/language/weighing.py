"""A run of marks → the weight of each text in it.  One pass, time linear, depth costs nothing."""

from collections.abc import Iterator
from math import frexp, inf, isfinite, ldexp
from typing import Final, NamedTuple, TypeAlias

from negprompt.errors import PromptError, shown
from negprompt.language.nodes import (
    FACTOR,
    Begin,
    Bracket,
    Break,
    Close,
    Embedding,
    End,
    Node,
    Open,
    Part,
    Text,
)

BREAK_WEIGHT: Final = -1.0
_EXACT: Final = 32  # nested factors multiplied in A1111's own order; deeper ones by their product

Words: TypeAlias = Text | Embedding


class Weighed(NamedTuple):
    """A node that reaches the model, or a mark that keeps its neighbours apart; its weight."""

    node: Words | Break | Begin | Part | End
    weight: float


def weigh(nodes: tuple[Node, ...], source: str) -> list[Weighed]:
    """Return texts, breaks and the marks between parts with their weights, in order.

    A bracket that never closes counts as closed at the end of its part: round ones first, then
    the others.  Raises PromptError ``weight-not-finite`` where the weights around a text multiply
    beyond what a float can hold, and ``bracket-never-opened`` for a Close without its Open.
    """
    weighed: list[Weighed] = []
    for start, stop in _stretches(nodes):
        weighed += _stretch(nodes, start, stop, source)
    return weighed


class _Closers:
    """The closing brackets of one kind that stand right of a place, nearest last.

    ``mantissas[i] * 2 ** exponents[i]`` is the product of the i farthest, which need not fit a
    float: round brackets may grow it as far as square ones shrink it again.  An absolute weight
    begins the product anew.
    """

    __slots__ = ("absolute", "at", "exponents", "factors", "mantissas")

    def __init__(self) -> None:
        self.at: list[int] = []
        self.factors: list[float] = []
        self.absolute: list[bool] = [False]  # whether one of the i farthest is
        self.mantissas: list[float] = [1.0]
        self.exponents: list[int] = [0]

    def push(self, at: int, factor: float, *, absolute: bool) -> None:
        self.at.append(at)
        self.factors.append(factor)
        self.absolute.append(absolute or self.absolute[-1])
        mantissa, exponent = frexp(factor if absolute else self.mantissas[-1] * factor)
        self.mantissas.append(mantissa)
        self.exponents.append(exponent + (0 if absolute else self.exponents[-1]))

    def pop(self) -> None:
        for column in (self.at, self.factors, self.absolute, self.mantissas, self.exponents):
            column.pop()


def _weight(kinds: list[_Closers]) -> float:
    """Return the product of all factors, inf where no float holds it.

    Nearest bracket first, which is A1111's order and so its rounding; farthest first where a
    weight is absolute, which is ComfyUI's.
    """
    left = [len(kind.at) for kind in kinds]
    weight = 1.0
    if not any(kind.absolute[-1] for kind in kinds):
        for _ in range(min(_EXACT, sum(left))):
            nearest = min(
                (kind.at[count - 1], index)
                for index, (kind, count) in enumerate(zip(kinds, left, strict=True))
                if count
            )[1]
            left[nearest] -= 1
            weight *= kinds[nearest].factors[left[nearest]]
        if not any(left):
            return weight
    mantissa, exponent = frexp(weight)
    for kind, count in zip(kinds, left, strict=True):
        mantissa, carried = frexp(mantissa * kind.mantissas[count])
        exponent += carried + kind.exponents[count]
    try:
        return ldexp(mantissa, exponent)
    except OverflowError:
        return inf


def _stretches(nodes: tuple[Node, ...]) -> Iterator[tuple[int, int]]:
    """Yield where the parts of the prompt start and stop, their marks at the ends."""
    start = depth = 0
    for index, node in enumerate(nodes):
        depth += isinstance(node, Begin) - isinstance(node, End)
        if isinstance(node, Part) and depth == 0:
            yield start, index + 1
            start = index + 1
    if start < len(nodes):
        yield start, len(nodes)


def _openers(
    nodes: tuple[Node, ...], start: int, stop: int, source: str
) -> tuple[dict[int, Open], dict[Bracket, list[Open]]]:
    """Return the Open of each Close by its index, and the ones that never close, by kind."""
    opened: dict[Bracket, list[Open]] = {"(": []}
    matched: dict[int, Open] = {}
    for index in range(start, stop):
        node = nodes[index]
        if isinstance(node, Open):
            opened.setdefault(node.bracket, []).append(node)
        elif isinstance(node, Close):
            if not opened.get(node.bracket):
                raise PromptError(
                    f"a closing bracket at {node.span.start} was never opened",
                    code="bracket-never-opened",
                    cure=f"open it with {node.bracket} before, or make it text",
                    source=source,
                    span=node.span,
                )
            matched[index] = opened[node.bracket].pop()
    return matched, opened


def _stretch(nodes: tuple[Node, ...], start: int, stop: int, source: str) -> list[Weighed]:
    """Weigh one part of the prompt: one pass from the right."""
    matched, unclosed = _openers(nodes, start, stop, source)
    closers: dict[Bracket, _Closers] = {bracket: _Closers() for bracket in unclosed}
    for late, (bracket, opens) in enumerate(unclosed.items()):
        for opening in opens:
            closers[bracket].push(stop + late, _factor(opening), absolute=False)
    kinds = list(closers.values())
    weighed: list[Weighed] = []
    weight: float | None = None
    for index in range(stop - 1, start - 1, -1):
        node = nodes[index]
        if isinstance(node, Text | Embedding):
            if weight is None:
                weight = _weight(kinds)
                _check_finite(weight, node, source)
            weighed.append(Weighed(node, weight))
        elif isinstance(node, Break):
            weighed.append(Weighed(node, BREAK_WEIGHT))
        elif isinstance(node, Open):
            weight = None
            closers[node.bracket].pop()
        elif isinstance(node, Close):
            weight = None
            factor = _factor(matched[index]) if node.weight is None else node.weight
            closers[node.bracket].push(index, factor, absolute=node.absolute)
        elif isinstance(node, Begin | Part | End):
            weighed.append(Weighed(node, 1.0))
    weighed.reverse()
    return weighed


def _factor(node: Open) -> float:
    return FACTOR[node.bracket] if node.factor is None else node.factor


def _check_finite(weight: float, node: Words, source: str) -> None:
    if not isfinite(weight):
        raise PromptError(
            f"the weights around {shown(node.text, 30)} multiply beyond the largest number",
            code="weight-not-finite",
            cure="use fewer brackets around it or smaller weights",
            source=source,
            span=node.span,
        )
