"""What a reader of a prompt should be told: spellings that rarely do what they look like."""

import re
from itertools import pairwise
from typing import Final

from negprompt.errors import Notice, Span, shown
from negprompt.language.tree import Break, Close, Open, Prompt, Text

_LOOKS_LIKE_WEIGHT: Final = re.compile(
    r"\s*+[+-]*+(?:inf(?:inity)?|nan|\d[\d.,_]*+(?:e[+-]?\d++)?)\s*+", re.IGNORECASE
)


def remarks(prompt: Prompt) -> tuple[Notice, ...]:
    """Return at most one notice of each kind, with the first place and the count.

    ``bracket-unclosed``: it acts to the end of the prompt.  ``break-in-group``: A1111 would read
    the word.  ``weight-unread``: ``(x:1e2)``, ``(x:nan)`` are text in A1111's language.
    """
    found = {
        "bracket-unclosed": _unclosed(prompt),
        "break-in-group": _breaks_in_groups(prompt),
        "weight-unread": _unread_weights(prompt),
    }
    return tuple(Notice(code, _said(code, spans, prompt)) for code, spans in found.items() if spans)


def _said(code: str, spans: list[Span], prompt: Prompt) -> str:
    first = spans[0]
    where = f"at {first.start}" + (f", and {len(spans) - 1} more" if len(spans) > 1 else "")
    piece = shown(prompt.source[first.start : first.stop], 30)
    return {
        "bracket-unclosed": f"{piece} {where} never closes and acts to the end of the prompt; "
        "close it, or put a backslash before it to make it text",
        "break-in-group": f"BREAK inside brackets {where} starts a new chunk here; "
        'A1111 would read the word "break"',
        "weight-unread": f"{piece} {where} is read as text, as in A1111; "
        "a weight is a plain decimal number such as 1.2",
    }[code]


def _unclosed(prompt: Prompt) -> list[Span]:
    opened: dict[str, list[Span]] = {"(": [], "[": []}
    for node in prompt.nodes:
        if isinstance(node, Open):
            opened[node.bracket].append(node.span)
        elif isinstance(node, Close):
            opened[node.bracket].pop()
    return sorted([*opened["("], *opened["["]], key=lambda span: span.start)


def _breaks_in_groups(prompt: Prompt) -> list[Span]:
    depth, spans = 0, []
    for node in prompt.nodes:
        if isinstance(node, Open):
            depth += 1
        elif isinstance(node, Close):
            depth -= 1
        elif isinstance(node, Break) and depth:
            spans.append(node.span)
    return spans


def _unread_weights(prompt: Prompt) -> list[Span]:
    return [
        Span(node.span.stop - len(tail) - 1, node.span.stop)
        for node, after in pairwise(prompt.nodes)
        if isinstance(node, Text) and isinstance(after, Close) and after.bracket == "("
        for _, colon, tail in [node.text.rpartition(":")]
        if colon and after.weight is None and _LOOKS_LIKE_WEIGHT.fullmatch(tail)
    ]
