"""The tree back to text that reads as the same tree, in the dialect it was read in."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from negprompt.errors import RequestError, shown
from negprompt.language import a1111_printer, comfy_printer, compel, compel_printer, plain
from negprompt.language.digits import number
from negprompt.language.tree import Prompt

__all__ = ["WRITERS", "number", "to_text"]


def _compel(prompt: Prompt) -> str:
    """Return compel's spelling, or the source where only that reads as the tree."""
    text = compel_printer.write(prompt)
    is_sure = not prompt.source or compel.read(text).nodes == prompt.nodes
    return text if is_sure else prompt.source


WRITERS: Final[Mapping[str, Callable[[Prompt], str]]] = MappingProxyType(
    {
        "a1111": a1111_printer.write,
        "comfy": comfy_printer.write,
        "compel": _compel,
        "plain": plain.write,
    }
)
"""The dialects that are written; the others are read only."""


def to_text(prompt: Prompt) -> str:
    """Return text whose tree is ``prompt``'s, spans apart: parse(to_text(p)).nodes == p.nodes.

    Holds for every tree that ``parse`` makes in one of these dialects.  Raises RequestError
    ``dialect-read-only`` for a tree of another.
    """
    if prompt.dialect not in WRITERS:
        raise RequestError(
            f"the prompt dialect {shown(prompt.dialect)} is read, not written",
            code="dialect-read-only",
            cure=f"choose one of: {', '.join(WRITERS)}",
        )
    return WRITERS[prompt.dialect](prompt)
