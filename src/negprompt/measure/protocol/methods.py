"""The rows of the bench's table: ways to keep something out of a picture, baselines first."""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from negprompt.encoding.choices import known
from negprompt.errors import RequestError, shown
from negprompt.guidance.rules import RULES, Branches, Combined, Needs, Rule, Step
from negprompt.measure.named import function

if TYPE_CHECKING:
    from torch import Tensor

Maker = Callable[..., Rule]
"""``maker(scale, weights=…)``: a rule, ready for one run."""

SCALES: Final = (4.0, 7.0)
"""Of classifier-free guidance, besides the scale of all other rows."""
TRIES: Final = 4
"""Most pictures that ``reject`` looks at before it takes the last one."""


@dataclass(frozen=True, slots=True)
class Method:
    """One row of the table."""

    name: str
    scale: float
    negative: bool = True
    """Whether the negative is given."""
    antonym: bool = False
    """Whether the prompt says the opposite instead."""
    tries: int = 1
    rule: str = "cfg"


def baselines(scale: float) -> tuple[Method, ...]:
    """The rows that stand in every table; the first is what the others are paired with."""
    return (
        Method("no negative", scale, negative=False),
        Method(f"cfg {scale:g}", scale),
        *(Method(f"cfg {other:g}", other) for other in SCALES if other != scale),
        Method("reject", scale, negative=False, tries=TRIES),
        Method("antonym", scale, negative=False, antonym=True),
    )


def rows_of(scale: float, makers: Mapping[str, Maker]) -> tuple[Method, ...]:
    """The baselines, and one row for each rule that is no baseline."""
    others = [name for name in makers if name != "cfg"]
    return (*baselines(scale), *(Method(name, scale, rule=name) for name in others))


def makers_of(names: Sequence[str], own: Sequence[str]) -> dict[str, Maker]:
    """Rules by their names, and those that ``package:function`` names.

    Raises RequestError ``rule-unknown``, ``rule-not-found``, ``rule-invalid``.
    """
    for name in names:
        known(name, RULES, "rule", code="rule-unknown")
    return {name: RULES[name] for name in ("cfg", *names)} | {name: _own(name) for name in own}


def _own(name: str) -> Maker:
    """A user's rule: called once to see that it makes a Rule."""
    takes = "a scale and weights, and returns a Rule"
    maker: Maker = function(name, code="rule-not-found", takes=takes)
    try:
        made: object = maker(2.0, weights=(1.0,))
    except Exception as error:
        raise RequestError(
            f"{shown(name)} fails when it is called with (2.0, weights=(1.0,)): {error!r}",
            code="rule-invalid",
            cure=f"write a function that takes {takes}",
        ) from error
    if not isinstance(made, Rule):
        raise RequestError(
            f"{shown(name)} returns {shown(made)}, which is no Rule",
            code="rule-invalid",
            cure="return negprompt.guidance.rules.Rule(name, needs, combine)",
        )
    return maker


def mark(maker: Maker) -> str:
    """A hash of the file that a rule is written in: another text, other pictures."""
    module = inspect.getmodule(maker)
    try:
        text = inspect.getsource(maker if module is None else module)
    except (OSError, TypeError):
        text = repr(maker)
    return sha256(text.encode()).hexdigest()[:16]


@dataclass(slots=True)
class Push:
    """How far a rule pushes along the prompt's own direction, over the model calls of a run.

    ``a = Σ⟨g − u, c − u⟩ / Σ‖c − u‖²``, c, n, u and g the predictions for prompt, negative and
    null, and the guided one: the effective scale of arXiv:2602.22570. ``toward`` is the same of the
    negative, with n in place of g.
    """

    along: float = 0.0
    negative: float = 0.0
    length: float = 0.0

    @property
    def scale(self) -> float:
        """The effective scale a; 1 where the prompt has no direction."""
        return self.along / self.length if self.length else 1.0

    @property
    def toward(self) -> float:
        """How much of the prompt's direction the negative has."""
        return self.negative / self.length if self.length else 0.0

    def watch(self, maker: Maker) -> Maker:
        """The same rule, watched; the null is evaluated beside what it needs."""

        def made(scale: float, **settings: Any) -> Rule:
            rule = maker(scale, **settings)

            def needs(step: Step, state: Any) -> Needs:
                return replace(rule.needs(step, state), null=True)

            def combine(branches: Branches, step: Step, state: Any) -> Combined:
                guided, state = rule(branches, step, state)
                self._take(branches, guided)
                return guided, state

            return Rule(rule.name, needs, combine, rule.settings)

        return made

    def _take(self, branches: Branches, guided: "Tensor") -> None:
        u = branches.null
        if u is None:
            return
        c = branches.positive - u
        n = branches.negatives[0] - u if branches.negatives else 0 * c
        self.along += float(((guided - u) * c).sum())
        self.negative += float((n * c).sum())
        self.length += float((c * c).sum())


def matched(method: Method, push: Push) -> Method:
    """Plain guidance that pushes as far as ``method`` does.

    Of plain guidance with the negative: no negative, at its effective scale a. Of another rule: the
    negative at the scale s with ``s + (1 − s)·toward = a``. Within 1 and 100, as scales are.
    """
    name = f"matched to {method.name}"
    if method.rule == "cfg":
        return Method(name, _scale(push.scale), negative=False)
    rest = 1 - push.toward
    wanted = (push.scale - push.toward) / rest if rest else push.scale
    return Method(name, _scale(wanted))


def _scale(value: float) -> float:
    return round(min(100.0, max(1.0, value if math.isfinite(value) else 1.0)), 2)
