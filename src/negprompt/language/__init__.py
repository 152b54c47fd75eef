"""Text to a tree with weights and places, and back.  Standard library only."""

from negprompt.errors import Span
from negprompt.language.conjunctions import Conjunction, conjunction
from negprompt.language.detect import Finding, Side
from negprompt.language.dialects import DIALECTS, parse
from negprompt.language.draft import Loss
from negprompt.language.joints import Joint, Line, joints
from negprompt.language.printer import WRITERS, number, to_text
from negprompt.language.remarks import findings, remarks
from negprompt.language.schedules import Stretch, schedule
from negprompt.language.stages import (
    Acting,
    Choice,
    Staged,
    StagedPart,
    networks,
    parts,
    staged,
    uncommented,
)
from negprompt.language.translation import Translation, translate
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
from negprompt.language.unfolding import unfold

__all__ = [
    "DIALECTS",
    "WRITERS",
    "Acting",
    "Begin",
    "Break",
    "Choice",
    "Close",
    "Comment",
    "Conjunction",
    "Embedding",
    "End",
    "Finding",
    "Joint",
    "Line",
    "Loss",
    "Network",
    "Node",
    "Open",
    "Part",
    "Prompt",
    "Segment",
    "Share",
    "Side",
    "Span",
    "Staged",
    "StagedPart",
    "Stretch",
    "Text",
    "Translation",
    "conjunction",
    "findings",
    "joints",
    "networks",
    "number",
    "parse",
    "parts",
    "remarks",
    "schedule",
    "staged",
    "to_text",
    "translate",
    "uncommented",
    "unfold",
]
