"""A request and a probe → pictures that were looked at, and made again where a negative failed.

Steering is no promise: what a negative names may be in the picture all the same.  Here a probe
looks for every term that acts; what it finds weighs more in the next try, on the same noise, until
it is gone or the tries are.  That is a second look, not a safety filter: what the probe overlooks
stays, and what is left after the last try is told.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from negprompt.engine import Generation, Request, loaded, run
from negprompt.errors import Notice, RequestError
from negprompt.measure.arms import SEEN_FROM
from negprompt.measure.probes import Probe, answers
from negprompt.measure.statistics import Interval, wilson
from negprompt.policy.layers import Layer, LayerTerm
from negprompt.policy.merge import given
from negprompt.policy.plan import Plan

if TYPE_CHECKING:
    from negprompt.models.load import Model

TRIES: Final = 4
MOST_TRIES: Final = 20
STEP: Final = 1.3
"""A term that was found weighs so many times as much in the next try,"""
HEAVIEST: Final = 2.0
"""but no more than this, unless it was given more to begin with."""

Key = tuple[str, str, bool]


@dataclass(frozen=True, slots=True)
class Watched:
    """A term that the pictures are steered away from."""

    text: str
    weight: float
    dialect: str
    name: str
    """What others may call it."""
    is_hidden: bool = False

    @property
    def key(self) -> Key:
        """What makes two of them one, as ``policy.merge`` sees it."""
        return " ".join(self.text.casefold().split()), self.dialect, self.is_hidden

    @property
    def heavier(self) -> "Watched":
        """The same as it is in the next try."""
        weight = float(f"{STEP * self.weight:.3g}")  # as short as people write weights
        return replace(self, weight=min(weight, max(HEAVIEST, self.weight)))


@dataclass(frozen=True, slots=True)
class Look:
    """A picture, and the probe's p(present) of each term, None where it abstains."""

    made: Generation
    said: tuple[tuple[Watched, float | None], ...]

    @property
    def found(self) -> tuple[tuple[Watched, float], ...]:
        """What is in the picture to the probe."""
        return tuple((term, p) for term, p in self.said if p is not None and p > SEEN_FROM)

    @property
    def unread(self) -> tuple[str, ...]:
        """What the probe says nothing of."""
        return tuple(term.name for term, p in self.said if p is None)

    @property
    def is_clean(self) -> bool:
        """Whether the probe could say something and found nothing."""
        return not self.found and any(p is not None for _, p in self.said)

    @property
    def residue(self) -> tuple[int, float]:
        """How much was found; less is better."""
        return len(self.found), sum(p for _, p in self.found)


@dataclass(frozen=True, slots=True)
class Checked:
    """One picture: all tries at it, and the number of the one that is kept."""

    tries: tuple[Look, ...]
    kept: int

    @property
    def best(self) -> Look:
        """The try that is kept."""
        return self.tries[self.kept]


@dataclass(frozen=True, slots=True)
class Residual:
    """What is left over all pictures, and what it took."""

    first: Interval
    """Share of pictures that are not clean at the first try,"""
    last: Interval
    """and of those that are not in the end."""
    n: int
    passes: int
    seconds: float


def check(
    request: Request,
    probe: Probe,
    *,
    tries: int = TRIES,
    reseed: bool = False,
    model: "Model | None" = None,
    on_step: Callable[[int, int], None] | None = None,
) -> Iterator[Checked]:
    """Make the pictures of a request, look at each, and make it again while something is found.

    Every picture is made by itself, so tries at one differ by the negative alone.  What is found
    weighs STEP times as much in the next try, at most HEAVIEST.  With ``reseed`` the
    last try takes another seed, one that no other picture of the request has.  The try in which the
    least was found is kept, the earliest of equals.  At most ``tries`` pictures (1 to 20) are made
    for each.  ``on_step(done, total)`` counts the model calls of one try.

    Raises RequestError ``value-out-of-range`` and ``check-nothing``, and what ``run`` and
    ``answers`` raise.
    """
    if not 1 <= tries <= MOST_TRIES:
        raise RequestError(
            f"tries is {tries}",
            code="value-out-of-range",
            cure=f"give a whole number from 1 to {MOST_TRIES}",
        )
    model = model or loaded(request.model, request.loading)
    if not watched(request.planned(model.family.name)):
        raise RequestError(
            "no negative acts, so there is nothing to look for",
            code="check-nothing",
            cure="give one with --negative or --policy",
        )
    make = partial(run, model=model, on_step=on_step)
    for seed in range(request.seed, request.seed + request.count):
        alone = replace(request, seed=seed, count=1)
        other = seed + request.count if reseed else None
        made = tuple(_tries(alone, probe, tries, other, make))
        yield Checked(made, min(range(len(made)), key=lambda number: made[number].residue))


def _tries(
    request: Request,
    probe: Probe,
    most: int,
    other_seed: int | None,
    make: Callable[[Request], Generation],
) -> Iterator[Look]:
    """Yield the tries at one picture: heavier while that changes anything, then the other seed."""
    heavier: dict[Key, Watched] = {}
    asked, pixels = request, b""
    for left in reversed(range(most)):
        made = make(asked)
        terms = watched(made.plan)
        look = Look(made, tuple((t, answers(probe, made.images, t.text)[0]) for t in terms))
        yield look
        if not look.found or asked.seed != request.seed:
            return
        before, pixels = pixels, made.images[0].tobytes()
        raised = {term.key: term.heavier for term, _ in look.found}
        is_stuck = pixels == before or all(term == raised[term.key] for term, _ in look.found)
        heavier |= raised
        asked = strengthened(request, heavier.values())
        if other_seed is not None and (is_stuck or left == 1):
            asked = replace(asked, seed=other_seed)
        elif is_stuck:
            return


def watched(planned: Plan) -> tuple[Watched, ...]:
    """The terms that the pictures of a plan are steered away from, each once."""
    standing = (
        Watched(t.text, t.weight, t.dialect, f"<{t.name}>" if t.is_hidden else t.text, t.is_hidden)
        for t in planned.standing
    )
    typed = (
        Watched(term.text, term.weight, planned.dialect, term.text)
        for negative in planned.negatives
        for term in negative.terms
        if term.layer == "user" and negative.weight > 0 and term.weight > 0
    )
    found: dict[Key, Watched] = {}
    for term in (*standing, *typed):
        found[term.key] = max(found.get(term.key, term), term, key=lambda one: one.weight)
    return tuple(found.values())


def strengthened(request: Request, terms: Collection[Watched]) -> Request:
    """The same with layers above all others in which these terms have these weights.

    A layer's term of the same words becomes one with them, so it stands in the negative once.
    """
    empty = given(request.negative) == "empty"
    kinds = dict.fromkeys((term.dialect, term.is_hidden) for term in terms)
    layers = (
        Layer(
            name=f"retry-{number}",
            version="1",
            rank="feedback",
            mode="enforced" if empty else "always",  # "" leaves nothing but enforced terms
            terms=tuple(
                LayerTerm(term.text, term.weight)
                for term in terms
                if (term.dialect, term.is_hidden) == (dialect, is_hidden)
            ),
            dialect=dialect,
            reason="a probe found it all the same",
            visibility="owner" if is_hidden else "public",
            least_scale=1.0,
        )
        for number, (dialect, is_hidden) in enumerate(kinds, 1)
    )
    return replace(request, policies=(*request.policies, *layers))


def residual(made: Sequence[Checked]) -> Residual:
    """What is left in one or more pictures, and what all tries at them took."""
    costs = [look.made.cost for checked in made for look in checked.tries]
    return Residual(
        first=wilson(sum(not checked.tries[0].is_clean for checked in made), len(made)),
        last=wilson(sum(not checked.best.is_clean for checked in made), len(made)),
        n=len(made),
        passes=sum(cost.passes for cost in costs),
        seconds=sum(cost.seconds for cost in costs),
    )


def unread(made: Sequence[Checked], probe: Probe) -> tuple[Notice, ...]:
    """The notice ``check-unread``: terms that the probe says nothing of in any picture."""
    each = [look.unread for checked in made for look in checked.tries]
    lost = [name for name in each[0] if all(name in names for names in each)] if each else []
    text = f"{probe.name} cannot say whether a picture shows {', '.join(lost)}"
    return (Notice("check-unread", text),) if lost else ()
