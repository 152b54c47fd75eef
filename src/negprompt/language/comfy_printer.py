"""A tree to text in ComfyUI's spelling."""

import re
from itertools import pairwise
from typing import Final

from negprompt.language.digits import number
from negprompt.language.nodes import Close, Embedding, Node, Open, Text
from negprompt.language.tree import Prompt

_BRACKET: Final = re.compile(r"[()]")


def write(prompt: Prompt) -> str:
    """Return text that reads as the same tree, for every tree that ``comfy.read`` makes.

    Of two texts in a row the second begins with a bracket that never closes, which alone parts
    them, so it stays bare.
    """
    nodes: tuple[Node | None, ...] = (None, *prompt.nodes)
    return "".join(_spelled(before, node) for before, node in pairwise(nodes))


def literal(text: str) -> str:
    r"""Return text that ComfyUI reads as ``text``, its brackets spelled ``\(`` and ``\)``."""
    return _BRACKET.sub(r"\\\g<0>", text)


def _spelled(before: Node | None, node: Node | None) -> str:
    if isinstance(node, Text):
        bare = 1 if isinstance(before, Text | Embedding) and node.text.startswith("(") else 0
        return node.text[:bare] + literal(node.text[bare:])
    if isinstance(node, Embedding):
        return literal(node.text)
    if isinstance(node, Open):
        return "("
    if isinstance(node, Close):
        return ")" if node.weight is None else f":{number(node.weight)})"
    return ""
