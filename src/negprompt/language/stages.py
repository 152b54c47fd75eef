r"""What A1111 does to a prompt before it reads emphasis, in its order.

Source of the rules: AUTOMATIC1111/stable-diffusion-webui 1.10::

    comments   a line that starts with "#", and "#" to the end of any line      both prompts
    networks   <name:argument:…>                                                positive only
    parts      split at the word AND; "text : weight", even without an AND      positive only
    schedules  [a:b:when], [a|b]                                                both prompts
    emphasis   (a:1.2), [a], BREAK                                              both prompts

Each stage rewrites the text; spans of the result point into what was typed all the same.
"""

import re
from dataclasses import dataclass
from functools import cache, partial
from math import isfinite
from typing import Final, NamedTuple

from negprompt.errors import PromptError, Span, shown
from negprompt.language.characters import check_characters
from negprompt.language.excerpt import Excerpt, read_emphasis
from negprompt.language.nodes import Begin, End, Kind, Network
from negprompt.language.schedules import read as read_schedules
from negprompt.language.schedules import scheduled
from negprompt.language.tree import Prompt

_COMMENT_LINE: Final = re.compile(r"(?:\A|\n)#[^\n]*+(?:\n|\Z)")
_COMMENT: Final = re.compile(r"#[^\n]*+(?:\n|\Z)")
_COMMENT_TEXT: Final = re.compile(r"#[^\n]*+")
_NETWORK: Final = re.compile(r"<(\w++):([^>]++)>")
_AND: Final = re.compile(r"\bAND\b")
_WEIGHT: Final = re.compile(r"\s*+([-+]?(?:\d+\.?|\d*\.\d+))")


class Called(NamedTuple):
    """A prompt without its extra networks, and the networks in order."""

    text: str
    networks: tuple[Network, ...]


class WeightedText(NamedTuple):
    """A text, and how strongly guidance follows it."""

    text: str
    weight: float


class Acting(NamedTuple):
    """A prompt that acts up to and including step ``last``."""

    last: int
    prompt: Prompt


class Choice(NamedTuple):
    """A choice or mixture of parts: the numbers it ends with, as written; weights of its parts."""

    kind: Kind
    options: tuple[str, ...]
    weights: tuple[float, ...]
    span: Span


class StagedPart(NamedTuple):
    """One part of a prompt: its weight, what it says until when, and where it says so."""

    weight: float
    stretches: tuple[Acting, ...]
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True)
class Staged:
    """All that A1111 reads from one prompt: weighted parts, each with its schedule; networks."""

    parts: tuple[StagedPart, ...]
    networks: tuple[Network, ...]


def staged(
    text: str, steps: int, *, negative: bool = False, hires_steps: int | None = None
) -> Staged:
    """Return what acts at which step.

    In the ``negative`` prompt networks stay text and AND is a word.  Spans point into ``text``.
    Raises PromptError as ``parts``, ``schedule`` and ``parse`` do, RequestError
    ``value-out-of-range`` for fewer than one step.
    """
    check_characters(text)
    excerpt = without_comments(Excerpt.of(text))
    networks: tuple[Network, ...] = ()
    if negative:
        weighted: tuple[tuple[Excerpt, float], ...] = ((excerpt, 1.0),)
    else:
        excerpt, networks = take_networks(excerpt)
        weighted = split_parts(excerpt)
    return Staged(
        tuple(
            StagedPart(weight, acting(part, steps, hires_steps=hires_steps), choices_in(part))
            for part, weight in weighted
        ),
        networks,
    )


def acting(
    part: Excerpt,
    steps: int,
    *,
    hires_steps: int | None = None,
    dialect: str = "a1111",
) -> tuple[Acting, ...]:
    """Return what a part says until when; a text that comes again is not read again."""
    reading = cache(partial(read_emphasis, dialect=dialect))
    pieces = scheduled(part, steps, hires_steps=hires_steps)
    return tuple(Acting(last, reading(piece)) for last, piece in pieces)


def uncommented(text: str) -> str:
    """Return the text without comments, a line break in the place of each."""
    return without_comments(Excerpt.of(text)).text


def comments(text: str) -> tuple[Span, ...]:
    """Return the places of the comments, without the line breaks behind them."""
    return tuple(Span(*match.span()) for match in _COMMENT_TEXT.finditer(text))


def networks(text: str) -> Called:
    """Return the text without ``<name:argument:…>``, and the networks called, in order.

    A name alone, or no argument at all, is no call and stays text.
    """
    excerpt, found = take_networks(Excerpt.of(text))
    return Called(excerpt.text, found)


def parts(text: str) -> tuple[WeightedText, ...]:
    """Return the parts of a positive prompt, split at AND, each with its weight; never empty.

    A part keeps the spaces before it and loses those behind it.  Its weight, 1 where none is
    written, multiplies its share of the guidance: ``denoised = u + sum(w_i (c_i - u)) scale``.  It
    is read even where there is no AND, so ``ratio 16:9`` is "ratio 16" with nine times the
    guidance.  Raises PromptError ``weight-not-finite``.
    """
    return tuple(WeightedText(part.text, weight) for part, weight in split_parts(Excerpt.of(text)))


def without_comments(excerpt: Excerpt) -> Excerpt:
    return excerpt.sub(_COMMENT_LINE, "\n").sub(_COMMENT, "\n")


def take_networks(excerpt: Excerpt) -> tuple[Excerpt, tuple[Network, ...]]:
    last = excerpt.text.rfind(">") + 1  # behind it no call can end, and looking would take long
    calls = list(_NETWORK.finditer(excerpt.text, 0, last))
    found = tuple(
        Network(call[1], tuple(call[2].split(":")), excerpt.span(Span(call.start(), call.end())))
        for call in calls
    )
    return excerpt.without([Span(call.start(), call.end()) for call in calls]), found


def choices_in(excerpt: Excerpt) -> tuple[Choice, ...]:
    """Return the schedules and alternations of a part, inner ones before those around them."""
    found: list[Choice] = []
    opened: list[Begin] = []
    for node in read_schedules(excerpt.text):
        if isinstance(node, Begin):
            opened.append(node)
        elif isinstance(node, End):
            begin = opened.pop()
            span = excerpt.span(Span(begin.span.start, node.span.stop))
            found.append(Choice(begin.kind, node.options, (), span))
    return tuple(found)


def split_parts(excerpt: Excerpt) -> tuple[tuple[Excerpt, float], ...]:
    found = []
    start = 0
    for word in _AND.finditer(excerpt.text):
        found.append(_part(excerpt, start, word.start()))
        start = word.end()
    return (*found, _part(excerpt, start, len(excerpt.text)))


def _part(excerpt: Excerpt, start: int, stop: int) -> tuple[Excerpt, float]:
    """Return one part without its weight, and the weight."""
    text = excerpt.text[start:stop].rstrip()
    head, colon, tail = text.rpartition(":")
    written = _WEIGHT.fullmatch(tail) if colon else None
    if written is None:
        return excerpt.cut(start, start + len(text)), 1.0
    weight = float(written[1])
    if not isfinite(weight):
        begin = start + len(head) + 1 + written.start(1)
        raise PromptError(
            f"the weight {shown(written[1], 30)} is beyond the largest number",
            code="weight-not-finite",
            cure="write one like 1.2",
            source=excerpt.source,
            span=excerpt.span(Span(begin, start + len(text))),
        )
    return excerpt.cut(start, start + len(head.rstrip())), weight
