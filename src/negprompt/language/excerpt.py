"""Text that was cut out of a source and put together anew, every character knowing its place.

A1111 rewrites a prompt in stages before it reads emphasis; spans must point into what the user
typed all the same.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from operator import itemgetter
from typing import Final

from negprompt.errors import PromptError, Span
from negprompt.language import a1111, sdnext
from negprompt.language.nodes import Anchors, Node, Text
from negprompt.language.tree import Prompt


@dataclass(frozen=True, slots=True)
class Excerpt:
    """``text`` from ``source``; ``anchors`` are (index in the text, index in the source) pairs."""

    text: str
    source: str
    anchors: Anchors

    @classmethod
    def of(cls, source: str) -> "Excerpt":
        """Return the whole of ``source``."""
        return cls(source, source, ((0, 0),))

    def cut(self, start: int, stop: int) -> "Excerpt":
        """Return the characters ``start`` up to ``stop``."""
        return Excerpt(self.text[start:stop], self.source, self.places(start, stop))

    def places(self, start: int, stop: int) -> Anchors:
        """Return the anchors of the characters ``start`` up to ``stop``, counted from there."""
        first = bisect_right(self.anchors, start, key=itemgetter(0))
        after = bisect_left(self.anchors, stop, lo=first, key=itemgetter(0))
        inside = ((index - start, place) for index, place in self.anchors[first:after])
        return ((0, self.place(start)), *inside)

    def place(self, index: int) -> int:
        """Return where the character ``index`` stands in the source."""
        known = max(bisect_right(self.anchors, index, key=itemgetter(0)) - 1, 0)
        text, source = self.anchors[known]
        return source + index - text

    def span(self, span: Span) -> Span:
        """Return the span in the source of a span of the text, with what was cut out inside it."""
        first = self.place(span.start)
        return Span(first, self.place(span.stop - 1) + 1 if len(span) else first)

    def sub(self, pattern: re.Pattern[str], by: str) -> "Excerpt":
        """Return it with every match of ``pattern`` replaced by ``by``, which stands at its end."""
        return self.without((Span(*match.span()) for match in pattern.finditer(self.text)), by)

    def without(self, spans: Iterable[Span], by: str = "") -> "Excerpt":
        """Return it without ``spans`` of its text, in order, with ``by`` in place of each."""
        return join(self._between(spans, by), self.source)

    def _between(self, spans: Iterable[Span], by: str) -> Iterator["Excerpt"]:
        done = 0
        for span in spans:
            yield self.cut(done, span.start)
            yield Excerpt(by, self.source, ((0, self.place(span.stop - 1)),))
            done = span.stop
        yield self.cut(done, len(self.text))


def join(pieces: Iterable[Excerpt], source: str) -> Excerpt:
    """Return excerpts of one source one after the other."""
    texts: list[str] = []
    anchors: list[tuple[int, int]] = []
    length = 0
    for piece in pieces:
        if piece.text:
            texts.append(piece.text)
            anchors += [(length + index, place) for index, place in piece.anchors]
            length += len(piece.text)
    return Excerpt("".join(texts), source, tuple(anchors) or ((0, 0),))


READERS: Final[Mapping[str, Callable[[str], tuple[Node, ...]]]] = {
    "a1111": a1111.nodes,
    "sdnext": sdnext.nodes,
}
"""Dialects whose texts are rewritten before emphasis is read."""


def read_emphasis(excerpt: Excerpt, dialect: str = "a1111") -> Prompt:
    """Return the tree of an excerpt, its spans those of the source.

    The spans do not tile the source: what was cut out has none.  Raises PromptError as ``parse``
    does, pointing into the source.
    """
    try:
        nodes = READERS[dialect](excerpt.text)
    except PromptError as error:
        raise PromptError(
            error.message,
            code=error.code,
            cure=error.cure,
            source=excerpt.source,
            span=None if error.span is None else excerpt.span(error.span),
        ) from None
    return Prompt(tuple(_moved(node, excerpt) for node in nodes), excerpt.source, dialect)


def _moved(node: Node, excerpt: Excerpt) -> Node:
    if not isinstance(node, Text):
        return replace(node, span=excerpt.span(node.span))
    anchors: list[tuple[int, int]] = []
    limit = (len(node.text), node.span.stop)
    for (index, place), (stop, _) in pairwise([*node.anchors, limit]):
        moved = excerpt.places(place, place + stop - index)
        anchors += [(index + offset, source) for offset, source in moved]
    return Text(node.text, excerpt.span(node.span), tuple(anchors))
