r"""SD.Next's prompt language to the tree, for import: its own parser and its copy of A1111's.

Source of the rules: vladmandic/sdnext, ``parse_prompt_attention``.  The grammar is A1111's (see
a1111.py) with these differences::

    weight  = ":", number, ")" ;             (* no spaces; closes "(", else it is text *)
    break   = "BREAK" as a word | "##" ;
    escape  = "\", [ "\" | "(" | ")" | "[" | "]" | ":" ] ;     (* "\:" in mode native alone *)

* Every multiplication rounds to three decimals: ``[x]`` is 0.909, ``[[x]]`` 0.826.
* A number that is none (``(a:1.2.3)``) closes the bracket and weighs nothing.
* An escaped character belongs to the text before it, weight and all, unless a space stands there.
* Mode ``native``: each piece loses what stands before its first letter or digit and runs of
  spaces; a lone ``:`` vanishes; pieces of equal weight join with a space where the first ends in a
  letter or digit.  ``a, (b), c`` is "a," 1, "b" 1.1, "c" 1.
* Mode ``a1111``: texts stay as they are.

Four things differ on purpose: BREAK in a group is a break, as everywhere here; two breaks in a row
stay two, where SD.Next joins them to the words "BREAK BREAK"; an escaped character right behind a
break is text, where SD.Next makes the word "BREAK(" of both; and an empty piece joins like any
other, where SD.Next crashes.
"""

import re
from dataclasses import dataclass, field
from itertools import pairwise
from math import isfinite
from typing import Final, Literal, TypeAlias

from negprompt.errors import PromptError, Span, shown
from negprompt.language.tree import Break, Close, Node, Open, Prompt, Text

Mode: TypeAlias = Literal["native", "a1111"]

DEEPEST: Final = 50  # brackets around one text: each costs a multiplication that rounds

_TOKEN: Final = {
    mode: re.compile(
        rf"""
          \\(?P<escaped>{escaped}?)
        | (?P<open>[(\[])
        | :(?P<weight>[+-]?[.\d]++)\)
        | (?P<close>[)\]])
        | (?P<plain>[^\\()\[\]:]++)
        | (?P<colon>:)
        """,
        re.VERBOSE,
    )
    for mode, escaped in {"native": r"[\\()\[\]:]", "a1111": r"[\\()\[\]]"}.items()
}
_BREAK: Final = re.compile(r"\bBREAK\b|\#\#")
_UNCLEAN: Final = re.compile(r"\W++")
_WORD: Final = re.compile(r"\S++")
_PARTNER: Final = {"(": "(", ")": "(", "[": "[", "]": "["}
_FACTOR: Final = {"(": 1.1, "[": 1 / 1.1}


def read(source: str, mode: Mode = "native") -> Prompt:
    """Return the tree of an SD.Next prompt, in time linear in its length.

    Each run of one weight is a Text, between a pair of brackets that carries the rounded weight
    where that is not 1.  Raises PromptError ``nesting-too-deep`` beyond DEEPEST open brackets and
    ``weight-not-finite`` where weights multiply beyond the largest number.
    """
    return Prompt(nodes(source, mode), source, "sdnext")


def nodes(source: str, mode: Mode = "native") -> tuple[Node, ...]:
    """Return the nodes of the tree, not weighed. Raises PromptError as ``read`` does of depth."""
    return _read(source, mode).nodes()


def _read(source: str, mode: Mode) -> "_Reader":
    reader = _Reader(source, mode)
    for token in _TOKEN[mode].finditer(source):
        reader.take(token)
    reader.close()
    return reader


def malformed(source: str) -> list[Span]:
    """Return the places of weights that look like a number and are none; SD.Next ignores them."""
    return [
        Span(*token.span("weight"))
        for token in _TOKEN["native"].finditer(source)
        if token["weight"] is not None and _number(token["weight"]) is None
    ]


def unclosed(source: str) -> list[Span]:
    """Return the places of the brackets that never close and so act to the end."""
    opened: dict[str, list[Span]] = {"(": [], "[": []}
    for token in _TOKEN["native"].finditer(source):
        if token["open"]:
            opened[token[0]].append(Span(token.start(), token.end()))
        elif (token["close"] or token["weight"]) and opened[_PARTNER[token[0][-1]]]:
            opened[_PARTNER[token[0][-1]]].pop()
    return sorted([*opened["("], *opened["["]], key=lambda span: span.start)


def unseen_breaks(source: str) -> list[Span]:
    """Return the breaks that SD.Next takes for words: see what differs on purpose, above."""
    return [
        Span(piece.start, piece.start + (2 if source[piece.start] == "#" else 5))
        for piece in _read(source, "native").pieces
        if piece.is_unseen
    ]


def failing(source: str) -> list[Span]:
    """Return the places where SD.Next joins a text to an empty one, and stops at an IndexError."""
    return [
        Span(run[0].start, run[1].start)
        for run in _read(source, "native").runs()
        if len(run) > 1 and not run[0].last
    ]


@dataclass(slots=True)
class _Piece:
    """Text chunks with their places in the source, and the weight so far; a break has no chunks."""

    start: int
    weight: float = 1.0
    chunks: list[tuple[str, int]] = field(default_factory=list)
    is_break: bool = False
    is_unseen: bool = False
    """Whether it is a break that SD.Next itself no longer knows for one."""

    @property
    def last(self) -> str:
        """The last character, "" where there is none."""
        return next((text[-1] for text, _ in reversed(self.chunks) if text), "")


class _Reader:
    """The pieces read so far, and where the brackets that are still open began."""

    def __init__(self, source: str, mode: Mode) -> None:
        self.source = source
        self.native = mode == "native"
        self.pieces: list[_Piece] = []
        self.opened: dict[str, list[int]] = {"(": [], "[": []}

    def take(self, token: re.Match[str]) -> None:
        kind, start = token.lastgroup, token.start()
        if kind == "escaped":
            self._escape(token["escaped"], start)
        elif kind == "open":
            self._open(token[0], start)
        elif kind == "plain":
            self._plain(token[0], start)
        elif kind == "colon":
            self._piece([] if self.native else [(":", start)], start)
        elif not self.opened[_PARTNER[token[0][-1]]]:
            self._plain(token[0], start)
        else:
            factor = _FACTOR[_PARTNER[token[0][-1]]]
            number = token["weight"]
            if number is not None:
                factor = 1.0 if (read := _number(number)) is None else read
            self._multiply(self.opened[_PARTNER[token[0][-1]]].pop(), factor)

    def close(self) -> None:
        """Let the brackets that are still open act to the end."""
        for bracket, opened in self.opened.items():
            for start in opened:
                self._multiply(start, _FACTOR[bracket])

    def nodes(self) -> tuple[Node, ...]:
        runs = self.runs()
        starts = [0, *(run[0].start for run in runs[1:]), len(self.source)]
        nodes: list[Node] = []
        for run, (start, stop) in zip(runs, pairwise(starts), strict=False):
            nodes += self._nodes(run, Span(start, stop))
        return tuple(nodes)

    def _open(self, bracket: str, start: int) -> None:
        if sum(map(len, self.opened.values())) >= DEEPEST:
            raise PromptError(
                f"more than {DEEPEST} brackets are open at {start}",
                code="nesting-too-deep",
                cure=r"close some before, or write \( for a bracket that is meant as text",
                source=self.source,
                span=Span(start, start + 1),
            )
        self.opened[bracket].append(len(self.pieces))

    def _multiply(self, first: int, factor: float) -> None:
        for piece in self.pieces[first:]:
            if not piece.is_break:
                piece.weight = round(piece.weight * factor, 3)

    def _escape(self, text: str, start: int) -> None:
        chunks = [(text, start + 1)]
        last = self.pieces[-1] if self.pieces else None
        before = self.source[start - 1]
        spaced = before == " " or (self.native and before == "\n")
        if last is None or spaced:
            self.pieces.append(_Piece(start, chunks=chunks))
        elif not last.is_break:
            last.chunks += chunks
        elif text:
            last.is_unseen = True
            self.pieces.append(_Piece(start, chunks=chunks))

    def _plain(self, text: str, base: int) -> None:
        done = 0
        for mark in _BREAK.finditer(text):
            self._text(text[done : mark.start()], base + done, before=mark[0] == "BREAK")
            unseen = any(self.opened.values()) or bool(self.pieces and self.pieces[-1].is_break)
            self.pieces.append(_Piece(base + mark.start(), is_break=True, is_unseen=unseen))
            done = mark.end()
            if mark[0] == "##":
                done += len(text) - done - len(text[done:].lstrip())
        self._text(text[done:], base + done)

    def _text(self, text: str, base: int, *, before: bool = False) -> None:
        """Add a piece of plain text; one ``before`` the word BREAK loses the spaces at its end."""
        if not self.native:
            self._piece([(text.rstrip() if before else text, base)], base)
            return
        unclean = _UNCLEAN.match(text)
        chunks: list[tuple[str, int]] = []
        for word in _WORD.finditer(text, unclean.end() if unclean else 0):
            if chunks:
                chunks.append((" ", chunks[-1][1] + len(chunks[-1][0])))
            chunks.append((word[0], base + word.start()))
        self._piece(chunks, base)

    def _piece(self, chunks: list[tuple[str, int]], start: int) -> None:
        if chunks:
            self.pieces.append(_Piece(start, chunks=chunks))

    def runs(self) -> list[list[_Piece]]:
        """Return the pieces in runs of equal weight, breaks by themselves."""
        runs: list[list[_Piece]] = []
        for piece in self.pieces:
            before = runs[-1][-1] if runs else None
            if before is None or before.is_break or piece.is_break or before.weight != piece.weight:
                runs.append([piece])
            else:
                runs[-1].append(piece)
        return runs

    def _nodes(self, run: list[_Piece], span: Span) -> list[Node]:
        weight = run[0].weight
        if run[0].is_break:
            return [Break(span)]
        text = self._joined(run, span)
        if not isfinite(weight):
            raise PromptError(
                f"the weights around {shown(text.text, 30)} multiply beyond the largest number",
                code="weight-not-finite",
                cure="use fewer brackets around it or smaller weights",
                source=self.source,
                span=span,
            )
        if weight == 1:
            return [text]
        before, behind = Span(span.start, span.start), Span(span.stop, span.stop)
        return [Open("(", before), text, Close("(", weight, behind)]

    def _joined(self, run: list[_Piece], span: Span) -> Text:
        texts: list[str] = []
        anchors: list[tuple[int, int]] = []
        length, last = 0, ""
        for piece in run:
            if self.native and last.isalnum():
                anchors.append((length, anchors[-1][1] + length - anchors[-1][0]))
                texts.append(" ")
                length, last = length + 1, " "
            for text, place in piece.chunks:
                if not anchors or place - length != anchors[-1][1] - anchors[-1][0]:
                    anchors.append((length, place))
                texts.append(text)
                length += len(text)
            last = piece.last or last
        return Text("".join(texts), span, tuple(anchors))


def _number(digits: str) -> float | None:
    try:
        return float(digits)
    except ValueError:
        return None
