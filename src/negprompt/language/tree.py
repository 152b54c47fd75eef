"""A parsed prompt: the run of marks, and the weighted text that it comes to.

What marks there are stands in ``nodes``, how they weigh in ``weighing``.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from operator import itemgetter
from typing import NamedTuple

from negprompt.errors import Span
from negprompt.language.nodes import (
    FACTOR,
    Anchors,
    Begin,
    Bracket,
    Break,
    Close,
    Comment,
    Embedding,
    End,
    Kind,
    Network,
    Node,
    Open,
    Part,
    Text,
)
from negprompt.language.weighing import BREAK_WEIGHT, Weighed, Words, weigh

__all__ = [
    "BREAK_WEIGHT",
    "FACTOR",
    "Anchors",
    "Begin",
    "Bracket",
    "Break",
    "Close",
    "Comment",
    "Embedding",
    "End",
    "Kind",
    "Network",
    "Node",
    "Open",
    "Part",
    "Prompt",
    "Segment",
    "Share",
    "Text",
    "Weighed",
    "merged",
]


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


class Share(NamedTuple):
    """One part of a prompt, and its weight relative to the other parts."""

    segments: tuple[Segment, ...]
    weight: float


@dataclass(frozen=True, slots=True)
class Prompt:
    """A parsed prompt: ``nodes`` in order, the ``source`` they came from, its ``dialect``.

    ``glue`` is what stands between two texts of equal weight where they are joined: a space in
    compel's dialect, whose texts are words, nothing in the others.

    Raises PromptError ``weight-not-finite`` where the weights around a text multiply beyond what a
    float can hold, and ``bracket-never-opened`` for a Close without its Open.
    """

    nodes: tuple[Node, ...]
    source: str
    dialect: str = "a1111"
    glue: str = field(default="", compare=False)
    _weighed: tuple[Weighed, ...] = field(init=False, repr=False, compare=False)
    _segments: tuple[Segment, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Weigh the nodes, which checks them."""
        object.__setattr__(self, "_weighed", tuple(weigh(self.nodes, self.source)))
        found = tuple(merged(self._weighed, self.glue))
        empty = (Segment("", 1.0, Span(0, len(self.source))),)
        object.__setattr__(self, "_segments", found or empty)

    def segments(self) -> tuple[Segment, ...]:
        """Return the text in runs of equal weight, with breaks between; never empty.

        No run reaches over a mark between parts.
        """
        return self._segments

    def weighted(self) -> list[tuple[str, float]]:
        """Return ``segments()`` as A1111's list of (text, weight)."""
        return [(segment.text, segment.weight) for segment in self._segments]

    def weighed(self) -> tuple[Weighed, ...]:
        """Return texts, embeddings and breaks with their weights, and the marks between parts."""
        return self._weighed

    def pieces(self) -> tuple[Weighed, ...]:
        """Return each text, embedding and break by itself with its weight; may be empty.

        A piece is what ComfyUI keeps together where it fills chunks.
        """
        return tuple(w for w in self._weighed if isinstance(w.node, Text | Embedding | Break))

    def parts(self) -> tuple[Share, ...]:
        """Return the parts that top-level ``Part`` marks divide the prompt into; never empty."""
        shares: list[Share] = []
        gathered: list[Weighed] = []
        depth = 0
        for item in self._weighed:
            depth += isinstance(item.node, Begin) - isinstance(item.node, End)
            if isinstance(item.node, Part) and depth == 0:
                shares.append(Share(tuple(merged(gathered, self.glue)), item.node.weight))
                gathered = []
            else:
                gathered.append(item)
        if gathered or not shares:
            shares.append(Share(tuple(merged(gathered, self.glue)), 1.0))
        return tuple(shares)


def merged(weighed: Sequence[Weighed], glue: str = "") -> Iterator[Segment]:
    """Yield neighbouring texts of equal weight as one; breaks and marks join nothing."""
    cuts = [
        index
        for index, (before, after) in enumerate(pairwise(weighed), start=1)
        if before.weight != after.weight or not (_is_words(before) and _is_words(after))
    ]
    for start, stop in pairwise([0, *cuts, len(weighed)]):
        nodes = [
            item.node
            for item in weighed[start:stop]
            if isinstance(item.node, Text | Embedding | Break)
        ]
        if nodes:
            yield _segment(nodes, weighed[start].weight, glue)


def _is_words(item: Weighed) -> bool:
    return isinstance(item.node, Text | Embedding)


def _segment(nodes: list[Words | Break], weight: float, glue: str) -> Segment:
    span = Span(nodes[0].span.start, nodes[-1].span.stop)
    anchors: list[tuple[int, int]] = []
    length = 0
    texts: list[str] = []
    for node in nodes:
        if isinstance(node, Break):
            return Segment("BREAK", BREAK_WEIGHT, span)
        places = node.anchors if isinstance(node, Text) else ()
        anchors += [(length + text, source) for text, source in places or ((0, node.span.start),)]
        texts.append(node.text)
        length += len(node.text) + len(glue)
    return Segment(glue.join(texts), weight, span, tuple(anchors))
