"""What can be put around any rule: each takes a rule and returns one."""

import math
from typing import Any

from negprompt.errors import RequestError
from negprompt.guidance.rules import Branches, Combined, Rule, Step


def rescale(rule: Rule, phi: float) -> Rule:
    """Guidance rescale: ``g·(1 + φ(std(p)/std(g) − 1))``, deviations taken per image.

    Keeps a high scale from washing the picture out.
    Lin et al. 2023, arXiv:2305.08891, section 3.4. No further passes; φ = 0 changes nothing.

    Raises RequestError for a φ outside 0–1.
    """
    if not (math.isfinite(phi) and 0 <= phi <= 1):
        raise RequestError(
            f"rescale is {phi}", code="value-out-of-range", cure="give a number from 0 to 1"
        )
    if phi == 0:
        return rule

    def combine(branches: Branches, step: Step, state: Any) -> Combined:
        guided, state = rule(branches, step, state)
        p = branches.positive
        axes = tuple(range(1, p.ndim))
        ratio = p.std(dim=axes, keepdim=True) / guided.std(dim=axes, keepdim=True)
        return guided * (1 + phi * (ratio - 1)), state

    return Rule(rule.name, rule.needs, combine, {**rule.settings, "rescale": phi})
