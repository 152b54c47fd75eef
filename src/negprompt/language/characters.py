"""Text that every dialect accepts: whole characters."""

import re
from typing import Final

from negprompt.errors import PromptError, Span

_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")


def check_characters(source: str) -> None:
    """Raise PromptError ``text-not-unicode`` where ``source`` holds half a surrogate pair."""
    if half := _SURROGATE.search(source):
        raise PromptError(
            f"the prompt holds half a character, {half[0]!r}, at {half.start()}",
            code="text-not-unicode",
            cure="remove it; it comes from bytes that are not UTF-8",
            source=source,
            span=Span(half.start(), half.end()),
        )
