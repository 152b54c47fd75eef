r"""compel's prompt language to the tree: suffixes, brackets that weigh nothing, blends, swaps.

Source of the rules: damian0815/compel 2.5.1, ``prompt_parser``.  After each comma a space is put
in where none is; then::

    conjunction = list, ( ".and" | ".add" ), "(", options, ")", ? the rest is not read ?
                | { lora }, list, ".blend", "(", options, ")", { lora }
                | { element | ? a run up to white space, taken as it is ? } ;
    list        = "(", part, { ",", part }, ")" ;       part = '"', ? a prompt ?, '"' | operand ;
    element     = lora | weighted | swap | operand ;    (* a bare word only inside brackets *)
    weighted    = ( group | quoted ), ( plus | minus | number ) | word, ( plus | minus )
                | operand, ".attend", "(", ( plus | minus | number ), ")" ;
    swap        = operand, ".swap", "(", { element }, [ ",", options ], ")" ;
    operand     = group | quoted | word ;
    group       = "(", { element | "," | "." }, ")" ;   quoted = '"', { element | "," | "." }, '"' ;
    lora        = ( "withLora" | "useLora" ), "(", name, [ ",", number ], ")" ;
    plus        = "+", { "+" } ;                        (* 1.1 each *)
    minus       = "-", { "-" } ;                        (* 0.9 each *)

What does not match is text up to the next white space.  ``\(``, ``\)`` and ``\"`` are characters;
other backslashes stay.  Each bracket is read once, where compel tries five ways at every level and
takes time exponential in the depth.  Brackets nested deeper than ``DEEPEST`` are refused.  Where
compel raises an error of Python's (a weight that is none, text behind a blend) this is a
PromptError.
"""

import re
from collections.abc import Generator, Iterator
from dataclasses import replace
from math import inf, isfinite
from typing import Any, Final, NamedTuple, TypeAlias

from negprompt.errors import PromptError, Span, shown
from negprompt.language.excerpt import Excerpt, join
from negprompt.language.nodes import (
    DEEPEST,
    Begin,
    Close,
    Comment,
    End,
    Network,
    Node,
    Open,
    Part,
    Text,
)
from negprompt.language.tree import Prompt

PLUS: Final = 1.1
MINUS: Final = 0.9

_S: Final = r"[ \t\n\r\v\f]*+"
_NUMBER: Final = r"(?:\d++\.\d*+|\.\d++|[0-9]++)"
_SIGNED: Final = rf"(?:[+-]?{_NUMBER})"
_KEY: Final = r"[A-Za-z0-9_-]++"
_OPTION: Final = rf"(?>{_KEY}{_S}={_S}(?>{_SIGNED}|{_KEY})|{_SIGNED}|{_KEY})"
_OPTIONS: Final = rf"(?P<options>(?:{_OPTION}(?:{_S},{_S}{_OPTION})*+)?+)"

_SPACES: Final = re.compile(_S)
_RUN: Final = re.compile(r"[^ \t\n\r\v\f]++")
_WORD_PART: Final = r"""\\[()",.+\-=]|[-+](?![ \t\n\r\v\f()",.+\-=]|\Z)|[^ \t\n\r\v\f()",.+\-=]"""
BARE_WORD: Final = re.compile(rf"(?:{_WORD_PART})++")
_QUOTED_WORD: Final = re.compile(rf"(?:(?!\\[tnrf])(?:{_WORD_PART}))++")
_QUOTED_SPACES: Final = re.compile(r"(?:[ \t\n\r\v\f]|\\[tnrf])*+")
_QUOTE: Final = re.compile(r'"(?:\\"|[^"\n\r])*"')
_LORA: Final = re.compile(
    rf"(?:useLora|withLora){_S}\({_S}({_KEY}){_S}(?:,{_S}({_SIGNED}){_S})?+\)"
)
_ATTEND: Final = re.compile(rf"{_S}\.attend{_S}\({_S}(\++|-+|{_NUMBER}){_S}\)")
_SUFFIX: Final = re.compile(rf"\++|-+|{_NUMBER}")
_SWAP: Final = re.compile(rf"{_S}\.swap{_S}\(")
_SWAP_END: Final = re.compile(rf"{_S}(?:,{_S}{_OPTIONS}{_S})?+\)")
_CALL: Final = re.compile(rf"{_S}\.(?P<name>and|add|blend){_S}\({_S}{_OPTIONS}{_S}\)")
_EACH_OPTION: Final = re.compile(_OPTION)
_TIGHT_COMMA: Final = re.compile(r",\S")
_ESCAPES: Final = re.compile(r"""\\{1,2}(?=[()"])""")  # compel takes one away twice

Rope: TypeAlias = "list[Node | Rope]"
"""Nodes in nested lists, so that none are copied while they are put together."""


class _Found(NamedTuple):
    """What was read: up to where, which nodes, and whether it is no more than a bare word."""

    stop: int
    nodes: Rope
    is_word: bool = False


class _List(NamedTuple):
    """A list of parts, and what is done with it."""

    stop: int
    parts: tuple[Rope, ...]
    commas: tuple[int, ...]
    call: re.Match[str]


_Reading: TypeAlias = Generator[Any, Any, Any]


def read(source: str) -> Prompt:
    """Return the tree of a compel prompt, in time linear in its length.

    Parts of ``.and()`` are parts of the prompt.  Raises PromptError ``nesting-too-deep``,
    ``weight-malformed`` and ``weight-not-finite`` for the numbers of a call, ``parts-mismatch``
    where there are not as many as parts, ``swap-in-blend``, and ``blend-not-alone`` for text next
    to a blend.
    """
    nodes = _fused(_flat(_run(_Reader(source).conjunction())))
    return Prompt(tuple(nodes), source, "compel", glue=" ")


def _run(reading: _Reading) -> Any:
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


class _Reader:
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
        self.operands: dict[tuple[int, int], _Found | None] = {}
        self.elements: dict[tuple[int, int], _Found | None] = {}

    # ------------------------------------------------------------------------ the whole prompt

    def conjunction(self) -> _Reading:
        if not self.text.strip():
            return [Text("", Span(0, len(self.excerpt.source)), ((0, 0),))]
        start = self._skip(0, self.end)
        listed: _List | None = yield self._list(start)
        if listed is not None and listed.call["name"] != "blend":
            return self._parts(start, listed)
        loras: Rope = []
        while lora := _LORA.match(self.text, start):
            loras.append(self._lora(lora))
            start = self._skip(lora.end(), self.end)
        listed = yield self._list(start)
        if listed is None or listed.call["name"] != "blend":
            found: _Found = yield self._prompt(start, self.end)
            return [loras, found.nodes]
        blend = self._blend(start, listed)
        stop = self._skip(listed.stop, self.end)
        while lora := _LORA.match(self.text, stop):
            blend.append(self._lora(lora))
            stop = self._skip(lora.end(), self.end)
        if stop < self.end:
            raise self._error(
                "text stands behind a blend",
                "blend-not-alone",
                "make it a part of the blend, or leave it out",
                Span(stop, self.end),
            )
        return [loras, blend]

    def _parts(self, start: int, listed: _List) -> Rope:
        weights = self._weights(listed, self._options(listed.call))
        nodes: Rope = []
        ends = [*(comma + 1 for comma in listed.commas), listed.stop]
        begins = [*listed.commas, listed.commas[-1] + 1 if listed.commas else start + 1]
        for part, weight, begin, end in zip(listed.parts, weights, begins, ends, strict=True):
            nodes += [part, Part(weight, self._span(begin, end))]
        if self.text[listed.stop :].strip():
            nodes.append(Comment("", self._span(listed.stop, self.end)))
        return nodes

    def _blend(self, start: int, listed: _List) -> Rope:
        options = self._options(listed.call)
        flag: tuple[str, ...] = ()
        if options and options[-1][0].split("=")[0].strip() == "no_normalize":
            flag = ("no_normalize",)
            options = options[:-1]
        nodes: Rope = [Begin("blend", self._span(start, start + 1))]
        commas = [*listed.commas, listed.call.start()]
        for part, weight, comma in zip(
            listed.parts, self._weights(listed, options), commas, strict=True
        ):
            if any(isinstance(node, Begin) for node in _flat(part)):
                raise self._error(
                    "a .swap() stands in a blend",
                    "swap-in-blend",
                    "compel cannot blend a swap: leave one of them out",
                    Span(start, listed.stop),
                )
            nodes += [part, Part(weight, self._span(comma, comma + 1))]
        nodes.append(End(flag, self._span(listed.call.start() + 1, listed.stop)))
        return nodes

    def _options(self, call: re.Match[str]) -> list[tuple[str, int]]:
        """Return the options of a call and where they start."""
        start, stop = call.span("options")
        return [(m[0], m.start()) for m in _EACH_OPTION.finditer(self.text, start, stop)]

    def _weights(self, listed: _List, options: list[tuple[str, int]]) -> list[float]:
        """Return one weight for each part."""
        weights = []
        for written, start in options:
            span = Span(start, start + len(written))
            try:
                weight = float(written)
            except ValueError:
                raise self._error(
                    f"the weight {shown(written, 30)} is not a number",
                    "weight-malformed",
                    "write one like 1.2",
                    span,
                ) from None
            weights.append(self._finite(weight, span))
        if weights and len(weights) != len(listed.parts):
            raise self._error(
                f"{len(weights)} weights for {len(listed.parts)} parts",
                "parts-mismatch",
                "give one weight for each part, or none at all",
                Span(*listed.call.span("options")),
            )
        return weights or [1.0] * len(listed.parts)

    def _list(self, start: int) -> _Reading:
        """Read "(", parts, ")" and the call of .and or .blend; None where that is not there."""
        if self.text[start : start + 1] != "(":
            return None
        parts: list[Rope] = []
        commas: list[int] = []
        at = start
        while not parts or self.text[at : at + 1] == ",":
            if parts:
                commas.append(at)
            at = self._skip(at + 1, self.end)
            found: _Found | None = yield self._operand(at, self.end)
            if found is None:
                found = yield self._quoted(at, self.end, whole=True)
            if found is None:
                return None
            parts.append(found.nodes)
            at = self._skip(found.stop, self.end)
        call = _CALL.match(self.text, at + 1)
        if self.text[at : at + 1] != ")" or call is None:
            return None
        return _List(call.end(), tuple(parts), tuple(commas), call)

    def _prompt(self, at: int, stop: int) -> _Reading:
        """Read elements, and runs up to white space where there is none; never fails."""
        nodes: Rope = []
        at = self._skip(at, stop)
        while at < stop:
            found: _Found | None = yield self._element(at, stop)
            if found is None or found.is_word:
                run = _RUN.match(self.text, at, stop)
                end = stop if run is None else run.end()
                found = _Found(end, [self._word(at, end)])
            nodes.append(found.nodes)
            at = self._skip(found.stop, stop)
        return _Found(stop, nodes)

    # -------------------------------------------------------------------------------- elements

    def _element(self, at: int, stop: int) -> _Reading:
        key = (at, stop)
        if key not in self.elements:
            lora = _LORA.match(self.text, at, stop)
            if lora is not None:
                self.elements[key] = _Found(lora.end(), [self._lora(lora)])
            else:
                operand: _Found | None = yield self._operand(at, stop)
                self.elements[key] = operand and (yield self._with_suffix(at, operand, stop))
        return self.elements[key]

    def _with_suffix(self, at: int, operand: _Found, stop: int) -> _Reading:
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
        edited: _Found = yield self._sequence(swap.end(), stop, commas=False)
        self.depth -= 1
        end = _SWAP_END.match(self.text, edited.stop, stop)
        if end is None:
            return operand
        options = (
            ()
            if end["options"] is None
            else tuple("".join(m[0].split()) for m in _EACH_OPTION.finditer(end["options"]))
        )
        empty = Text("", self._span(swap.end(), swap.end()), ((0, self._place(swap.end())),))
        nodes: Rope = [
            Begin("swap", self._span(at, at)),
            operand.nodes or [replace(empty)],
            Part(1.0, self._span(*swap.span())),
            edited.nodes or [empty],
            End(options, self._span(*end.span())),
        ]
        return _Found(end.end(), nodes)

    def _weighted(
        self, at: int, operand: _Found, whole: tuple[int, int], number: tuple[int, int]
    ) -> _Found:
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
        close = Close("(", self._finite(weight, Span(*number)), self._span(*whole))
        return _Found(whole[1], [Open("(", self._span(at, at)), operand.nodes, close])

    def _operand(self, at: int, stop: int) -> _Reading:
        key = (at, stop)
        if key not in self.operands:
            found: _Found | None = None
            first = self.text[at : at + 1] if at < stop else ""
            if first == "(":
                found = yield self._group(at, stop)
            elif first == '"':
                found = yield self._quoted(at, stop, whole=False)
            else:
                pattern = BARE_WORD if stop == self.end else _QUOTED_WORD
                if word := pattern.match(self.text, at, stop):
                    found = _Found(word.end(), [self._word(at, word.end())], is_word=True)
            self.operands[key] = found
        return self.operands[key]

    def _group(self, at: int, stop: int) -> _Reading:
        self._enter(at)
        inside: _Found = yield self._sequence(at + 1, stop, commas=True)
        self.depth -= 1
        if inside.stop < stop and self.text[inside.stop] == ")":
            return _Found(inside.stop + 1, inside.nodes)
        return None

    def _quoted(self, at: int, stop: int, *, whole: bool) -> _Reading:
        """Read what stands in quotes: elements, or with ``whole`` a prompt."""
        quote = _QUOTE.match(self.text, at, stop)
        if quote is None:
            return None
        end = quote.end() - 1
        if not self.text[self._skip(at + 1, end) : end].strip():
            return _Found(end + 1, [self._word(at + 1, at + 1)])
        self._enter(at)
        inside: _Found
        if whole:
            inside = yield self._prompt(at + 1, end)
        else:
            inside = yield self._sequence(at + 1, end, commas=True)
        self.depth -= 1
        return _Found(end + 1, inside.nodes) if inside.stop == end else None

    def _sequence(self, at: int, stop: int, *, commas: bool) -> _Reading:
        """Read elements as far as they go; never fails."""
        nodes: Rope = []
        at = self._skip(at, stop)
        while at < stop:
            found: _Found | None = yield self._element(at, stop)
            if found is None and commas and self.text[at] in ",.":
                found = _Found(at + 1, [self._word(at, at + 1)])
            if found is None:
                break
            nodes.append(found.nodes)
            at = self._skip(found.stop, stop)
        return _Found(at, nodes)

    # ---------------------------------------------------------------------------------- pieces

    def _skip(self, at: int, stop: int) -> int:
        spaces = _SPACES if stop == self.end else _QUOTED_SPACES
        found = spaces.match(self.text, at, stop)
        return at if found is None else found.end()

    def _word(self, start: int, stop: int) -> Text:
        piece = self.excerpt.cut(start, stop)
        word = piece.sub(_ESCAPES, "")
        return Text(word.text, self._span(start, stop), word.anchors)

    def _lora(self, call: re.Match[str]) -> Network:
        items = (call[1],) if call[2] is None else (call[1], call[2])
        if call[2] is not None:
            self._finite(float(call[2]), Span(*call.span(2)))
        return Network("lora", items, self._span(*call.span()))

    def _place(self, at: int) -> int:
        return self.excerpt.place(at) if at < self.end else len(self.excerpt.source)

    def _span(self, start: int, stop: int) -> Span:
        first = self._place(start)
        return Span(first, self._place(stop - 1) + 1 if stop > start else first)

    def _enter(self, at: int) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self._error(
                f"more than {DEEPEST} brackets stand in each other",
                "nesting-too-deep",
                r"nest them less deep, or write \( for a bracket that is meant as text",
                Span(at, at + 1),
            )

    def _finite(self, weight: float, span: Span) -> float:
        if isfinite(weight):
            return weight
        raise self._error(
            f"the weight {shown(self.text[span.start : span.stop], 30)} is not finite",
            "weight-not-finite",
            "write one like 1.2",
            span,
        )

    def _error(self, message: str, code: str, cure: str, span: Span) -> PromptError:
        place = self._span(span.start, span.stop)
        return PromptError(message, code=code, cure=cure, source=self.excerpt.source, span=place)


def _flat(rope: Rope) -> Iterator[Node]:
    """Yield the nodes of nested lists in order."""
    running: list[Iterator[Any]] = [iter(rope)]
    while running:
        for item in running[-1]:
            if isinstance(item, list):
                running.append(iter(item))
                break
            yield item
        else:
            running.pop()


def _fused(nodes: Iterator[Node]) -> Iterator[Node]:
    """Yield the nodes with words that follow each other as one text, a space between them."""
    words: list[Text] = []
    for node in nodes:
        if isinstance(node, Text):
            words.append(node)
            continue
        if words:
            yield _joined(words)
            words = []
        yield node
    if words:
        yield _joined(words)


def _joined(words: list[Text]) -> Text:
    anchors: list[tuple[int, int]] = []
    length = 0
    for word in words:
        anchors += [(length + index, place) for index, place in word.anchors]
        length += len(word.text) + 1
        anchors.append((length - 1, word.span.stop))
    span = Span(words[0].span.start, words[-1].span.stop)
    return Text(" ".join(word.text for word in words), span, tuple(anchors[:-1]))
