"""What a reader of a prompt should be told: spellings that rarely do what they look like."""

import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from typing import Final

from negprompt.errors import Notice, PromptError, Span
from negprompt.language import midjourney, sdnext
from negprompt.language.detect import (
    Finding,
    Side,
    a1111_traps,
    comfy_traps,
    look_alikes,
    negations,
)
from negprompt.language.schedule_traps import schedule_traps
from negprompt.language.tree import (
    Begin,
    Break,
    Close,
    End,
    Node,
    Open,
    Part,
    Prompt,
    Text,
)
from negprompt.language.unfolding import SCHEDULING

_LOOKS_LIKE_WEIGHT: Final = re.compile(
    r"\s*+[+-]*+(?:inf(?:inity)?|nan|\d[\d.,_]*+(?:e[+-]?\d++)?)\s*+", re.IGNORECASE
)


def remarks(prompt: Prompt, *, side: Side | None = None) -> tuple[Notice, ...]:
    """Return one notice of each kind, with the first place and the count.

    ``bracket-unclosed``: it acts to the end of the prompt.  ``break-in-group``: A1111 would read
    the word.  ``weight-unread``: ``(x:1e2)``, ``(x:nan)`` are text in A1111's language.
    ``parameters-unread``, ``choice-unread``: what a Midjourney command holds beside its words.
    ``tool-fails``, ``blend-weights-cancel``: what the tool itself makes nothing of.
    And what detect.py and schedule_traps.py find; some of it where it is known on which ``side``
    the prompt stands.
    """
    return tuple(
        Notice(finding.code, f"{finding.about(prompt.source)}; {finding.cure}")
        for finding in findings(prompt, side=side)
    )


def findings(prompt: Prompt, *, side: Side | None = None) -> Iterator[Finding]:
    """Yield what ``remarks`` says, with all places and the cure by itself."""
    yield from _structure(prompt)
    if prompt.dialect == "a1111":
        yield from a1111_traps(prompt.source, side)
    if prompt.dialect in SCHEDULING:
        with suppress(PromptError):  # what cannot be laid out is refused where it is
            yield from schedule_traps(prompt.source, prompt.dialect, side or "positive")
    if prompt.dialect == "sdnext":
        yield from _sdnext(prompt.source)
    if prompt.dialect == "compel":
        yield from _compel(prompt)
    if prompt.dialect == "comfy":
        yield from comfy_traps(prompt.source)
    if prompt.dialect == "midjourney":
        yield from _midjourney(prompt)
    yield from look_alikes(prompt.source, prompt.dialect)
    if side is not None:
        yield from negations(prompt.source, side)


def _structure(prompt: Prompt) -> Iterator[Finding]:
    """Yield what the tree shows: brackets, breaks and weights."""
    if spans := _unclosed(prompt):
        yield Finding(
            code="bracket-unclosed",
            spans=spans,
            what="never closes and acts to the end of the prompt",
            cure="close it, or put a backslash before it to make it text",
        )
    if spans := _breaks_in_groups(prompt):
        yield Finding(
            code="break-in-group",
            spans=spans,
            what='inside brackets starts a new chunk here; A1111 would read the word "break"',
            cure="put it outside if other tools read the same text",
        )
    if spans := _unread_weights(prompt):
        yield Finding(
            code="weight-unread",
            spans=spans,
            what=_UNREAD.get(prompt.dialect, "is read as text, as in A1111"),
            cure="a weight is a plain decimal number such as 1.2",
        )


_UNREAD: Final = {"sdnext": "is no number, and SD.Next closes the bracket without a weight"}


def _sdnext(source: str) -> Iterator[Finding]:
    """Yield where SD.Next itself would read a word, or fail."""
    if spans := sdnext.unseen_breaks(source):
        yield Finding(
            code="break-in-group",
            spans=tuple(spans),
            what="starts a new chunk here; in brackets, behind another BREAK or before an escaped "
            "character SD.Next would read a word",
            cure="put it outside brackets, with words at both sides, if SD.Next reads the text too",
        )
    if spans := sdnext.failing(source):
        yield Finding(
            code="tool-fails",
            spans=tuple(spans),
            what="is an empty piece of text, at which SD.Next itself fails; here it is read",
            cure="take the backslash or the empty piece out if SD.Next reads the text too",
        )


def _compel(prompt: Prompt) -> Iterator[Finding]:
    """Yield blends that have no mean."""
    opened: list[tuple[Begin, float]] = []
    spans: list[Span] = []
    for node in prompt.nodes:
        if isinstance(node, Begin):
            opened.append((node, 0.0))
        elif isinstance(node, Part) and opened:
            opened[-1] = (opened[-1][0], opened[-1][1] + node.weight)
        elif isinstance(node, End):
            begin, total = opened.pop()
            if begin.kind == "blend" and total == 0 and not node.options:
                spans.append(Span(begin.span.start, node.span.stop))
    if spans:
        yield Finding(
            code="blend-weights-cancel",
            spans=tuple(spans),
            what="has weights that add up to 0 and so no mean: compel makes numbers of it that are "
            "none, and here it is refused once it is encoded",
            cure="choose others, or write no_normalize",
        )


def _midjourney(prompt: Prompt) -> Iterator[Finding]:
    """Yield what a Midjourney command holds beside its words."""
    source = prompt.source
    if spans := midjourney.settings(source):
        yield Finding(
            code="parameters-unread",
            spans=spans,
            what="is a setting of Midjourney's or an image, and no words",
            cure="set size, seed and the like where the picture is made",
        )
    if spans := midjourney.choices(source):
        try:
            several = f"{len(midjourney.permutations(source))}"
        except PromptError:
            several = f"more than {midjourney.MOST}"
        yield Finding(
            code="choice-unread",
            spans=spans,
            what=f"makes {several} prompts of one in Midjourney, and is text here",
            cure="write each of them out, as negprompt.language.midjourney.permutations does",
        )


def _unclosed(prompt: Prompt) -> tuple[Span, ...]:
    if prompt.dialect == "sdnext":
        return tuple(sdnext.unclosed(prompt.source))
    late: list[Span] = []
    for opened, node in _brackets(prompt):
        if node is None:
            late += [span for spans in opened.values() for span in spans]
    return tuple(sorted(late, key=lambda span: span.start))


def _breaks_in_groups(prompt: Prompt) -> tuple[Span, ...]:
    return tuple(
        node.span
        for opened, node in _brackets(prompt)
        if isinstance(node, Break) and any(opened.values())
    )


def _brackets(prompt: Prompt) -> Iterator[tuple[dict[str, list[Span]], Node | None]]:
    """Yield each node, and None where a part ends, with the brackets that are open there."""
    opened: dict[str, list[Span]] = {}
    depth = 0  # of choices, inside which a part ends no bracket
    for node in prompt.nodes:
        depth += isinstance(node, Begin) - isinstance(node, End)
        if isinstance(node, Open):
            opened.setdefault(node.bracket, []).append(node.span)
        elif isinstance(node, Close):
            opened[node.bracket].pop()
        elif isinstance(node, Part) and depth == 0:
            yield opened, None
            opened = {}
        yield opened, node
    yield opened, None


def _unread_weights(prompt: Prompt) -> tuple[Span, ...]:
    if prompt.dialect == "sdnext":
        return tuple(sdnext.malformed(prompt.source))
    if prompt.dialect != "a1111":
        return ()
    return tuple(
        Span(node.span.stop - len(tail) - 1, node.span.stop)
        for node, after in pairwise(prompt.nodes)
        if isinstance(node, Text) and isinstance(after, Close) and after.bracket == "("
        for _, colon, tail in [node.text.rpartition(":")]
        if colon and after.weight is None and _LOOKS_LIKE_WEIGHT.fullmatch(tail)
    )
