"""The elements of a compel prompt: words, brackets, quotes, and what is done with them.

The grammar stands in ``compel``.  Nothing is read twice, and no depth costs recursion: each reading
is a generator that yields the readings it needs, and ``run`` drives them.
"""

import re
from collections.abc import Generator
from dataclasses import replace
from math import inf, isfinite
from typing import Any, Final, NamedTuple, TypeAlias

from negprompt.errors import PromptError, Span, shown
from negprompt.language.excerpt import Excerpt, join
from negprompt.language.nodes import DEEPEST, Begin, Close, End, Network, Node, Open, Part, Text

PLUS: Final = 1.1
MINUS: Final = 0.9

SPACES: Final = r"[ \t\n\r\v\f]*+"
_NUMBER: Final = r"(?:\d++\.\d*+|\.\d++|[0-9]++)"
_SIGNED: Final = rf"(?:[+-]?{_NUMBER})"
_KEY: Final = r"[A-Za-z0-9_-]++"
_OPTION: Final = rf"(?>{_KEY}{SPACES}={SPACES}(?>{_SIGNED}|{_KEY})|{_SIGNED}|{_KEY})"
OPTIONS: Final = rf"(?P<options>(?:{_OPTION}(?:{SPACES},{SPACES}{_OPTION})*+)?+)"

_GAP: Final = re.compile(SPACES)
_RUN: Final = re.compile(r"[^ \t\n\r\v\f]++")
_WORD_PART: Final = r"""\\[()",.+\-=]|[-+](?![ \t\n\r\v\f()",.+\-=]|\Z)|[^ \t\n\r\v\f()",.+\-=]"""
BARE_WORD: Final = re.compile(rf"(?:{_WORD_PART})++")
_QUOTED_WORD: Final = re.compile(rf"(?:(?!\\[tnrf])(?:{_WORD_PART}))++")
_QUOTED_GAP: Final = re.compile(r"(?:[ \t\n\r\v\f]|\\[tnrf])*+")
_QUOTE: Final = re.compile(r'"(?:\\"|[^"\n\r])*"')
LORA: Final = re.compile(
    rf"(?:useLora|withLora){SPACES}\({SPACES}({_KEY}){SPACES}(?:,{SPACES}({_SIGNED}){SPACES})?+\)"
)
_ATTEND: Final = re.compile(rf"{SPACES}\.attend{SPACES}\({SPACES}(\++|-+|{_NUMBER}){SPACES}\)")
_SUFFIX: Final = re.compile(rf"\++|-+|{_NUMBER}")
_SWAP: Final = re.compile(rf"{SPACES}\.swap{SPACES}\(")
_SWAP_END: Final = re.compile(rf"{SPACES}(?:,{SPACES}{OPTIONS}{SPACES})?+\)")
EACH_OPTION: Final = re.compile(_OPTION)
_TIGHT_COMMA: Final = re.compile(r",\S")
_ESCAPES: Final = re.compile(r"""\\{1,2}(?=[()"])""")  # compel takes one away twice

Rope: TypeAlias = "list[Node | Rope]"
"""Nodes in nested lists, so that none are copied while they are put together."""


class Found(NamedTuple):
    """What was read: up to where, which nodes, and whether it is no more than a bare word."""

    stop: int
    nodes: Rope
    is_word: bool = False


Reading: TypeAlias = Generator[Any, Any, Any]


def run(reading: Reading) -> Any:
    """Return what a reading comes to; each reading yields those that it needs, to any depth."""
    running = [reading]
    value = None
    while running:
        try:
            running.append(running[-1].send(value))
            value = None
        except StopIteration as end:
            running.pop()
            value = end.value
    return value


class Elements:
    """A prompt, and what was found at each place; nothing is read twice."""

    def __init__(self, source: str) -> None:
        whole = Excerpt.of(source)
        commas = [match.start() + 1 for match in _TIGHT_COMMA.finditer(source)]
        self.excerpt = join(
            (
                piece
                for start, stop in zip([0, *commas], [*commas, len(source)], strict=True)
                for piece in (whole.cut(start, stop), Excerpt(" ", source, ((0, stop - 1),)))
            ),
            source,
        ).cut(0, len(source) + len(commas))
        self.text = self.excerpt.text
        self.end = len(self.text)
        self.depth = 0
        self.operands: dict[tuple[int, int], Found | None] = {}
        self.elements: dict[tuple[int, int], Found | None] = {}

    def prompt(self, at: int, stop: int) -> Reading:
        """Read elements, and runs up to white space where there is none; never fails."""
        nodes: Rope = []
        at = self.skip(at, stop)
        while at < stop:
            found: Found | None = yield self.element(at, stop)
            if found is None or found.is_word:
                run = _RUN.match(self.text, at, stop)
                end = stop if run is None else run.end()
                found = Found(end, [self._word(at, end)])
            nodes.append(found.nodes)
            at = self.skip(found.stop, stop)
        return Found(stop, nodes)

    # -------------------------------------------------------------------------------- elements

    def element(self, at: int, stop: int) -> Reading:
        key = (at, stop)
        if key not in self.elements:
            lora = LORA.match(self.text, at, stop)
            if lora is not None:
                self.elements[key] = Found(lora.end(), [self.lora(lora)])
            else:
                operand: Found | None = yield self.operand(at, stop)
                self.elements[key] = operand and (yield self._with_suffix(at, operand, stop))
        return self.elements[key]

    def _with_suffix(self, at: int, operand: Found, stop: int) -> Reading:
        attend = _ATTEND.match(self.text, operand.stop, stop)
        suffix = _SUFFIX.match(self.text, operand.stop, stop)
        if attend is not None:
            return self._weighted(at, operand, attend.span(), attend.span(1))
        if suffix is not None and not (operand.is_word and suffix[0][0] not in "+-"):
            return self._weighted(at, operand, suffix.span(), suffix.span())
        swap = _SWAP.match(self.text, operand.stop, stop)
        if swap is None:
            return operand
        self._enter(operand.stop)
        edited: Found = yield self._sequence(swap.end(), stop, commas=False)
        self.depth -= 1
        end = _SWAP_END.match(self.text, edited.stop, stop)
        if end is None:
            return operand
        options = (
            ()
            if end["options"] is None
            else tuple("".join(m[0].split()) for m in EACH_OPTION.finditer(end["options"]))
        )
        empty = Text("", self.span(swap.end(), swap.end()), ((0, self._place(swap.end())),))
        nodes: Rope = [
            Begin("swap", self.span(at, at)),
            operand.nodes or [replace(empty)],
            Part(1.0, self.span(*swap.span())),
            edited.nodes or [empty],
            End(options, self.span(*end.span())),
        ]
        return Found(end.end(), nodes)

    def _weighted(
        self, at: int, operand: Found, whole: tuple[int, int], number: tuple[int, int]
    ) -> Found:
        written = self.text[slice(*number)]
        try:
            weight = (
                PLUS ** len(written)
                if written[0] == "+"
                else MINUS ** len(written)
                if written[0] == "-"
                else float(written)
            )
        except OverflowError:
            weight = inf
        close = Close("(", self.finite(weight, Span(*number)), self.span(*whole))
        return Found(whole[1], [Open("(", self.span(at, at)), operand.nodes, close])

    def operand(self, at: int, stop: int) -> Reading:
        key = (at, stop)
        if key not in self.operands:
            found: Found | None = None
            first = self.text[at : at + 1] if at < stop else ""
            if first == "(":
                found = yield self._group(at, stop)
            elif first == '"':
                found = yield self.quoted(at, stop, whole=False)
            else:
                pattern = BARE_WORD if stop == self.end else _QUOTED_WORD
                if word := pattern.match(self.text, at, stop):
                    found = Found(word.end(), [self._word(at, word.end())], is_word=True)
            self.operands[key] = found
        return self.operands[key]

    def _group(self, at: int, stop: int) -> Reading:
        self._enter(at)
        inside: Found = yield self._sequence(at + 1, stop, commas=True)
        self.depth -= 1
        if inside.stop < stop and self.text[inside.stop] == ")":
            return Found(inside.stop + 1, inside.nodes)
        return None

    def quoted(self, at: int, stop: int, *, whole: bool) -> Reading:
        """Read what stands in quotes: elements, or with ``whole`` a prompt."""
        quote = _QUOTE.match(self.text, at, stop)
        if quote is None:
            return None
        end = quote.end() - 1
        if not self.text[self.skip(at + 1, end) : end].strip():
            return Found(end + 1, [self._word(at + 1, at + 1)])
        self._enter(at)
        inside: Found
        if whole:
            inside = yield self.prompt(at + 1, end)
        else:
            inside = yield self._sequence(at + 1, end, commas=True)
        self.depth -= 1
        return Found(end + 1, inside.nodes) if inside.stop == end else None

    def _sequence(self, at: int, stop: int, *, commas: bool) -> Reading:
        """Read elements as far as they go; never fails."""
        nodes: Rope = []
        at = self.skip(at, stop)
        while at < stop:
            found: Found | None = yield self.element(at, stop)
            if found is None and commas and self.text[at] in ",.":
                found = Found(at + 1, [self._word(at, at + 1)])
            if found is None:
                break
            nodes.append(found.nodes)
            at = self.skip(found.stop, stop)
        return Found(at, nodes)

    # ---------------------------------------------------------------------------------- pieces

    def skip(self, at: int, stop: int) -> int:
        spaces = _GAP if stop == self.end else _QUOTED_GAP
        found = spaces.match(self.text, at, stop)
        return at if found is None else found.end()

    def _word(self, start: int, stop: int) -> Text:
        piece = self.excerpt.cut(start, stop)
        word = piece.sub(_ESCAPES, "")
        return Text(word.text, self.span(start, stop), word.anchors)

    def lora(self, call: re.Match[str]) -> Network:
        items = (call[1],) if call[2] is None else (call[1], call[2])
        if call[2] is not None:
            self.finite(float(call[2]), Span(*call.span(2)))
        return Network("lora", items, self.span(*call.span()))

    def _place(self, at: int) -> int:
        return self.excerpt.place(at) if at < self.end else len(self.excerpt.source)

    def span(self, start: int, stop: int) -> Span:
        first = self._place(start)
        return Span(first, self._place(stop - 1) + 1 if stop > start else first)

    def _enter(self, at: int) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.error(
                f"more than {DEEPEST} brackets stand in each other",
                "nesting-too-deep",
                r"nest them less deep, or write \( for a bracket that is meant as text",
                Span(at, at + 1),
            )

    def finite(self, weight: float, span: Span) -> float:
        if isfinite(weight):
            return weight
        raise self.error(
            f"the weight {shown(self.text[span.start : span.stop], 30)} is not finite",
            "weight-not-finite",
            "write one like 1.2",
            span,
        )

    def error(self, message: str, code: str, cure: str, span: Span) -> PromptError:
        place = self.span(span.start, span.stop)
        return PromptError(message, code=code, cure=cure, source=self.excerpt.source, span=place)
