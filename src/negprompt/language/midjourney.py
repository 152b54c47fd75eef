r"""Midjourney's prompt language to the tree, for import.

Source of the rules: Midjourney's manual, cross-checked with twardoch/midjargon::

    job        = { image }, parts, { parameter } ;
    image      = "http://…" | "https://…" ;
    parts      = text, { "::", [ weight ], text } ;
    parameter  = ( "--" | "—" ), name, [ value ] ;      (* to the next one or the end *)
    options    = "{", option, { ",", option }, "}" ;     (* may nest *)
    escape     = "\", ( "{" | "}" | "," ) ;

A part weighs 1 where nothing is written; weights count relative to their sum, which must be above
zero.  ``--no a, b`` is a part "a, b" of weight -0.5,
and so are several of them together.  Options make several prompts of one: see
``permutations``; ``read`` leaves them as text.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Final, TypeAlias

from negprompt.errors import PromptError, Span, shown
from negprompt.language.tree import Comment, Node, Part, Prompt, Text

NO_WEIGHT: Final = -0.5
MOST: Final = 40  # permutations of one prompt, Midjourney's own limit

Value: TypeAlias = str | int | float | None
_Rope: TypeAlias = "tuple[_Rope, _Rope | str] | None"

_NAMES: Final[Mapping[str, str]] = {
    "ar": "aspect",
    "c": "chaos",
    "cref": "character_reference",
    "cw": "character_weight",
    "iw": "image_weight",
    "q": "quality",
    "r": "repeat",
    "s": "stylize",
    "sref": "style_reference",
    "sw": "style_weight",
    "v": "version",
    "w": "weird",
}
_IMAGES: Final = re.compile(r"\s*+(?:https?://\S++(?:\s++|\Z))*+")
_PARAMETER: Final = re.compile(r"(?:(?<=\s)|(?<![\s\S]))(?:--|—)(?P<name>[a-zA-Z]++)(?=\s|\Z)")
_PART: Final = re.compile(r"::(?P<weight>[+-]?+(?:\d++(?:\.\d*+)?|\.\d++)(?![\w.]))?+")
_ESCAPE: Final = re.compile(r"\\(?P<escaped>[{},])")
_EMPTY: Final = re.compile(r"(?<!\\)\{\s*+\}")
_MARK: Final = re.compile(r"\\[{},]|(?P<brace>[{}])|(?P<comma>,)")


@dataclass(frozen=True, slots=True)
class Job:
    """What a Midjourney command asks for: words, image addresses, parameters by full name.

    A parameter without a value is None, a number an int or float.
    """

    text: str
    images: tuple[str, ...]
    parameters: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class _Parameter:
    """One parameter: its name, where it begins and ends, where its value stands."""

    name: str
    start: int
    value: Span
    stop: int


def read(source: str) -> Prompt:
    """Return the tree of a Midjourney prompt, in time linear in its length.

    Parameters other than ``--no``, and image addresses, are comments.  Raises PromptError
    ``parts-sum-not-positive`` where the weights of the parts add up to zero or less, and
    ``weight-not-finite`` where one is beyond what a float holds.
    """
    begin, end = _words(source)
    parameters = list(_parameters(source, end))
    nodes: list[Node] = [Comment("", Span(0, begin))] if begin else []
    nodes += _parts(source, begin, end)
    place = nodes[-1].span.stop if nodes else begin
    unwanted = [p for p in parameters if p.name == "no" and len(p.value)]
    if unwanted and nodes and isinstance(nodes[-1], Text):
        nodes.append(Part(1.0, Span(place, place)))
    for number, parameter in enumerate(unwanted):
        nodes.append(Comment("", Span(place, parameter.value.start)))
        if number:
            nodes.append(Text(", ", Span(parameter.value.start, parameter.value.start)))
        nodes += _text(source, parameter.value.start, parameter.value)
        place = parameter.value.stop
    if unwanted:
        nodes.append(Part(NO_WEIGHT, Span(place, place)))
    if place < len(source):
        nodes.append(Comment("", Span(place, len(source))))
    _check_sum(nodes, source)
    return Prompt(tuple(nodes), source, "midjourney")


def job(source: str) -> Job:
    """Return the words, images and parameters of a Midjourney command."""
    begin, end = _words(source)
    words = _ESCAPE.sub(r"\g<escaped>", _EMPTY.sub("", source[begin:end]))
    values = {p.name: source[p.value.start : p.value.stop] for p in _parameters(source, end)}
    return Job(
        " ".join(words.split()),
        tuple(source[:begin].split()),
        {_NAMES.get(name, name): _value(value) for name, value in values.items()},
    )


def settings(source: str) -> tuple[Span, ...]:
    """Return the places of image addresses and of parameters other than ``--no``."""
    begin, end = _words(source)
    images = _trimmed(source, 0, begin)
    return (
        *([images] if len(images) else []),
        *(
            _trimmed(source, parameter.start, parameter.stop)
            for parameter in _parameters(source, end)
            if parameter.name != "no"
        ),
    )


def choices(source: str) -> tuple[Span, ...]:
    """Return the places of the outermost options in braces that hold a comma."""
    begin, end = _words(source)
    return tuple(
        Span(start, stop)
        for start, stop in _outermost(source)
        if begin <= start and stop <= end and "," in source[start:stop]
    )


def permutations(source: str, most: int = MOST) -> tuple[str, ...]:
    """Return the prompts that the options of one make, in order, spaces joined.

    Braces without a partner are text.  Raises PromptError ``permutations-too-many`` beyond
    ``most``.
    """
    expansion = _Expansion(source, most)
    done = 0
    matched = {place for pair in _pairs(source) for place in pair}
    for mark in _MARK.finditer(source):
        if mark["brace"] and mark.start() not in matched:
            continue
        if mark["comma"] and not expansion.is_nested:
            continue
        expansion.literal(source[done : mark.start()], closing=mark[0] in {",", "}"})
        done = mark.end()
        if mark[0][0] == "\\":
            expansion.literal(mark[0][1], opening=False)
        elif mark[0] == "{":
            expansion.begin()
        else:
            expansion.option(Span(mark.start(), done), last=mark[0] == "}")
    expansion.literal(source[done:])
    return tuple(" ".join(text.split()) for text in expansion.texts())


class _Expansion:
    """The prompts so far: one list of them for each brace that is open, shared beginnings as links.

    A prompt is None or a pair of what came before it and a piece of text or a prompt.
    """

    def __init__(self, source: str, most: int) -> None:
        self.source = source
        self.most = most
        self.current: list[_Rope] = [None]
        self.outer: list[tuple[list[_Rope], list[_Rope]]] = []  # before the brace, options done
        self.fresh = False

    @property
    def is_nested(self) -> bool:
        return bool(self.outer)

    def literal(self, text: str, *, closing: bool = False, opening: bool = True) -> None:
        """Append a text to each prompt; spaces at the edges of an option are dropped."""
        if self.is_nested and self.fresh and opening:
            text = text.lstrip()
        if self.is_nested and closing:
            text = text.rstrip()
        if text:
            self.current = [(rope, text) for rope in self.current]
            self.fresh = False

    def begin(self) -> None:
        self.outer.append((self.current, []))
        self.current, self.fresh = [None], True

    def option(self, span: Span, *, last: bool) -> None:
        before, options = self.outer[-1]
        options += self.current
        self.current, self.fresh = [None], True
        if last:
            self.outer.pop()
            self.fresh = False
        if len(options) * (len(before) if last else 1) > self.most:
            raise PromptError(
                f"the options in braces make more than {self.most} prompts",
                code="permutations-too-many",
                cure="leave some out, or write \\{ for a brace that is meant as text",
                source=self.source,
                span=span,
            )
        if last:
            self.current = [(left, right) for left in before for right in options]

    def texts(self) -> Iterator[str]:
        for rope in self.current:
            pieces: list[str] = []
            left: list[_Rope | str] = [rope]
            while left:
                item = left.pop()
                if isinstance(item, str):
                    pieces.append(item)
                elif item is not None:
                    left += item
            yield "".join(reversed(pieces))


def _words(source: str) -> tuple[int, int]:
    """Return where the words begin, behind the images, and end, before the parameters."""
    images = _IMAGES.match(source)
    begin = images.end() if images else 0
    first = _PARAMETER.search(source, begin)
    return begin, first.start() if first else len(source)


def _parameters(source: str, end: int) -> Iterator[_Parameter]:
    found = list(_PARAMETER.finditer(source, end))
    stops = [match.start() for match in found] + [len(source)]
    for match, stop in zip(found, stops[1:], strict=True):
        value = _trimmed(source, match.end(), stop)
        yield _Parameter(match["name"].lower(), match.start(), value, stop)


def _value(text: str) -> Value:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text or None


def _parts(source: str, start: int, stop: int) -> Iterator[Node]:
    """Yield texts and the marks behind them; spaces at the edges belong to the marks.

    A mark without text before it is a comment.
    """
    place = start
    for mark in _PART.finditer(source, start, stop):
        words = _trimmed(source, place, mark.start())
        after = mark.end()
        if len(words):
            yield from _text(source, place, words)
            weight = 1.0 if mark["weight"] is None else _finite(source, mark)
            yield Part(weight, Span(words.stop, after))
        else:
            yield Comment("", Span(place, after))
        place = after
    words = _trimmed(source, place, stop)
    if len(words):
        yield from _text(source, place, words)


def _text(source: str, place: int, words: Span) -> Iterator[Node]:
    """Yield the spaces before a text, as a comment, and the text with its escapes resolved."""
    if place < words.start:
        yield Comment("", Span(place, words.start))
    pieces: list[str] = []
    anchors: list[tuple[int, int]] = []
    length, done = 0, words.start
    for escape in _ESCAPE.finditer(source, words.start, words.stop):
        pieces.append(source[done : escape.start()])
        anchors.append((length, done))
        length += len(pieces[-1])
        done = escape.start("escaped")
    pieces.append(source[done : words.stop])
    anchors.append((length, done))
    yield Text("".join(pieces), words, tuple(anchors))


def _finite(source: str, mark: re.Match[str]) -> float:
    weight = float(mark["weight"])
    if not isfinite(weight):
        raise PromptError(
            f"the weight {shown(mark['weight'], 30)} is beyond the largest number",
            code="weight-not-finite",
            cure="write one like 2 or 0.5",
            source=source,
            span=Span(*mark.span("weight")),
        )
    return weight


def _check_sum(nodes: list[Node], source: str) -> None:
    """Refuse parts that weigh nothing together; a text behind the last mark weighs 1."""
    marks = [node for node in nodes if isinstance(node, Part)]
    words = [node for node in nodes if isinstance(node, Text | Part)]
    total = sum(mark.weight for mark in marks) + bool(words and isinstance(words[-1], Text))
    if words and not (isfinite(total) and total > 0):
        least = min(marks, key=lambda mark: mark.weight)
        raise PromptError(
            f"the weights of the parts add up to {total:g}",
            code="parts-sum-not-positive",
            cure="give what is wanted more weight than what is not: their sum must be above 0",
            source=source,
            span=least.span,
        )


def _pairs(source: str) -> list[tuple[int, int]]:
    """Return the places of the braces that have a partner, outer pairs after what they hold."""
    opened: list[int] = []
    pairs: list[tuple[int, int]] = []
    for mark in _MARK.finditer(source):
        if mark["brace"] == "{":
            opened.append(mark.start())
        elif mark["brace"] and opened:
            pairs.append((opened.pop(), mark.start()))
    return pairs


def _outermost(source: str) -> list[tuple[int, int]]:
    """Return where the pairs of braces that stand in no other begin and end."""
    found: list[tuple[int, int]] = []
    for start, stop in _pairs(source):
        while found and found[-1][0] > start:
            found.pop()
        found.append((start, stop + 1))
    return found


def _trimmed(source: str, start: int, stop: int) -> Span:
    """Return where the text between two places stands, without the spaces around it."""
    text = source[start:stop]
    left = len(text) - len(text.lstrip())
    return Span(start + left, max(start + left, stop - (len(text) - len(text.rstrip()))))
