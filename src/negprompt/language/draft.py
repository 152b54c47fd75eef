"""A prompt of any dialect → what it says, however spelled: the middle of a translation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final, NamedTuple, TypeAlias

from negprompt.errors import Span, shown
from negprompt.language.excerpt import Excerpt, read_emphasis
from negprompt.language.nodes import (
    Begin,
    Break,
    Comment,
    Embedding,
    End,
    Network,
    Part,
    Text,
)
from negprompt.language.printer import to_text
from negprompt.language.schedules import read as read_schedules
from negprompt.language.schedules import scheduled
from negprompt.language.stages import comments, split_parts, take_networks, without_comments
from negprompt.language.tree import Prompt, Weighed

STEPS: Final = 20
"""Steps over which a schedule is laid out to see which of its texts acts longest."""


class Loss(NamedTuple):
    """Something that could not be carried over: where it stands, and why."""

    span: Span
    reason: str


@dataclass(frozen=True, slots=True)
class Said:
    """Words, their effective weight, and where they stand."""

    text: str
    weight: float
    span: Span


Item: TypeAlias = Said | Break


@dataclass(frozen=True, slots=True)
class Strand:
    """One part of a prompt and its weight; ``span`` is where it stands."""

    items: tuple[Item, ...]
    weight: float
    span: Span


@dataclass(slots=True)
class Draft:
    """What a prompt says, and what of it no other dialect can say.

    ``composed``: its parts share out guidance, as A1111's AND does; else their embeddings stand
    one behind the other, as compel's do.
    """

    strands: list[Strand] = field(default_factory=list)
    networks: list[Network] = field(default_factory=list)
    lost: list[Loss] = field(default_factory=list)
    composed: bool = True


def draft(prompt: Prompt, *, negative: bool) -> Draft:
    """Return what a prompt says; ``negative`` matters to A1111, which splits only the positive."""
    if prompt.dialect == "a1111":
        return _staged(prompt.source or to_text(prompt), negative=negative)
    if prompt.dialect == "sdnext" and prompt.source:
        return _staged_by_sdnext(prompt.source, negative=negative)
    found = Draft(composed=prompt.dialect != "compel")
    gathered: list[Weighed] = []
    depth = 0
    for item in prompt.weighed():
        depth += isinstance(item.node, Begin) - isinstance(item.node, End)
        if isinstance(item.node, Part) and depth == 0:
            found.strands.append(_strand(gathered, item.node.weight, prompt, found))
            gathered = []
        else:
            gathered.append(item)
    if gathered or not found.strands:
        found.strands.append(_strand(gathered, 1.0, prompt, found))
    for node in prompt.nodes:
        if isinstance(node, Network):
            found.networks.append(node)
        elif isinstance(node, Comment) and is_lost(node, prompt.source):
            found.lost.append(Loss(node.span, "this is not read, and was left out"))
    if prompt.dialect == "midjourney":  # there weights count relative to their sum
        total = sum(strand.weight for strand in found.strands)
        found.strands = [replace(s, weight=s.weight / total) for s in found.strands]
    return found


def is_lost(comment: Comment, source: str) -> bool:
    """Whether more is lost than space, or a mark that the part behind it has the weight of."""
    return source[comment.span.start : comment.span.stop].strip() not in ("", "--no", "—no")


def _staged(source: str, *, negative: bool) -> Draft:
    """Read A1111's stages; of a schedule keep the text that acts longest."""
    found = Draft()
    whole = Excerpt.of(source)
    excerpt = without_comments(whole)
    for span in comments(source):
        found.lost.append(Loss(span, "comments are A1111's; it was left out"))
    weighted: Sequence[tuple[Excerpt, float]] = [(excerpt, 1.0)]
    if not negative:
        excerpt, networks = take_networks(excerpt)
        found.networks += networks
        weighted = split_parts(excerpt)
    for part, weight in weighted:
        found.lost += _choices(part, "A1111")
        items = _items(read_emphasis(_longest(part)))
        found.strands.append(Strand(tuple(items), weight, part.span(Span(0, len(part.text)))))
    return found


def _staged_by_sdnext(source: str, *, negative: bool) -> Draft:
    """Read SD.Next's stages: networks, schedules, emphasis; its pieces are words apart."""
    found = Draft()
    part = Excerpt.of(source)
    if not negative:
        part, networks = take_networks(part)
        found.networks += networks
    found.lost += _choices(part, "SD.Next")
    items: list[Item] = []
    for item in _items(read_emphasis(_longest(part), "sdnext")):
        if isinstance(item, Said) and items and isinstance(items[-1], Said):
            items.append(Said(" ", 1.0, Span(item.span.start, item.span.start)))
        items.append(item)
    found.strands.append(Strand(tuple(items), 1.0, Span(0, len(source))))
    return found


def _longest(part: Excerpt) -> Excerpt:
    """Return what acts longest of a text with schedules."""
    stretches = scheduled(part, STEPS)
    lengths = [last - before for before, last in pairwise([0, *(s[0] for s in stretches)])]
    return stretches[lengths.index(max(lengths))][1]


def _items(prompt: Prompt) -> list[Item]:
    return [
        Break(s.span) if s.is_break else Said(s.text, s.weight, s.span) for s in prompt.segments()
    ]


def _choices(part: Excerpt, tool: str) -> Iterator[Loss]:
    """Yield a loss for each outermost schedule or alternation, which are those of a tool."""
    depth = start = 0
    kind = ""
    for node in read_schedules(part.text):
        if isinstance(node, Begin):
            if depth == 0:
                start, kind = node.span.start, node.kind
            depth += 1
        elif isinstance(node, End):
            depth -= 1
            if depth == 0:
                yield Loss(
                    part.span(Span(start, node.span.stop)),
                    f"a schedule is {tool}'s; the text that acts longest was kept"
                    if kind == "schedule"
                    else f"an alternation is {tool}'s; the first text was kept",
                )


def _strand(items: list[Weighed], weight: float, prompt: Prompt, found: Draft) -> Strand:
    said: list[Item] = []
    for item in _without_marks(items, found):
        if isinstance(item, Said) and said and prompt.glue:
            said.append(Said(prompt.glue, 1.0, Span(item.span.start, item.span.start)))
        said.append(item)
    spans = [item.span for item in said] or [Span(0, len(prompt.source))]
    return Strand(tuple(said), weight, Span(spans[0].start, spans[-1].stop))


def _without_marks(items: list[Weighed], found: Draft) -> Iterator[Item]:
    """Yield words and breaks; of a swap the words that are swapped out, of a blend all parts."""
    opened: list[Begin] = []
    shares = _shares(items)
    part = 0
    for node, weight in items:
        if isinstance(node, Begin):
            opened.append(node)
            part = 0
        elif isinstance(node, Part):
            part += 1
        elif isinstance(node, End):
            begin = opened.pop()
            span = Span(begin.span.start, node.span.stop)
            found.lost.append(Loss(span, _LOST_CALLS[begin.kind]))
        elif isinstance(node, Break):
            yield Break(node.span)
        elif not opened:
            yield _said(node, weight, found)
        elif opened[-1].kind == "blend":
            yield _said(node, weight * shares[part], found)
        elif part == 0:
            yield _said(node, weight, found)


def _said(node: Text | Embedding, weight: float, found: Draft) -> Said:
    if isinstance(node, Text):
        return Said(node.text, weight, node.span)
    reason = f"only ComfyUI calls embeddings so; {shown(node.name, 30)} stands as a bare name"
    found.lost.append(Loss(node.span, reason))
    return Said(node.name, weight, node.span)


_LOST_CALLS: Final = {
    "swap": "only compel swaps words in cross-attention; the original words were kept",
    "blend": "only compel blends embeddings; the parts stand side by side, weighted",
}


def _shares(items: list[Weighed]) -> list[float]:
    """Return the weights of the parts of a blend, relative to their mean."""
    weights = [item.node.weight for item in items if isinstance(item.node, Part)]
    mean = sum(weights) / len(weights) if weights else 1.0
    return [weight / mean if mean else weight for weight in weights]
