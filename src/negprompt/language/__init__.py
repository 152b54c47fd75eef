"""Text to a tree with weights and places, and back.  Standard library only."""

from negprompt.errors import Span
from negprompt.language.dialects import DIALECTS, parse
from negprompt.language.printer import number, to_text
from negprompt.language.remarks import remarks
from negprompt.language.tree import (
    Begin,
    Break,
    Close,
    Comment,
    Embedding,
    End,
    Network,
    Node,
    Open,
    Part,
    Prompt,
    Segment,
    Share,
    Text,
)

__all__ = [
    "DIALECTS",
    "Begin",
    "Break",
    "Close",
    "Comment",
    "Embedding",
    "End",
    "Network",
    "Node",
    "Open",
    "Part",
    "Prompt",
    "Segment",
    "Share",
    "Span",
    "Text",
    "number",
    "parse",
    "remarks",
    "to_text",
]
