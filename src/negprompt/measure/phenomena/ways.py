"""A few prompts whose truth is known, and the ways in which their pictures are made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Final

from negprompt.engine import Request
from negprompt.measure.compare import concept_of
from negprompt.measure.protocol.cases import ARMS, LONG, Case
from negprompt.measure.suite import UNMEASURABLE
from negprompt.world.factors import CONCEPTS

SCALE: Final = 2.0
CASES: Final = 12
EARLY: Final = 0.3
"""Share of the steps in which a rare thing is refused."""
TEMPLATE: Final = (*LONG.split(", "), "sketch", "bad hands")
EACH: Final = 2
"""Prompts of a concept, at most."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to make the pictures of a case."""

    name: str
    scale: float = SCALE
    negative: Callable[[Case], str] | None = None
    antonym: bool = False
    """Whether the prompt says the opposite."""
    targets: tuple[str, ...] = ()
    """What is looked for, where it is not what the case's negative names."""

    def request(self, case: Case, *, steps: int, seed: int, count: int) -> Request:
        """The request for the pictures of a case."""
        prompt = f"{case.prompt}, {case.antonym}" if self.antonym else case.prompt
        said = None if self.negative is None else (self.negative(case),)
        return Request(
            prompt=prompt, negative=said, cfg=self.scale, steps=steps, seed=seed, count=count
        )

    def sought(self, case: Case) -> tuple[str, ...]:
        """What is looked for in its pictures."""
        return self.targets or case.targets


def cases(number: int = CASES) -> tuple[Case, ...]:
    """Prompts of the screening on one concept that judges can be believed on, concepts in turn."""
    by_concept: dict[str, list[Case]] = {}
    for name in ("bias", "quality", "style"):
        for case in ARMS[name].cases(EACH * len(ARMS[name].themes), finals=False):
            (target,) = case.targets
            members = CONCEPTS[target].members if target in CONCEPTS else ()
            if case.antonym and not UNMEASURABLE & {target, *members}:
                by_concept.setdefault(target, []).append(case)
    turns = zip_longest(*by_concept.values())
    return tuple(case for case in chain.from_iterable(turns) if case is not None)[:number]


def _term(case: Case) -> str:
    return case.negative


def _listed(number: int) -> Callable[[Case], str]:
    """The case's own term and others of a template, none of which names the same."""

    def said(case: Case) -> str:
        others = [term for term in TEMPLATE if concept_of(term) not in case.targets]
        return ", ".join([case.negative, *others[: number - 1]])

    return said


def _bare(scale: float) -> Way:
    return Way(f"no negative, scale {scale:g}", scale)


def _with(scale: float) -> Way:
    return Way(f"one term, scale {scale:g}", scale, _term)


def _list(number: int) -> Way:
    return Way(f"{number} terms", negative=_listed(number))


def _rare(scale: float) -> Way:
    name = f"balloon refused early, scale {scale:g}"
    return Way(name, scale, lambda _case: f"[balloon::{EARLY}]", targets=("balloon",))


NONE, TERM = _bare(SCALE), _with(SCALE)
NONE_1, NONE_LOW, NONE_4 = _bare(1.0), _bare(1.5), _bare(4.0)
TERM_LOW, TERM_4, TERM_7 = _with(1.5), _with(4.0), _with(7.0)
LIST_4, LIST_10, LIST_20 = _list(4), _list(10), _list(20)
FIRST_QUARTER = Way("first quarter", negative=lambda case: f"[{case.negative}::0.25]")
FIRST_HALF = Way("first half", negative=lambda case: f"[{case.negative}::0.5]")
FROM_QUARTER = Way("from a quarter on", negative=lambda case: f"[{case.negative}:0.25]")
SECOND_HALF = Way("second half", negative=lambda case: f"[{case.negative}:0.5]")
ANTONYM = Way("antonym in the prompt", antonym=True)
UNNAMED = Way("a thing that no caption names", negative=lambda _case: "border", targets=("border",))
RARE = Way("no negative, balloon looked for", 4.0, targets=("balloon",))
RARE_2, RARE_4 = _rare(SCALE), _rare(4.0)

BASE: Final[Mapping[Way, Way]] = {UNNAMED: NONE, TERM: NONE}
"""What the pictures of a way are paired with, where that is asked."""
