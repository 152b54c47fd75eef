"""A negative → the same negative with some of its terms left out, brackets and weights kept."""

from collections.abc import Collection, Iterator

from negprompt.language import Break, Close, Node, Open, Prompt, Text, to_text
from negprompt.policy.plan import Negative, Plan

Negatives = tuple[tuple[str, float], ...]
"""Texts to steer away from, each with its weight; none at all for the null prompt."""


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
            plain = negative.prompt.dialect == "a1111" and len(negative.stretches) == 1
            text = (
                to_text(Prompt(tuple(_filled(_pruned(negative.prompt, staying))), ""))
                if plain
                else _cut(negative, staying)
            )
            negatives.append((text, negative.weight))
    return tuple(negatives)


def _cut(negative: Negative, staying: set[int]) -> str:
    """A text without the characters of the other terms; commas, brackets and schedules stay."""
    text = negative.text
    leaving = [term.span for n, term in enumerate(negative.terms) if n not in staying]
    for span in sorted(leaving, key=lambda span: span.start, reverse=True):
        text = text[: span.start] + text[span.stop :]
    return text


def _pruned(prompt: Prompt, staying: set[int]) -> list[Node]:
    """The nodes of a prompt without the other terms, their commas and brackets left empty."""
    terms = _term_of_piece(prompt)
    last = max((piece for piece, term in enumerate(terms) if term in staying), default=0)
    nodes: list[Node] = []
    piece = 0
    for node in prompt.nodes:
        if isinstance(node, Text):
            texts = node.text.split(",")
            pieces = range(piece, piece + len(texts))
            piece = pieces.stop - 1
            commas = ["," if p < min(last, piece) else "" for p in pieces]
            chosen = zip(pieces, texts, commas, strict=True)
            text = "".join(part + comma for p, part, comma in chosen if terms[p] in staying)
            first = not any(isinstance(earlier, Text) for earlier in nodes)
            nodes += [Text(text.lstrip() if first else text, node.span)] if text else []
        elif isinstance(node, Close) and _opens(nodes, node):
            nodes.pop()
        else:
            piece += isinstance(node, Break)
            nodes.append(node)
    return nodes


def _filled(nodes: list[Node]) -> list[Node]:
    """The nodes without a BREAK before or behind which nothing is left."""
    chunks: list[list[Node]] = [[]]
    for node in nodes:
        if isinstance(node, Break):
            chunks.append([node])
        else:
            chunks[-1].append(node)
    solid = [c for c in chunks if any(isinstance(n, Text) and n.text.strip(" ,\n") for n in c)]
    kept = [node for chunk in solid for node in chunk]
    return kept[1:] if kept and isinstance(kept[0], Break) else kept


def _opens(nodes: list[Node], close: Close) -> bool:
    """Whether a closing bracket would hold nothing."""
    return bool(nodes) and isinstance(nodes[-1], Open) and nodes[-1].bracket == close.bracket


def _term_of_piece(prompt: Prompt) -> list[int | None]:
    """For each piece between two commas or breaks the number of its term; None for a blank one."""
    numbers: list[int | None] = []
    count = 0
    for text in _pieces(prompt):
        numbers.append(count if text.strip() else None)
        count += bool(text.strip())
    return numbers


def _pieces(prompt: Prompt) -> Iterator[str]:
    gathered = ""
    for node in prompt.nodes:
        if isinstance(node, Break):
            yield gathered
            gathered = ""
        elif isinstance(node, Text):
            *ended, rest = node.text.split(",")
            for text in ended:
                yield gathered + text
                gathered = ""
            gathered += rest
    yield gathered
