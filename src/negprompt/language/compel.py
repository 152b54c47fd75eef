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
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from negprompt.errors import Span, shown
from negprompt.language.compel_elements import (
    EACH_OPTION,
    LORA,
    OPTIONS,
    SPACES,
    Elements,
    Found,
    Reading,
    Rope,
    run,
)
from negprompt.language.nodes import Begin, Comment, End, Node, Part, Text
from negprompt.language.tree import Prompt

_CALL: Final = re.compile(
    rf"{SPACES}\.(?P<name>and|add|blend){SPACES}\({SPACES}{OPTIONS}{SPACES}\)"
)


class _List(NamedTuple):
    """A list of parts, and what is done with it."""

    stop: int
    parts: tuple[Rope, ...]
    commas: tuple[int, ...]
    call: re.Match[str]


def read(source: str) -> Prompt:
    """Return the tree of a compel prompt, in time linear in its length.

    Parts of ``.and()`` are parts of the prompt.  Raises PromptError ``nesting-too-deep``,
    ``weight-malformed`` and ``weight-not-finite`` for the numbers of a call, ``parts-mismatch``
    where there are not as many as parts, ``swap-in-blend``, and ``blend-not-alone`` for text next
    to a blend.
    """
    nodes = _fused(_flat(run(_Calls(source).conjunction())))
    return Prompt(tuple(nodes), source, "compel", glue=" ")


class _Calls:
    """A whole prompt: its parts, its blend, its elements."""

    def __init__(self, source: str) -> None:
        self.elements = Elements(source)
        self.text = self.elements.text
        self.end = self.elements.end

    def conjunction(self) -> Reading:
        if not self.text.strip():
            return [Text("", Span(0, len(self.elements.excerpt.source)), ((0, 0),))]
        start = self.elements.skip(0, self.end)
        listed: _List | None = yield self._list(start)
        if listed is not None and listed.call["name"] != "blend":
            return self._parts(start, listed)
        loras: Rope = []
        while lora := LORA.match(self.text, start):
            loras.append(self.elements.lora(lora))
            start = self.elements.skip(lora.end(), self.end)
        listed = yield self._list(start)
        if listed is None or listed.call["name"] != "blend":
            found: Found = yield self.elements.prompt(start, self.end)
            return [loras, found.nodes]
        blend = self._blend(start, listed)
        stop = self.elements.skip(listed.stop, self.end)
        while lora := LORA.match(self.text, stop):
            blend.append(self.elements.lora(lora))
            stop = self.elements.skip(lora.end(), self.end)
        if stop < self.end:
            raise self.elements.error(
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
            nodes += [part, Part(weight, self.elements.span(begin, end))]
        if self.text[listed.stop :].strip():
            nodes.append(Comment("", self.elements.span(listed.stop, self.end)))
        return nodes

    def _blend(self, start: int, listed: _List) -> Rope:
        options = self._options(listed.call)
        flag: tuple[str, ...] = ()
        if options and options[-1][0].split("=")[0].strip() == "no_normalize":
            flag = ("no_normalize",)
            options = options[:-1]
        nodes: Rope = [Begin("blend", self.elements.span(start, start + 1))]
        commas = [*listed.commas, listed.call.start()]
        for part, weight, comma in zip(
            listed.parts, self._weights(listed, options), commas, strict=True
        ):
            if any(isinstance(node, Begin) for node in _flat(part)):
                raise self.elements.error(
                    "a .swap() stands in a blend",
                    "swap-in-blend",
                    "compel cannot blend a swap: leave one of them out",
                    Span(start, listed.stop),
                )
            nodes += [part, Part(weight, self.elements.span(comma, comma + 1))]
        nodes.append(End(flag, self.elements.span(listed.call.start() + 1, listed.stop)))
        return nodes

    def _options(self, call: re.Match[str]) -> list[tuple[str, int]]:
        """Return the options of a call and where they start."""
        start, stop = call.span("options")
        return [(m[0], m.start()) for m in EACH_OPTION.finditer(self.text, start, stop)]

    def _weights(self, listed: _List, options: list[tuple[str, int]]) -> list[float]:
        """Return one weight for each part."""
        weights = []
        for written, start in options:
            span = Span(start, start + len(written))
            try:
                weight = float(written)
            except ValueError:
                raise self.elements.error(
                    f"the weight {shown(written, 30)} is not a number",
                    "weight-malformed",
                    "write one like 1.2",
                    span,
                ) from None
            weights.append(self.elements.finite(weight, span))
        if weights and len(weights) != len(listed.parts):
            raise self.elements.error(
                f"{len(weights)} weights for {len(listed.parts)} parts",
                "parts-mismatch",
                "give one weight for each part, or none at all",
                Span(*listed.call.span("options")),
            )
        return weights or [1.0] * len(listed.parts)

    def _list(self, start: int) -> Reading:
        """Read "(", parts, ")" and the call of .and or .blend; None where that is not there."""
        if self.text[start : start + 1] != "(":
            return None
        parts: list[Rope] = []
        commas: list[int] = []
        at = start
        while not parts or self.text[at : at + 1] == ",":
            if parts:
                commas.append(at)
            at = self.elements.skip(at + 1, self.end)
            found: Found | None = yield self.elements.operand(at, self.end)
            if found is None:
                found = yield self.elements.quoted(at, self.end, whole=True)
            if found is None:
                return None
            parts.append(found.nodes)
            at = self.elements.skip(found.stop, self.end)
        call = _CALL.match(self.text, at + 1)
        if self.text[at : at + 1] != ")" or call is None:
            return None
        return _List(call.end(), tuple(parts), tuple(commas), call)


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
