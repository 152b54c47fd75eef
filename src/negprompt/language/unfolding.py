"""A prompt of any dialect → what acts at which step: weighted parts, each with its schedule.

In A1111's language that is ``staged``, but for a negative, in which AND divides here. Midjourney's
``::`` and ``--no`` divide, too. The other dialects have one part that acts throughout; compel's
``.and()`` and ``.blend()`` join embeddings, and stay inside it.
"""

from collections.abc import Iterator

from negprompt.language.detect import Side
from negprompt.language.dialects import parse
from negprompt.language.excerpt import Excerpt, read_emphasis
from negprompt.language.nodes import Comment, Network, Node, Part
from negprompt.language.schedules import scheduled
from negprompt.language.stages import (
    Acting,
    Staged,
    StagedPart,
    choices_in,
    split_parts,
    staged,
    without_comments,
)
from negprompt.language.tree import Prompt


def unfold(text: str, dialect: str = "a1111", *, steps: int, side: Side = "positive") -> Staged:
    """Return the parts of a prompt, what each says until which step, and the networks called.

    A1111 itself reads AND in a negative as a word; here it divides one as it does a prompt, and a
    negative without AND has no weight. Raises as ``parse`` and ``staged`` do.
    """
    prompt = parse(text, dialect)
    if dialect == "a1111":
        return staged(text, steps) if side == "positive" else Staged(_against(text, steps), ())
    shares = _shares(prompt) if dialect == "midjourney" else iter([(prompt, 1.0)])
    networks = tuple(node for node in prompt.nodes if isinstance(node, Network))
    return Staged(tuple(StagedPart(w, (Acting(steps, p),)) for p, w in shares), networks)


def _against(text: str, steps: int) -> tuple[StagedPart, ...]:
    whole = without_comments(Excerpt.of(text))
    parts = split_parts(whole)
    return tuple(
        StagedPart(
            weight,
            tuple(Acting(last, read_emphasis(piece)) for last, piece in scheduled(part, steps)),
            choices_in(part),
        )
        for part, weight in (parts if len(parts) > 1 else ((whole, 1.0),))
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
