"""A prompt of any dialect → what acts at which step: weighted parts, each with its schedule.

In A1111's language that is ``staged``, but for a negative, in which AND divides here. SD.Next has
A1111's schedules and networks, and no AND. Midjourney's ``::`` and ``--no`` divide, too. The other
dialects have one part that acts throughout; compel's ``.and()`` and ``.blend()`` join embeddings,
and stay inside it.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from negprompt.errors import PromptError, Span
from negprompt.language.detect import Side
from negprompt.language.dialects import parse
from negprompt.language.excerpt import Excerpt
from negprompt.language.nodes import Comment, Network, Node, Part
from negprompt.language.stages import (
    Acting,
    Staged,
    StagedPart,
    acting,
    choices_in,
    split_parts,
    staged,
    take_networks,
    without_comments,
)
from negprompt.language.tree import Prompt

SCHEDULING: Final = ("a1111", "sdnext")
"""Dialects whose texts may change between steps."""
MOST_PARTS: Final = 64
"""Parts of one prompt: each is a pass of the model at every step."""
MOST_CHANGES: Final = 20_000
"""Choices of one part times texts that it becomes over the run: reading them takes seconds."""


def unfold(text: str, dialect: str = "a1111", *, steps: int, side: Side = "positive") -> Staged:
    """Return the parts of a prompt, what each says until which step, and the networks called.

    A1111 itself reads AND in a negative as a word; here it divides one as it does a prompt, and a
    negative without AND has no weight. Raises as ``parse`` and ``staged`` do, and PromptError
    ``parts-too-many`` and ``schedule-too-long``.
    """
    prompt = parse(text, dialect)
    if dialect == "a1111":
        pieces = weighted_pieces(text, side)
        _check_parts(text, len(pieces))
        for piece, _ in pieces:
            _check_changes(piece, steps)
        return staged(text, steps) if side == "positive" else Staged(_against(pieces, steps), ())
    if dialect == "sdnext":
        piece, networks = without_networks(text, side)
        _check_changes(piece, steps)
        return Staged(_against([(piece, 1.0)], steps, dialect), networks)
    shares = list(_shares(prompt)) if dialect == "midjourney" else [(prompt, 1.0)]
    _check_parts(text, len(shares))
    networks = tuple(node for node in prompt.nodes if isinstance(node, Network))
    return Staged(tuple(StagedPart(w, (Acting(steps, p),)) for p, w in shares), networks)


def without_networks(text: str, side: Side) -> tuple[Excerpt, tuple[Network, ...]]:
    """Return what is left of an SD.Next prompt for its schedules, and the networks it calls."""
    whole = Excerpt.of(text)
    return take_networks(whole) if side == "positive" else (whole, ())


def weighted_pieces(text: str, side: Side) -> tuple[tuple[Excerpt, float], ...]:
    """Return the parts of an A1111 prompt for their schedules, each with its weight."""
    whole = without_comments(Excerpt.of(text))
    if side == "positive":
        return split_parts(take_networks(whole)[0])
    parts = split_parts(whole)
    return parts if len(parts) > 1 else ((whole, 1.0),)


def _against(
    pieces: Sequence[tuple[Excerpt, float]], steps: int, dialect: str = "a1111"
) -> tuple[StagedPart, ...]:
    return tuple(
        StagedPart(weight, acting(piece, steps, dialect=dialect), choices_in(piece))
        for piece, weight in pieces
    )


def _check_parts(text: str, count: int) -> None:
    if count > MOST_PARTS:
        raise PromptError(
            f"the prompt has {count} parts, each of them a pass of the model at every step",
            code="parts-too-many",
            cure=f"keep it to {MOST_PARTS}",
            source=text,
            span=Span(0, len(text)),
        )


def _check_changes(piece: Excerpt, steps: int) -> None:
    choices = choices_in(piece)
    alternates = any(choice.kind == "alternate" for choice in choices)
    texts = steps if alternates else min(steps, len(choices) + 1)
    if len(choices) * texts > MOST_CHANGES:
        raise PromptError(
            f"{len(choices)} schedules and alternations make {texts} texts over {steps} steps",
            code="schedule-too-long",
            cure="write fewer, or take fewer steps",
            source=piece.source,
            span=choices[-1].span,
        )


def _shares(prompt: Prompt) -> Iterator[tuple[Prompt, float]]:
    """Yield each part of a Midjourney prompt, and its weight; one at least."""
    gathered: list[Node] = []
    found = 0
    for node in prompt.nodes:
        if isinstance(node, Part):
            yield Prompt(tuple(gathered), prompt.source, prompt.dialect), node.weight
            gathered, found = [], found + 1
        else:
            gathered.append(node)
    if not found or not all(isinstance(node, Comment) for node in gathered):
        yield Prompt(tuple(gathered), prompt.source, prompt.dialect), 1.0
