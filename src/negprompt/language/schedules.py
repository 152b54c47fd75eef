r"""A1111's prompt schedules: ``[a:b:when]``, ``[a|b]`` → the text of each step.

Source of the rules: AUTOMATIC1111/stable-diffusion-webui 1.10, ``prompt_parser``, whose ambiguous
grammar comes to this::

    prompt    = { group | plain } ;                          (* any bracket may also be just text *)
    group     = "(", prompt, [ ":", prompt ], ")" | "[", prompt, "]" | schedule | alternate ;
    schedule  = "[", [ prompt, ":" ], prompt, ":", { space }, number, { space }, "]" ;
    alternate = "[", prompt, "|", prompt, { "|", prompt }, "]" ;
    plain     = { ? any character but \ [ ] ( ) : | ? | "\", ? any character but a line break ? } ;
    number    = [ "+" | "-" ], ? decimal digits, with "." and exponent or without ? ;

A group is one only if all brackets inside it are; what is none stays text.  ``|`` has a meaning in
an alternation only: anywhere else, as with a lone ``\`` at the end, A1111's grammar does not match
and the whole prompt is without schedule.  One pass here, no recursion.

``when`` with a "." is a fraction of the steps, else a number of steps; the first text acts while
step ≤ when.  An alternation takes its texts in turn, one a step.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from math import isfinite
from typing import Final, NamedTuple

from negprompt.errors import PromptError, RequestError, Span, shown
from negprompt.language.excerpt import Excerpt, join
from negprompt.language.nodes import DEEPEST, Begin, End, Kind, Node, Part, Text

_TOKEN: Final = re.compile(r"(?:[^\\\[\]():|]|\\.)++|[\[\]():|]")
_WHEN: Final = re.compile(
    r"\s*+([+-]?(?:[0-9]++\.[0-9]*+|\.[0-9]++|[0-9]++)(?:[eE][+-]?[0-9]++)?+)\s*+"
)
_PARTNER: Final = {")": "(", "]": "["}


class Stretch(NamedTuple):
    """``text`` acts up to and including step ``last``, counted from 1."""

    last: int
    text: str


@dataclass(slots=True)
class _Group:
    """A bracket that is open: where, and what stood in it so far, groups inside left out."""

    bracket: str
    start: int
    colons: list[int] = field(default_factory=list)
    bars: list[int] = field(default_factory=list)
    plain: Span | None = None  # after the latest colon, if nothing else stands there


class _NoScheduleError(Exception):
    """The text is outside A1111's grammar."""


def schedule(
    text: str, steps: int, *, hires_steps: int | None = None, old: bool = False
) -> tuple[Stretch, ...]:
    """Return what text acts until when, in order; a text may come twice in a row.

    ``steps`` are those of the first pass.  With ``hires_steps`` it is the schedule of the second
    pass: there fractions run from 1.0 to 2.0 and steps count on from the first pass.  ``old`` is
    the rule before A1111 1.6: a number below 1 is a fraction, and the second pass repeats the
    first.  Raises RequestError ``value-out-of-range`` for fewer than one step, PromptError as
    ``read`` does and ``weight-not-finite`` for a step that no float holds.
    """
    return tuple(
        Stretch(last, excerpt.text)
        for last, excerpt in scheduled(Excerpt.of(text), steps, hires_steps=hires_steps, old=old)
    )


def scheduled(
    excerpt: Excerpt, steps: int, *, hires_steps: int | None = None, old: bool = False
) -> tuple[tuple[int, Excerpt], ...]:
    """Return ``schedule`` of an excerpt, the texts with their places in its source."""
    for value in (steps, *(() if hires_steps is None else (hires_steps,))):
        if value < 1:
            raise RequestError(
                f"a schedule over {value} steps",
                code="value-out-of-range",
                cure="choose a number of steps from 1 on",
            )
    second = hires_steps is not None and not old
    total = steps if hires_steps is None or old else hires_steps
    nodes = read(excerpt.text)
    choices = _choices(nodes)
    whens: dict[int, int] = {}
    lasts = {total}
    for begin, choice in choices.items():
        if choice.end.options:
            whens[begin] = min(
                total, _when(choice.end, total, steps if second else 0, excerpt, old=old)
            )
            lasts |= {whens[begin]} if whens[begin] >= 1 else set()
        else:
            lasts.update(range(1, total + 1))

    @cache  # alternations come back to the same text
    def text(*spans: tuple[int, int]) -> Excerpt:
        return join((excerpt.cut(*span) for span in spans), excerpt.source)

    return tuple((last, text(*_at(nodes, choices, whens, last))) for last in sorted(lasts))


def read(text: str) -> tuple[Node, ...]:
    """Return texts as they are written, with Begin, Part and End around the choices in them.

    Time is linear.  Raises PromptError ``nesting-too-deep`` where more than ``DEEPEST`` choices
    stand in each other.
    """
    try:
        marks = _marks(text)
    except _NoScheduleError:
        marks = {}
    nodes: list[Node] = []
    done = depth = 0
    for start in sorted(marks):
        mark = marks[start]
        depth += isinstance(mark, Begin) - isinstance(mark, End)
        if depth > DEEPEST:
            raise PromptError(
                f"more than {DEEPEST} prompt schedules stand in each other",
                code="nesting-too-deep",
                cure="nest them less deep",
                source=text,
                span=mark.span,
            )
        nodes += [Text(text[done:start], Span(done, start))] if done < start else []
        nodes.append(mark)
        done = mark.span.stop
    if done < len(text):
        nodes.append(Text(text[done:], Span(done, len(text))))
    return tuple(nodes)


def is_off(text: str) -> bool:
    """Whether the text is outside A1111's grammar, so that no schedule of it acts."""
    try:
        _marks(text)
    except _NoScheduleError:
        return True
    return False


class _Marker:
    """The marks of the choices found so far, by where they start; the groups that are open."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.marks: dict[int, Begin | Part | End] = {}
        self.opened: list[_Group] = []

    def take(self, token: re.Match[str]) -> None:
        start, mark = token.start(), token[0]
        group = self.opened[-1] if self.opened else None
        if mark in ("(", "["):
            self.opened.append(_Group(mark, start))
        elif mark == "|":
            if group is None or group.bracket == "(":
                raise _NoScheduleError
            group.bars.append(start)
        elif mark in (")", "]"):
            if group is not None and group.bracket == _PARTNER[mark]:
                self._close(group, start)
            else:
                self.give_up()
        elif group is not None:
            self._within(group, token)

    def give_up(self) -> None:
        """Give up all groups that are open: a bracket that is just text stands in each of them."""
        if any(group.bars for group in self.opened):
            raise _NoScheduleError
        self.opened.clear()

    def _within(self, group: _Group, token: re.Match[str]) -> None:
        if token[0] == ":":
            group.colons.append(token.start())
            group.plain = None
        elif group.plain is None:
            group.plain = Span(token.start(), token.end())

    def _close(self, group: _Group, stop: int) -> None:
        """Close the innermost group at ``stop``, and mark it if it is a choice."""
        number = _number(group, stop, self.text)
        if group.bars and not group.colons:
            self._mark(group, "alternate", group.bars)
            self.marks[stop] = End((), Span(stop, stop + 1))
        elif group.bars:
            raise _NoScheduleError
        elif number is not None:
            self._mark(group, "schedule", group.colons[:-1])
            self.marks[group.colons[-1]] = End((number,), Span(group.colons[-1], stop + 1))
        elif len(group.colons) > (group.bracket == "("):
            self.give_up()
            return
        self.opened.pop()
        if self.opened:
            self.opened[-1].plain = Span(stop, stop)  # no number

    def _mark(self, group: _Group, kind: Kind, parts: list[int]) -> None:
        self.marks[group.start] = Begin(kind, Span(group.start, group.start + 1))
        for part in parts:
            self.marks[part] = Part(1.0, Span(part, part + 1))


def _marks(text: str) -> dict[int, Begin | Part | End]:
    """Return the marks of all choices by where they start."""
    marker = _Marker(text)
    done = 0
    for token in _TOKEN.finditer(text):
        if token.start() != done:  # a backslash that escapes nothing
            raise _NoScheduleError
        done = token.end()
        marker.take(token)
    if done != len(text):
        raise _NoScheduleError
    marker.give_up()
    return marker.marks


def _number(group: _Group, stop: int, text: str) -> str | None:
    """Return the number that ends a schedule, or None where the group is none."""
    if group.bracket == "(" or len(group.colons) not in (1, 2):
        return None
    if group.plain is None or group.plain.stop != stop:
        return None
    written = _WHEN.fullmatch(text, group.plain.start, stop)
    return None if written is None else written[1]


class _Choice(NamedTuple):
    """How many parts stand between a Begin and its End."""

    parts: int
    end: End


def _choices(nodes: tuple[Node, ...]) -> dict[int, _Choice]:
    """Return the choices by the index of their Begin."""
    found: dict[int, _Choice] = {}
    opened: list[tuple[int, int]] = []
    for index, node in enumerate(nodes):
        if isinstance(node, Begin):
            opened.append((index, 1))
        elif isinstance(node, Part):
            opened[-1] = (opened[-1][0], opened[-1][1] + 1)
        elif isinstance(node, End):
            begin, parts = opened.pop()
            found[begin] = _Choice(parts, node)
    return found


def _when(end: End, total: int, before: int, excerpt: Excerpt, *, old: bool) -> int:
    """Return the last step of the first text, which may lie outside the run."""
    value = float(end.options[0])
    if not isfinite(value) or not isfinite(value * total):
        raise PromptError(
            f"the step {shown(end.options[0], 30)} is beyond the largest number",
            code="weight-not-finite",
            cure="write a fraction of the steps such as 0.5, or a number of steps",
            source=excerpt.source,
            span=excerpt.span(end.span),
        )
    if old:
        return int(value * total if value < 1 else value)
    if "." in end.options[0]:
        return int((value - (1 if before else 0)) * total)
    return int(value - before)


def _at(
    nodes: tuple[Node, ...], choices: dict[int, _Choice], whens: dict[int, int], step: int
) -> Iterator[tuple[int, int]]:
    """Yield where the texts that act at ``step`` start and stop."""
    opened: list[tuple[int, int]] = []  # the part that acts, the part we are in
    silent = 0  # how many of them are in a part that does not act
    for index, node in enumerate(nodes):
        if isinstance(node, Text):
            if not silent:
                yield node.span.start, node.span.stop
            continue
        if isinstance(node, Begin):
            choice = choices[index]
            if node.kind == "alternate":
                acting = (step - 1) % choice.parts
            elif choice.parts == 1:
                acting = -1 if step <= whens[index] else 0
            else:
                acting = 0 if step <= whens[index] else 1
            opened.append((acting, 0))
        else:
            acting, part = opened.pop()
            silent -= acting != part
            if isinstance(node, End):
                continue
            opened.append((acting, part + 1))
        silent += opened[-1][0] != opened[-1][1]
