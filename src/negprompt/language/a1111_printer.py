r"""A tree to text in A1111's spelling.

Brackets and backslashes in texts are escaped.  What A1111 has no escape for is kept apart by a lone
backslash, which A1111 drops: the word BREAK (``B\REAK``), a text that ends like a weight
(``(ratio:\16)``), spaces next to a break, and a text of no length.
"""

import re
from typing import Final

from negprompt.language.digits import number
from negprompt.language.nodes import Break, Close, Node, Open, Text
from negprompt.language.tree import Prompt

_SPECIAL: Final = re.compile(r"[\\()\[\]]")
_BREAK: Final = re.compile(r"\bBREAK\b")
_NUMBER: Final = re.compile(r"\s*+[+-]?[.\d]++\s*+")
_CLOSING: Final = {"(": ")", "[": "]"}


def write(prompt: Prompt) -> str:
    """Return text that reads as the same tree, for every tree that ``a1111.read`` makes.

    In a tree made by hand a break without texts at its sides gets empty ones, and an empty text
    elsewhere than at a break, the end or a written weight is lost.
    """
    nodes: list[Node | None] = [None, *prompt.nodes, None]
    triples = zip(nodes, nodes[1:], nodes[2:], strict=False)
    return "".join(_spelled(before, node, after) for before, node, after in triples)


def _spelled(before: Node | None, node: Node | None, after: Node | None) -> str:
    if isinstance(node, Text):
        return _text(before, node.text, after)
    if isinstance(node, Break):
        return " BREAK "
    if isinstance(node, Open):
        return node.bracket
    if isinstance(node, Close):
        weight = "" if node.weight is None else f":{number(node.weight)}"
        return weight + _CLOSING[node.bracket]
    return ""


def _text(before: Node | None, text: str, after: Node | None) -> str:
    if not text:
        return "\\" if _stands_empty(before, after) else ""
    spelled = _BREAK.sub(r"B\\REAK", _SPECIAL.sub(r"\\\g<0>", text))
    if isinstance(after, Close) and after.bracket == "(" and after.weight is None:
        head, colon, tail = spelled.rpartition(":")
        if colon and _NUMBER.fullmatch(tail):
            spelled = f"{head}:\\{tail}"
    if isinstance(before, Break) and text[0].isspace():
        spelled = "\\" + spelled
    if isinstance(after, Break) and text[-1].isspace():
        spelled += "\\"
    return spelled


def _stands_empty(before: Node | None, after: Node | None) -> bool:
    """Whether a text of no length is A1111's lone backslash here, not the side of a break."""
    if isinstance(before, Break) or isinstance(after, Break):
        return False
    return after is None or (isinstance(after, Close) and after.weight is not None)
