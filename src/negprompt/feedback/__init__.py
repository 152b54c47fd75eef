"""Words about a picture → edits to the negative, each with its reason; edits → the next request."""

from negprompt.feedback.applying import Applied, apply, replayed
from negprompt.feedback.critique import Critique, critique
from negprompt.feedback.draft import Draft, Edit, Held, Own, asked, draft_of

__all__ = [
    "Applied",
    "Critique",
    "Draft",
    "Edit",
    "Held",
    "Own",
    "apply",
    "asked",
    "critique",
    "draft_of",
    "replayed",
]
