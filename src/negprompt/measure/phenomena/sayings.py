"""What is said of negatives, and the rule by which each saying is reproduced or not.

All of it stands here before any picture is made; the page is written from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from negprompt.measure.phenomena import measures, ways
from negprompt.measure.phenomena.measures import Measure
from negprompt.measure.phenomena.ways import Way
from negprompt.measure.statistics import Interval

Verdict = Literal["reproduced", "not reproduced", "open"]
ROOM: Final = 0.15
"""Share of the pictures without a negative that must have the thing, for its removal to count."""


@dataclass(frozen=True, slots=True)
class Saying:
    """One thing that is said, and how it is held against pictures."""

    name: str
    said: str
    source: str
    measure: Measure
    ways: tuple[Way, ...]
    """The points of its figure."""
    ends: tuple[Way, Way]
    """The contrast: the first less the second."""
    least: float
    """A contrast below this is too small to matter."""
    by_concept: bool = False
    """Whether its figure shows concepts rather than ways."""
    removes: bool = False
    """Whether it is about removing, which takes something that is there."""

    @property
    def rule(self) -> str:
        """The rule in words."""
        what = "difference" if self.measure.unit == "share" else "logarithm of the ratio"
        first, second = (way.name for way in self.ends)
        return (
            f"Measured: {self.measure.about}. The number that counts is the {what} of *{first}* "
            f"and *{second}*, on the same prompts and seeds. Not reproduced where its 95 % "
            f"interval lies below {self.least:g}; reproduced where it lies above 0; else open."
            + (f" Open, too, where less than {ROOM:g} of the pictures without a negative have the "
               "thing." if self.removes else "")
        )  # fmt: skip

    def verdict(self, contrast: Interval | None, there: float = 1.0) -> Verdict:
        """By that rule; ``there`` is how often the thing is in the pictures without a negative."""
        if contrast is None or (self.removes and there < ROOM):
            return "open"
        if contrast.hi < self.least:
            return "not reproduced"
        return "reproduced" if contrast.lo > 0 else "open"


_LISTS: Final = (ways.TERM, ways.LIST_4, ways.LIST_10, ways.LIST_20)

SAYINGS: Final[Mapping[str, Saying]] = {
    one.name: one
    for one in (
        Saying(
            "naming", "A negative removes what captions named, and not what none named.",
            "follows from training on captions; the world's table says which is which",
            measures.REMOVED, (ways.TERM, ways.UNNAMED), (ways.TERM, ways.UNNAMED), 0.05,
            by_concept=True, removes=True,
        ),
        Saying(
            "many", "Further terms cost what the prompt asks for.",
            "artists' advice: few negatives", measures.KEPT, (ways.NONE, *_LISTS),
            (ways.TERM, ways.LIST_20), 0.05,
        ),
        Saying(
            "scale", "A high scale leads away from what was asked, not nearer.",
            "artists' advice: low scales; Kynkäänniemi et al. 2024, arXiv:2404.07724",
            measures.DISTANCE, (ways.TERM_LOW, ways.TERM, ways.TERM_4, ways.TERM_7),
            (ways.TERM_7, ways.TERM), 0.1,
        ),
        Saying(
            "early", "A negative acts early: begun at half of the steps it comes too late.",
            "arXiv:2603.13300; against it, delay is advised in arXiv:2406.02965",
            measures.AVOIDED,
            (ways.NONE, ways.FIRST_QUARTER, ways.FIRST_HALF, ways.TERM, ways.FROM_QUARTER,
             ways.SECOND_HALF),
            (ways.FIRST_HALF, ways.SECOND_HALF), 0.05, removes=True,
        ),
        Saying(
            "reverse", "In the first steps a negative can bring what it names.",
            "reverse activation, Ban et al. 2024, arXiv:2406.02965", measures.PRESENT,
            (ways.RARE, ways.RARE_2, ways.RARE_4), (ways.RARE_4, ways.RARE), 0.05,
        ),
        Saying(
            "dilution", "In a list of twenty a term does less than by itself.",
            "terms are encoded together", measures.AVOIDED, (ways.NONE, *_LISTS),
            (ways.TERM, ways.LIST_20), 0.05, removes=True,
        ),
        Saying(
            "variety", "A long negative costs variety.", "artists' advice", measures.VARIETY,
            (ways.NONE, *_LISTS), (ways.NONE, ways.LIST_20), 0.05,
        ),
        Saying(
            "low", "A scale of 1.5 without a negative is nearer to what was asked than the "
            "negative at the model's own scale, 4.",
            "artists' advice: scales of 1 to 2 and look at what comes freely", measures.DISTANCE,
            (ways.NONE_1, ways.NONE_LOW, ways.NONE, ways.NONE_4, ways.TERM_LOW, ways.TERM,
             ways.TERM_4),
            (ways.TERM_4, ways.NONE_LOW), 0.1,
        ),
        Saying(
            "antonym", "The antonym in the prompt removes more than the negative.",
            "practice: sharp in place of not blurry", measures.AVOIDED,
            (ways.NONE, ways.TERM, ways.ANTONYM), (ways.ANTONYM, ways.TERM), 0.05,
            by_concept=True, removes=True,
        ),
    )
}  # fmt: skip
