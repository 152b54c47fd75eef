r"""A tree to text in compel's spelling.

Words stand at the top as they are, with brackets and quotes escaped; weighted ones in brackets,
``(two words)1.3`` or ``(two words)++``; parts and blends in quotes.
"""

import re
from collections.abc import Iterable
from typing import Final

from negprompt.language.compel_elements import BARE_WORD, MINUS, PLUS
from negprompt.language.digits import number
from negprompt.language.nodes import Begin, Close, End, Network, Node, Open, Part, Text
from negprompt.language.tree import Prompt

_SYNTAX: Final = re.compile(r"""(\\*+)([()"])""")


def write(prompt: Prompt) -> str:
    """Return text that reads as the same tree, for most trees that ``compel.read`` makes.

    Where words that compel takes literally stand next to what would make them syntax, it may read
    as another; ``to_text`` checks that.
    """
    parts = list(_parts(prompt.nodes))
    if len(parts) > 1 or parts[0][1] is not None:
        texts = ", ".join(f'"{_spelled(nodes, top=False)}"' for nodes, _ in parts)
        weights = ", ".join(number(weight or 0.0) for _, weight in parts)
        return f"({texts}).and({weights})"
    return _spelled(parts[0][0], top=True)


def escaped(word: str) -> str:
    """Return a word with brackets and quotes spelled so that compel reads them as characters."""
    return _SYNTAX.sub(lambda m: m[1] + ("\\\\" if m[1] else "\\") + m[2], word)


def _parts(nodes: tuple[Node, ...]) -> Iterable[tuple[list[Node], float | None]]:
    """Yield the nodes of each part of the prompt, and its weight where it ends with a mark."""
    gathered: list[Node] = []
    depth = found = 0
    for node in nodes:
        depth += isinstance(node, Begin) - isinstance(node, End)
        if isinstance(node, Part) and depth == 0:
            yield gathered, node.weight
            gathered = []
            found += 1
        else:
            gathered.append(node)
    if not found or any(isinstance(node, Text) for node in gathered):
        yield gathered, None if not found else 1.0


class _Writer:
    """Pieces of text, a space between them, and the brackets that are open around the next."""

    def __init__(self, *, top: bool) -> None:
        self.texts: list[str] = [""]
        self.is_fresh = True  # whether a bracket or the text itself just began
        self.depth = 0 if top else 1
        self.weights: list[str] = []  # of the parts of the blend that is open
        self.kinds: list[str] = []

    def add(self, text: str, *, spaced: bool = True) -> None:
        self.texts.append(f" {text}" if spaced and not self.is_fresh else text)
        self.is_fresh = False

    def begin(self, text: str, *, spaced: bool = True) -> None:
        self.add(text, spaced=spaced)
        self.is_fresh = True

    def node(self, node: Node) -> None:
        if isinstance(node, Text):
            self._words(node.text)
        elif isinstance(node, Open):
            self.begin("(")
            self.depth += 1
        elif isinstance(node, Close):
            self._end_group(f"){_suffix(1.0 if node.weight is None else node.weight)}")
        elif isinstance(node, Network):
            self.add(f"withLora({', '.join(node.items)})")
        elif isinstance(node, Begin):
            self.kinds.append(node.kind)
            self.begin('("' if node.kind == "blend" else "(")
            self.depth += 1
        elif isinstance(node, Part):
            self._part(node)
        elif isinstance(node, End):
            self._end(node)

    def _part(self, node: Part) -> None:
        if self.kinds[-1] == "swap":
            self._end_group(").swap((")
            self.depth += 1
            self.is_fresh = True
        else:
            self.weights.append(number(node.weight))
            self.begin('", "', spaced=False)

    def _end(self, node: End) -> None:
        if self.kinds.pop() == "swap":
            self._end_group("".join([")", *(f", {option}" for option in node.options), ")"]))
        else:
            self.texts.pop()  # the quote that the last part opened
            options = ", ".join([*self.weights, *node.options])
            self._end_group(f'").blend({options})')

    def _end_group(self, text: str) -> None:
        self.add(text, spaced=self.texts[-1].endswith("\\"))
        self.depth -= 1

    def _words(self, text: str) -> None:
        if not text and self.is_fresh and self.texts[-1].endswith('"'):
            return  # empty quotes
        for word in text.split(" "):
            tight = word.startswith(",") and self.texts[-1].endswith(",") and self.depth == 0
            self.add(_word(word, top=self.depth == 0), spaced=not (tight and len(word) > 1))


def _suffix(weight: float) -> str:
    """A weight as signs where some say just that: 1.1² has no shorter number."""
    powers = {factor**count: sign * count for count in range(1, 6)
              for sign, factor in (("+", PLUS), ("-", MINUS))}  # fmt: skip
    return powers.get(weight) or number(weight)


def _word(word: str, *, top: bool) -> str:
    if not word:
        return '""'
    spelled = escaped(word)
    if top and _is_weighted(spelled) and not _is_weighted(word):
        return word
    return spelled


def _is_weighted(word: str) -> bool:
    """Whether compel would take signs at the end of a bare word for a weight."""
    found = BARE_WORD.match(word)
    return found is not None and word[found.end() : found.end() + 1] in ("+", "-")


def _spelled(nodes: Iterable[Node], *, top: bool) -> str:
    writer = _Writer(top=top)
    for node in nodes:
        writer.node(node)
    return "".join(writer.texts)
