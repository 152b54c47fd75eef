"""Text that is only text: no character has a meaning, no weight can be written."""

from negprompt.errors import Span
from negprompt.language.tree import Prompt, Text


def read(source: str) -> Prompt:
    """Return the whole of ``source`` as one text of weight 1."""
    return Prompt((Text(source, Span(0, len(source)), ((0, 0),)),), source, "plain")


def write(prompt: Prompt) -> str:
    """Return the texts of a tree."""
    return "".join(node.text for node in prompt.nodes if isinstance(node, Text))
