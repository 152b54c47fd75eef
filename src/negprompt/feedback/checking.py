"""A term that feedback added → does it do anything on this prompt?  Paired seeds, a probe looks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from negprompt.engine import Request, run
from negprompt.feedback.applying import Applied, apply
from negprompt.feedback.draft import Draft, Edit, asked
from negprompt.measure.arms import SEEN_FROM
from negprompt.measure.probes import Probe, answers
from negprompt.measure.statistics import Pairs, pairs
from negprompt.policy.lookalikes import key

if TYPE_CHECKING:
    from negprompt.models.load import Model

PAIRS: Final = 8
"""Seeds a check looks at: it finds what does nothing at all, and no small effect."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a paired check found of a term."""

    term: str
    pairs: Pairs

    @property
    def effect(self) -> float | None:
        """Share of the pictures with the thing in which it went, less those in which it came.

        None where it was in no picture without the term, so that there was nothing to take away.
        """
        there = self.pairs.both + self.pairs.lost
        return (self.pairs.lost - self.pairs.gained) / there if there else None

    @property
    def is_useless(self) -> bool:
        """Whether there was something to take away, and it was not taken away."""
        return self.effect is not None and self.effect <= 0


def check(
    term: str,
    draft: Draft,
    request: Request,
    probe: Probe,
    *,
    model: "Model | None" = None,
    count: int = PAIRS,
) -> Checked | None:
    """Return what a term of the draft does: ``count`` seeds without and with it, same batch shape.

    ``request`` is the one that the draft was made from; its seed is the first.  None where the
    probe does not know the thing.  Raises what ``run`` and ``answers`` raise.
    """
    without = replace(draft, own=tuple(o for o in draft.own if key(o.text) != key(term)))
    seen: list[list[bool]] = []
    for arm in (without, draft):
        asking = replace(asked(arm, request), count=count)
        said = answers(probe, run(asking, model=model).images, term)
        if any(one is None for one in said):
            return None
        seen.append([one is not None and one > SEEN_FROM for one in said])
    return Checked(term, pairs(*seen))


def settled(found: Sequence[Checked], draft: Draft) -> Applied:
    """Return the draft with what checks found of its terms, useless ones dropped and said."""
    effects = {key(one.term): one.effect for one in found}
    own = tuple(replace(o, effect=effects.get(key(o.text), o.effect)) for o in draft.own)
    useless = [
        Edit("remove", one.term, f"it was checked on {one.pairs.n} pairs of pictures: no effect")
        for one in found
        if one.is_useless
    ]
    return apply(useless, replace(draft, own=own))
