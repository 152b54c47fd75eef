"""The demo: one negative at work on the shipped model, in a minute, with its effect counted."""

from collections.abc import Callable

from negprompt.engine import Request
from negprompt.measure.compare import Comparison, compare
from negprompt.models.load import Model
from negprompt.world.judge import Judge

PROMPT = "a green person in a forest"
NEGATIVE = "hat"
PAIRS = 24
SECONDS = 60.0
"""Fewer pairs are made where all of them would take longer."""
SHOWN = 8
"""Pairs on the picture: the first ones, not the best ones."""


def demo(model: Model, judge: Judge, on_step: Callable[[int, int], None]) -> Comparison:
    """Run the demo."""
    asked = Request(prompt=PROMPT, negative=(NEGATIVE,), model=model.name, count=PAIRS)
    return compare(asked, model=model, judge=judge, on_step=on_step, seconds=SECONDS)
