"""NovelAI's prompt language to the tree, for import.

Source of the rules: NovelAI's manual and the A1111 wiki's page on converting from it::

    prompt   = { strong | weak | numeric | plain } ;
    strong   = "{" | "}" ;                     (* times 1.05 for each pair *)
    weak     = "[" | "]" ;                     (* divided by 1.05 *)
    numeric  = number, "::", text, "::" ;      (* times the number; from version 4 on *)
    number   = [ "-" ], digits, [ ".", digits ] ;

Nesting multiplies.  A number before ``::`` ends the numeric weight that is open, and one that never
closes acts to the end; so do brackets.  There are no escapes: a closing mark without its opening
one is text, as are ``(x:1.5)`` and ``|``.
"""

import re
from math import isfinite
from typing import Final

from negprompt.errors import PromptError, Span, shown
from negprompt.language.tree import Close, Node, Open, Prompt, Text

_STRONGER: Final = 1.05
_FACTOR: Final = {"{": _STRONGER, "[": 1 / _STRONGER}
_PARTNER: Final = {"}": "{", "]": "["}
_TOKEN: Final = re.compile(
    r"""
      (?P<open>[{\[])
    | (?P<close>[}\]])
    | (?<![\w.])(?P<number>-?+(?:\d++(?:\.\d*+)?|\.\d++))::
    | (?P<end>::)
    | (?P<plain>[^{}\[\]:\d.-]++|.)
    """,
    re.VERBOSE | re.DOTALL,
)


def read(source: str) -> Prompt:
    """Return the tree of a NovelAI prompt, in time linear in its length.

    Raises PromptError ``weight-not-finite`` where a number, or a product of nested ones, is beyond
    what a float holds.
    """
    reader = _Reader(source)
    for token in _TOKEN.finditer(source):
        reader.take(token)
    return reader.prompt()


class _Reader:
    """Nodes read so far, where the text being gathered began, and what is open."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.nodes: list[Node] = []
        self.opened = {"{": 0, "[": 0, "::": 0}
        self.start = 0

    def take(self, token: re.Match[str]) -> None:
        kind, span = token.lastgroup, Span(token.start(), token.end())
        if kind == "open":
            self._open(token[0], _FACTOR[token[0]], span)
        elif kind == "number":
            if self.opened["::"]:
                self._close("::", Span(span.start, span.start))
            self._open("::", self._weight(token), span)
        elif kind in {"close", "end"}:
            bracket = _PARTNER.get(token[0], "::")
            if self.opened[bracket]:
                self._close(bracket, span)

    def prompt(self) -> Prompt:
        self._text(len(self.source))
        return Prompt(tuple(self.nodes), self.source, "novelai")

    def _open(self, bracket: str, factor: float, span: Span) -> None:
        self._text(span.start)
        self.opened[bracket] += 1
        self.nodes.append(Open(bracket, span, factor))
        self.start = span.stop

    def _close(self, bracket: str, span: Span) -> None:
        self._text(span.start)
        self.opened[bracket] -= 1
        self.nodes.append(Close(bracket, None, span))
        self.start = span.stop

    def _text(self, stop: int) -> None:
        if stop > self.start:
            self.nodes.append(Text(self.source[self.start : stop], Span(self.start, stop)))
        self.start = stop

    def _weight(self, token: re.Match[str]) -> float:
        weight = float(token["number"])
        if not isfinite(weight):
            raise PromptError(
                f"the weight {shown(token['number'], 30)} is beyond the largest number",
                code="weight-not-finite",
                cure="write one like 1.2",
                source=self.source,
                span=Span(*token.span("number")),
            )
        return weight
