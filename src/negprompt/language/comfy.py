r"""ComfyUI's prompt language to the tree: round brackets with absolute weights, embeddings by name.

Source of the rules: Comfy-Org/ComfyUI, ``comfy/sd1_clip.py``, ``token_weights``::

    prompt    = { group | text } ;
    group     = "(", prompt, [ ":", number ], ")" ;
    number    = ? whatever Python's float() reads: 1.5, 1e2, 1_5, with spaces around ? ;
    text      = ? anything else ?, with "\(" and "\)" for brackets; other backslashes stay ;
    embedding = "embedding:", ? up to white space ? ;     (* at the start of a text, after " " *)

``(x)`` multiplies by 1.1; a written weight replaces that of the groups around it, so
``((x:1.5):0.5)`` is 1.5.  A colon that nothing stands before is text.  Brackets that do not match
are text, with two oddities that are kept: after a stray ``)`` the next ``(`` is text too, so that
in ``:) (happy:1.2)`` no weight acts; and a group that never closes, but whose text ends with ``)``,
takes that for its own.  ``inf`` and ``nan``, which ComfyUI reads, are a PromptError here.
BREAK, AND, ``[ ]``, ``{ }`` are text.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from math import isfinite
from typing import Final

from negprompt.errors import PromptError, Span, shown
from negprompt.language.excerpt import Excerpt, join
from negprompt.language.nodes import Close, Embedding, Node, Open, Text
from negprompt.language.tree import Prompt

_TOKEN: Final = re.compile(r"\\[()]|[():]")
_EMBEDDING: Final = re.compile(r"(?:\A|(?<=[ \n]))embedding:(\S++)")


def read(source: str) -> Prompt:
    """Return the tree of a ComfyUI prompt, in time linear in its length.

    Raises PromptError ``weight-not-finite`` for a weight, or a product of nested ones, beyond what
    a float holds.
    """
    return Prompt(_Reader(source).nodes(), source, "comfy")


class _Reader:
    """Where the brackets, escapes and colons of a source stand, and which brackets match."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.excerpt = Excerpt.of(source)
        self.escapes: list[int] = []
        self.colons: list[int] = []
        self.brackets: list[int] = []
        self.groups: dict[int, int] = {}  # the opening bracket of each closing one
        self.marks: dict[int, Open | Close] = {}

    def nodes(self) -> tuple[Node, ...]:
        unclosed = self._match()
        cut, stop = self._close(unclosed)
        for close, start in self.groups.items():
            if cut is None or start < cut:
                self._mark(start, close)
        return tuple(self._run(cut, stop))

    def _match(self) -> list[int]:
        """Note all brackets, match them, and return those that never close."""
        opened: list[int] = []
        stray = 0  # closing brackets that were never opened; each makes the next opening one text
        for token in _TOKEN.finditer(self.source):
            at = token.start()
            if token[0] == ":":
                self.colons.append(at)
            elif len(token[0]) > 1:
                self.escapes.append(at)
            else:
                self.brackets.append(at)
                if token[0] == "(" and (opened or not stray):
                    opened.append(at)
                elif token[0] == ")" and opened:
                    self.groups[at] = opened.pop()
                else:
                    stray += 1 if token[0] == ")" else -1
        return opened

    def _close(self, unclosed: list[int]) -> tuple[int | None, int]:
        """Give groups that never close the closing brackets that end the text.

        Each takes the last bracket from the group that it belonged to, which then never closes
        itself.  Return where a bracket is left that gets none, from which on to the other number
        returned all is text.
        """
        stop = len(self.source)
        for start in unclosed:  # grows while it is walked
            close = stop - 1
            if close not in self.groups:
                return start, stop
            unclosed.append(self.groups.pop(close))
            stop = self._mark(start, close)
        return None, stop

    def _mark(self, start: int, close: int) -> int:
        """Mark a group, and return where the text in it stops."""
        weight = None
        stop = close
        place = bisect_left(self.colons, close) - 1
        colon = self.colons[place] if place >= 0 else -1
        bracket = self.brackets[bisect_left(self.brackets, close) - 1]
        if colon > bracket and colon > start + 1:
            weight = self._number(Span(colon + 1, close))
            stop = close if weight is None else colon
        self.marks[start] = Open("(", Span(start, start + 1))
        self.marks[stop] = Close("(", weight, Span(stop, close + 1), absolute=weight is not None)
        return stop

    def _number(self, span: Span) -> float | None:
        written = self.source[span.start : span.stop]
        try:
            weight = float(written)
        except ValueError:
            return None
        if isfinite(weight):
            return weight
        raise PromptError(
            f"the weight {shown(written, 30)} is not finite",
            code="weight-not-finite",
            cure=r"write one like 1.2, or \) for a literal bracket",
            source=self.source,
            span=span,
        )

    def _run(self, cut: int | None, stop: int) -> Iterator[Node]:
        """Yield the marks and the texts between them."""
        done = 0
        ends = sorted(self.marks)
        if cut is not None:
            ends = [*(end for end in ends if end < cut), cut, *(e for e in ends if e >= stop)]
        for end in [*ends, len(self.source)]:
            yield from self._texts(done, end)
            done = end
            if end in self.marks:
                yield self.marks[end]
                done = self.marks[end].span.stop

    def _texts(self, start: int, stop: int) -> Iterator[Node]:
        """Yield the text of a stretch of the source, embeddings by themselves."""
        if start == stop:
            return
        first = bisect_left(self.escapes, start)
        escapes = self.escapes[first : bisect_left(self.escapes, stop)]
        borders = [start, *(x for at in escapes for x in (at, at + 1)), stop]
        pairs = zip(borders[::2], borders[1::2], strict=True)
        resolved = join((self.excerpt.cut(*pair) for pair in pairs), self.source)
        done, place = 0, start
        for call in _EMBEDDING.finditer(resolved.text):
            begin, end = resolved.place(call.start()), resolved.place(call.end() - 1) + 1
            if done < call.start():
                yield _text(resolved.cut(done, call.start()), Span(place, begin))
            yield Embedding(call[1], Span(begin, end))
            done, place = call.end(), end
        if done < len(resolved.text):
            yield _text(resolved.cut(done, len(resolved.text)), Span(place, stop))


def _text(excerpt: Excerpt, span: Span) -> Text:
    return Text(excerpt.text, span, excerpt.anchors)
