r"""A1111's prompt language to the tree: emphasis, escapes and BREAK, exactly as A1111 reads them.

Source of the rules: AUTOMATIC1111/stable-diffusion-webui 1.10, ``parse_prompt_attention``::

    prompt  = { escape | open | weight | close | plain } ;
    escape  = "\", [ "\" | "(" | ")" | "[" | "]" ] ;       (* a lone backslash vanishes *)
    open    = "(" | "[" ;                                  (* two independent stacks *)
    weight  = ":", { space }, number, { space }, ")" ;     (* closes "(", else it is text *)
    number  = [ "+" | "-" ], ( digit | "." ), { digit | "." } ;
    close   = ")" | "]" ;                                  (* without an open one it is text *)
    plain   = ":" | ? anything else ?, with BREAK as a word of its own standing for a break ;

``(x)`` multiplies by 1.1, ``[x]`` by 1/1.1, ``(x:1.5)`` by 1.5; nesting multiplies; a bracket that
never closes acts to the end.  Two things differ from A1111 on purpose: a number that is none
(``(a:1.2.3)``) is a PromptError where A1111 crashes, and a BREAK inside a group breaks, where A1111
multiplies its mark and then reads the word "break".
Schedules, AND, ``<net:args>`` and comments are not read here, where they are text: A1111 takes them
out before it reads emphasis, and so does ``stages``.
"""

import re
from math import isfinite
from typing import Final

from negprompt.errors import PromptError, Span, shown
from negprompt.language.tree import Bracket, Break, Close, Node, Open, Prompt, Text

_TOKEN: Final = re.compile(
    r"""
      \\(?P<escaped>[\\()\[\]])
    | (?P<lone>\\)
    | (?P<open>[(\[])
    | :\s*+(?P<weight>[+-]?[.\d]++)\s*+\)
    | (?P<close>[)\]])
    | (?P<plain>[^\\()\[\]:]++|:)
    """,
    re.VERBOSE,
)
_BREAK: Final = re.compile(r"\bBREAK\b")
_PARTNER: Final[dict[str, Bracket]] = {"(": "(", ")": "(", "[": "[", "]": "["}


def read(source: str) -> Prompt:
    """Return the tree of an A1111 prompt, in time linear in its length.

    Raises PromptError ``weight-malformed`` for a number such as 1.2.3, and ``weight-not-finite``
    where one, or a product of nested ones, is beyond what a float holds.
    """
    return Prompt(nodes(source), source, "a1111")


def nodes(source: str) -> tuple[Node, ...]:
    """Return the nodes of the tree, not weighed. Raises PromptError as ``read`` does of numbers."""
    reader = _Reader(source)
    for token in _TOKEN.finditer(source):
        reader.take(token)
    return reader.all()


class _Reader:
    """Nodes read so far, the text being gathered, and how many brackets are open."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.nodes: list[Node] = []
        self.opened: dict[Bracket, int] = {"(": 0, "[": 0}
        self.pieces: list[str] = []
        self.length = 0  # of the pieces
        self.start = 0  # of the pieces, in the source
        self.anchors: list[tuple[int, int]] = []

    def take(self, token: re.Match[str]) -> None:
        kind, span = token.lastgroup, Span(token.start(), token.end())
        if kind == "plain":
            self._plain(token[0], span.start)
        elif kind == "escaped":
            self._text(token["escaped"], span.start, span.start + 1)
        elif kind == "lone":
            self._text("", span.start, span.stop)
        elif kind == "open":
            bracket = _PARTNER[token[0]]
            self.opened[bracket] += 1
            self._mark(Open(bracket, span))
        else:
            self._close(token, span)

    def all(self) -> tuple[Node, ...]:
        self._end_text(len(self.source))
        return tuple(self.nodes)

    def _close(self, token: re.Match[str], span: Span) -> None:
        bracket = _PARTNER[token[0][-1]]
        if not self.opened[bracket]:
            self._text(token[0], span.start, span.start)
            return
        self.opened[bracket] -= 1
        number = token["weight"]
        self._mark(Close(bracket, None if number is None else self._number(token), span))

    def _number(self, token: re.Match[str]) -> float:
        try:
            weight = float(token["weight"])
        except ValueError:
            code, what = "weight-malformed", "is not a number"
        else:
            if isfinite(weight):
                return weight
            code, what = "weight-not-finite", "is beyond the largest number"
        raise PromptError(
            f"the weight {shown(token['weight'], 30)} {what}",
            code=code,
            cure=r"write one like 1.2, or \) for a literal bracket",
            source=self.source,
            span=Span(*token.span("weight")),
        )

    def _plain(self, text: str, base: int) -> None:
        done = 0
        for word in _BREAK.finditer(text):
            left = text[done : word.start()].rstrip()
            self._text(left, base + done, base + done)
            right = _skip_spaces(text, word.end())
            self._mark(Break(Span(base + done + len(left), base + right)))
            done = right
        self._text(text[done:], base + done, base + done)

    def _text(self, text: str, start: int, origin: int) -> None:
        """Add text that begins at ``start`` and whose first character stands at ``origin``."""
        if not self.pieces:
            self.start = start
        if not self.anchors or origin - self.length != self.anchors[-1][1] - self.anchors[-1][0]:
            self.anchors.append((self.length, origin))
        self.pieces.append(text)
        self.length += len(text)

    def _mark(self, node: Open | Close | Break) -> None:
        self._end_text(node.span.start)
        self.nodes.append(node)

    def _end_text(self, stop: int) -> None:
        if self.pieces:
            span = Span(self.start, stop)
            self.nodes.append(Text("".join(self.pieces), span, tuple(self.anchors)))
        self.pieces, self.length, self.anchors = [], 0, []


def _skip_spaces(text: str, index: int) -> int:
    while index < len(text) and text[index].isspace():
        index += 1
    return index
