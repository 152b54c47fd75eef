"""Text to a tree with weights and places, and back.  Standard library only."""

from negprompt.errors import Span
from negprompt.language.dialects import DIALECTS, parse
from negprompt.language.printer import number, to_text
from negprompt.language.remarks import remarks
from negprompt.language.tree import Break, Close, Node, Open, Prompt, Segment, Text

__all__ = [
    "DIALECTS",
    "Break",
    "Close",
    "Node",
    "Open",
    "Prompt",
    "Segment",
    "Span",
    "Text",
    "number",
    "parse",
    "remarks",
    "to_text",
]
