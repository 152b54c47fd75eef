"""Which dialects there are, and the one door to them.  No text is read in a guessed dialect."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from negprompt.errors import RequestError, shown
from negprompt.language import a1111, comfy, compel, midjourney, novelai, plain, sdnext
from negprompt.language.characters import check_characters
from negprompt.language.tree import Prompt

DIALECTS: Final[Mapping[str, Callable[[str], Prompt]]] = MappingProxyType(
    {
        "a1111": a1111.read,
        "comfy": comfy.read,
        "compel": compel.read,
        "plain": plain.read,
        "sdnext": sdnext.read,
        "midjourney": midjourney.read,
        "novelai": novelai.read,
    }
)


def parse(text: str, dialect: str = "a1111") -> Prompt:
    """Return the tree of ``text`` as ``dialect`` reads it, in time linear in its length.

    Raises RequestError ``dialect-unknown`` or ``prompt-not-text``, PromptError ``text-not-unicode``
    for half a character, and PromptError, with the place, where the dialect's own file says so.
    """
    if not isinstance(text, str):
        raise RequestError(
            f"the prompt is {shown(text)}, not text", code="prompt-not-text", cure="pass a str"
        )
    if dialect not in DIALECTS:
        raise RequestError(
            f"the prompt dialect {shown(dialect)} is unknown",
            code="dialect-unknown",
            cure=f"choose one of: {', '.join(DIALECTS)}",
        )
    check_characters(text)
    return DIALECTS[dialect](text)
