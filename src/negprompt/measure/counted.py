"""Paired arms of several prompts → how often a judge saw something without and with a negative.

Rates are means over the prompts, which are fixed; the tests count pairs of pictures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from negprompt.measure.arms import seen
from negprompt.measure.memory import Readings
from negprompt.measure.page import shown
from negprompt.measure.statistics import Interval, Pairs, change, mcnemar, mean, pairs
from negprompt.measure.suite import UNMEASURABLE
from negprompt.world.factors import CONCEPTS, STYLES, SUBJECTS

HEAD: Final = ("seen", "judge", "without", "with", "change", "gone", "new", "n", "p")
"""The columns of a table of rows."""
SUBJECT: Final[tuple[str, ...]] = ()
"""In place of names: the subject of each prompt."""
Way = Literal["falls", "rises", "open"]


@dataclass(frozen=True, slots=True)
class Arms:
    """What the judges read in the pictures of one prompt, seed by seed."""

    prompt: str
    without: Readings
    steered: Readings

    def pairs(self, judge: str, names: Sequence[str]) -> Pairs:
        """On how many seeds a judge sees any of these."""
        names = names or (self.subject,)
        readings = (self.without[judge], self.steered[judge])
        return pairs(*(seen(reading, *names).tolist() for reading in readings))

    @property
    def subject(self) -> str:
        """What the prompt names."""
        return next(word for word in self.prompt.split() if word in SUBJECTS)


@dataclass(frozen=True, slots=True)
class Row:
    """How often one judge saw one thing without and with a negative."""

    what: str
    names: tuple[str, ...]
    """Seen is a picture with any of these."""
    judge: str
    by_prompt: Mapping[str, Pairs]

    @property
    def without(self) -> Interval:
        """Mean rate without the negative."""
        return mean([one.without for one in self.by_prompt.values()])

    @property
    def steered(self) -> Interval:
        """Mean rate with it."""
        return mean([one.steered for one in self.by_prompt.values()])

    @property
    def change(self) -> Interval:
        """Mean difference with - without."""
        return mean([change(one) for one in self.by_prompt.values()])

    @property
    def way(self) -> Way:
        """``falls`` or ``rises`` where the interval of the change leaves out 0."""
        return "falls" if self.change.hi < 0 else "rises" if self.change.lo > 0 else "open"

    @property
    def counts(self) -> tuple[int, int, int]:
        """Seeds on which it went, on which it came, and all."""
        each = self.by_prompt.values()
        return sum(p.lost for p in each), sum(p.gained for p in each), sum(p.n for p in each)

    @property
    def p_value(self) -> float:
        """McNemar's, over the pairs of all prompts."""
        return mcnemar(*self.counts[:2])

    @property
    def is_measurable(self) -> bool:
        """Whether the judges can be believed on all of it, and on members of an umbrella."""
        members = {one for name in self.names if name in CONCEPTS for one in CONCEPTS[name].members}
        return not (UNMEASURABLE | set(STYLES)) & {*self.names, *members}

    def cells(self) -> list[str]:
        """As a line of the table under ``HEAD``."""
        what = self.what if self.is_measurable else f"{self.what}?"
        shares = map(shown, (self.without, self.steered, self.change))
        return [what, self.judge, *shares, *map(str, self.counts), f"{self.p_value:.2g}"]

    def to_json(self) -> dict[str, Any]:
        """Everything that ``cells`` says, and the pairs of each prompt."""
        gone, new, n = self.counts
        pairs_of = ("both", "lost", "gained", "neither")
        return {
            "seen": self.what,
            "names": list(self.names),
            "judge": self.judge,
            "measurable": self.is_measurable,
            "without": self.without.to_json(),
            "with": self.steered.to_json(),
            "change": self.change.to_json(),
            "way": self.way,
            "gone": gone,
            "new": new,
            "n": n,
            "p": self.p_value,
            "by_prompt": {
                prompt: {name: getattr(one, name) for name in pairs_of}
                for prompt, one in self.by_prompt.items()
            },
        }


def row(what: str, names: tuple[str, ...], judge: str, arms: Sequence[Arms]) -> Row:
    """Count one thing by one judge, prompt by prompt; ``SUBJECT`` is each prompt's own."""
    return Row(what, names, judge, {both.prompt: both.pairs(judge, names) for both in arms})


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
