"""Prompt and negative → what the negative did, where, at what cost; computed, never drawn by hand.

``explain`` runs and compares, ``to_json`` gives the numbers, ``save`` writes them and the pictures.
"""

from negprompt.measure.explain.findings import (
    Baseline,
    Explanation,
    Meaning,
    Point,
    StepEffect,
    TermEffect,
    Verdict,
    to_json,
)
from negprompt.measure.explain.run import COUNT, LEVEL, explain
from negprompt.measure.explain.save import save

__all__ = [
    "COUNT",
    "LEVEL",
    "Baseline",
    "Explanation",
    "Meaning",
    "Point",
    "StepEffect",
    "TermEffect",
    "Verdict",
    "explain",
    "save",
    "to_json",
]
