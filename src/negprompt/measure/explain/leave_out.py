"""A negative → the same negative with some of its terms left out, brackets and weights kept."""

import re
from collections.abc import Collection, Iterator
from itertools import count
from typing import Final, NamedTuple

from negprompt.language import (
    WRITERS,
    Begin,
    Break,
    Close,
    Embedding,
    End,
    Node,
    Open,
    Part,
    Prompt,
    Text,
    parse,
    to_text,
)
from negprompt.policy.plan import Negative, Plan, terms

Negatives = tuple[tuple[str, float], ...]
"""Texts to steer away from, each with its weight; none at all for the null prompt."""
_COMMA: Final = re.compile(r"\s*+,\s*+")
_CLOSING: Final = {
    "(": re.compile(r"(?::\s*+[+-]?[\d.]++\s*+)?\)"),
    "[": re.compile(r"\]"),
    "{": re.compile(r"\}"),
}


def keeping(plan: Plan, kept: Collection[int]) -> Negatives:
    """The negatives of a plan with only those terms whose number is kept.

    Terms are numbered from 0 over all negatives. A negative that loses all of its terms is left
    out; one that loses none keeps its text as it was typed.
    """
    negatives = []
    first = 0
    for negative in plan.negatives:
        numbers = range(first, first + len(negative.terms))
        first = numbers.stop
        staying = {number - numbers.start for number in numbers if number in kept}
        if len(staying) == len(numbers):
            negatives.append((negative.text, negative.weight))
        elif staying:
            negatives.append((_shorter(negative, staying), negative.weight))
    return tuple(negatives)


def _shorter(negative: Negative, staying: set[int]) -> str:
    """The text without the other terms: from its tree, where that can be written as one text."""
    prompt = negative.prompt
    if prompt.dialect in WRITERS and len(negative.stretches) == 1:
        nodes = tuple(_filled(_pruned(prompt, staying)))
        left = Prompt(nodes, "", prompt.dialect, prompt.glue)
        text = to_text(left)
        if _said(parse(text, prompt.dialect)) == _said(left):
            return text
    return _cut(negative, staying)


def _said(prompt: Prompt) -> list[tuple[str, float]]:
    return [(term.text, round(term.weight, 6)) for term in terms(prompt)]


def _cut(negative: Negative, staying: set[int]) -> str:
    """The text without the characters of the other terms, each with a comma and its own brackets.

    Schedules stay, if need be around nothing.
    """
    text = negative.text
    leaving = [term.span for n, term in enumerate(negative.terms) if n not in staying]
    for span in sorted(leaving, key=lambda span: span.start, reverse=True):
        before, after = text[: span.start], text[span.stop :]
        while (closing := _CLOSING.get(before[-1:])) and (closed := closing.match(after)):
            before, after = before[:-1], after[closed.end() :]
        if comma := _COMMA.match(after):
            after = after[comma.end() :]
        elif before.rstrip().endswith(","):
            before = before.rstrip()[:-1]
        text = before + after
    return text


class _Place(NamedTuple):
    """A piece of text between two commas, breaks or marks of parts."""

    stays: bool
    goes_on: bool
    """Whether another piece that stays comes before the next break or mark."""


def _places(prompt: Prompt, staying: set[int]) -> Iterator[_Place]:
    """The pieces of a prompt in order; those that are not blank are its terms."""
    numbers = count()
    for run in _runs(prompt):
        stays = [bool(text.strip()) and next(numbers) in staying for text in run]
        last = max((place for place, one in enumerate(stays) if one), default=0)
        for place, one in enumerate(stays):
            yield _Place(one, place < last)


def _runs(prompt: Prompt) -> Iterator[list[str]]:
    """The pieces between commas, for each run between breaks and marks of parts."""
    run = [""]
    for node in prompt.nodes:
        if isinstance(node, Break | Begin | Part | End):
            yield run
            run = [""]
        elif isinstance(node, Text | Embedding):
            first, *more = node.text.split(",")
            run[-1] += first
            run += more
    yield run


def _pruned(prompt: Prompt, staying: set[int]) -> list[Node]:
    """The nodes of a prompt without the other terms, their commas and brackets left empty."""
    places = list(_places(prompt, staying))
    nodes: list[Node] = []
    at = 0
    for node in prompt.nodes:
        if isinstance(node, Text):
            *ended, last = node.text.split(",")
            mine = places[at : at + len(ended) + 1]
            at += len(ended)
            texts = [text + "," * place.goes_on for text, place in zip(ended, mine, strict=False)]
            said = zip([*texts, last], mine, strict=True)
            text = "".join(text for text, place in said if place.stays)
            _say(nodes, text, node, prompt.glue)
        elif isinstance(node, Embedding):
            nodes += [node] if places[at].stays else []
            at += node.text.count(",")
        elif isinstance(node, Close) and _opens(nodes, node):
            nodes.pop()
        else:
            at += isinstance(node, Break | Begin | Part | End)
            nodes.append(node)
    return nodes


def _say(nodes: list[Node], text: str, node: Text, glue: str) -> None:
    """Add what is left of a text, to the one before where nothing is left between them."""
    is_first = not any(isinstance(one, Text | Embedding) for one in nodes)
    text = text.strip() if glue else text.lstrip() if is_first else text
    if not text:
        return
    if nodes and isinstance(before := nodes[-1], Text):
        nodes[-1] = Text(before.text + glue + text, before.span)
    else:
        nodes.append(Text(text, node.span))


def _filled(nodes: list[Node]) -> Iterator[Node]:
    """The nodes without a BREAK, or a part of several, that has nothing left to say.

    Brackets stay: they may close in another chunk.
    """
    is_first = True
    for chunk in _chunks(nodes):
        if any(isinstance(n, Embedding) or (isinstance(n, Text) and n.text.strip(" ,\n"))
               for n in chunk):  # fmt: skip
            yield from (n for n in chunk if not (is_first and isinstance(n, Break)))
            is_first = False
        else:
            yield from (n for n in chunk if isinstance(n, Open | Close))


def _chunks(nodes: list[Node]) -> Iterator[list[Node]]:
    """What stands between two breaks, or in one part of several, with its mark."""
    chunk: list[Node] = []
    depth = 0
    for node in nodes:
        if isinstance(node, Break):
            yield chunk
            chunk = []
        chunk.append(node)
        depth += isinstance(node, Begin) - isinstance(node, End)
        if isinstance(node, Part) and not depth:
            yield chunk
            chunk = []
    yield chunk


def _opens(nodes: list[Node], close: Close) -> bool:
    """Whether a closing bracket would hold nothing."""
    return bool(nodes) and isinstance(nodes[-1], Open) and nodes[-1].bracket == close.bracket
