"""A request → the same seeds without and with its negative, and what the judge saw in each.

The arms run in batches of the same shape, so that nothing but the negative sets them apart.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from negprompt.engine import Generation, Request, run
from negprompt.errors import Notice, RequestError
from negprompt.measure.arms import batches, seen
from negprompt.measure.statistics import Pairs, pairs
from negprompt.models.load import POCKET, Model
from negprompt.policy.plan import Plan
from negprompt.world.factors import BINARY, CONCEPTS, PLACE_WORDS, STYLE_WORDS, SUBJECT_WORDS
from negprompt.world.judge import CLASSES, Judge, Reading


@dataclass(frozen=True, slots=True)
class Arm:
    """The pictures of one side, and what the judge read in them."""

    images: tuple[Image, ...]
    reading: Reading

    def words(self, place: int) -> str:
        """What the judge saw in one picture: ``red cat, meadow, sketch; scarf, blurry``."""
        subject, *others = (self.reading.label(f)[place] for f in ("subject", "place", "style"))
        noun = f"{self.reading.label('colour')[place]} {subject}"
        there = [name for name in BINARY if seen(self.reading, name)[place]]
        return "; ".join(filter(None, (", ".join([noun, *others]), ", ".join(there))))


@dataclass(frozen=True, slots=True)
class Effect:
    """What happened to one thing that the negative names."""

    term: str
    """As the negative has it; several joined with "or"."""
    pairs: Pairs | None
    """None where the judge knows no such thing."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two arms on the same seeds."""

    request: Request
    seeds: tuple[int, ...]
    without: Arm
    steered: Arm
    plan: Plan
    notices: tuple[Notice, ...]

    def differences(self) -> tuple[NDArray[np.float32], ...]:
        """Mean absolute difference over the channels of each pair, ``[h, w]`` in [0, 1]."""
        couples = zip(self.without.images, self.steered.images, strict=True)
        return tuple(_difference(a, b) for a, b in couples)

    def effects(self) -> tuple[Effect, ...]:
        """One for each term of the negatives, and one for any of them where there are several."""
        every = (t for n in self.plan.negatives for t in n.terms)
        terms = dict.fromkeys(term.text for term in every if not term.is_hidden)
        known = {text: name for text in terms if (name := concept_of(text)) is not None}
        found = [
            Effect(text, self.presence(known[text]) if text in known else None) for text in terms
        ]
        if len(set(known.values())) > 1:
            found.append(Effect(" or ".join(known), self.presence(*known.values())))
        return tuple(found)

    def changed(self) -> dict[str, int]:
        """In how many pairs the judge reads another subject, colour, place or style."""
        labels = {
            f: (self.without.reading.label(f), self.steered.reading.label(f)) for f in CLASSES
        }
        return {f: sum(a != b for a, b in zip(*arms, strict=True)) for f, arms in labels.items()}

    def presence(self, *concepts: str) -> Pairs:
        """On how many of the seeds the judge sees any of these, without and with the negative.

        Concepts, or values of subject, colour, place or style; KeyError for another name.
        """
        arms = (self.without.reading, self.steered.reading)
        return pairs(*(seen(reading, *concepts).tolist() for reading in arms))


def compare(
    request: Request,
    *,
    model: Model,
    judge: Judge,
    on_step: Callable[[int, int], None] | None = None,
    seconds: float | None = None,
) -> Comparison:
    """Run both arms of a request, batch by batch.

    ``on_step(done, total)`` counts the steps of both arms. With ``seconds`` no batch is begun that
    would end later, but the first is always run: there may be fewer pairs than ``request.count``.

    Raises RequestError ``negative-missing``, and what ``run`` raises.
    """
    told = request.planned().notices
    request = request.divided()
    needs_negative(request)
    arms = (bare(request), request)
    shapes = list(batches(request.seed, request.count))
    made: tuple[list[Generation], list[Generation]] = ([], [])
    start = time.monotonic()
    for number, (seed, count) in enumerate(shapes):
        spent = time.monotonic() - start
        if seconds is not None and number and spent * (number + 1) / number > seconds:
            break
        for side, arm in enumerate(arms):
            steps = _offset(on_step, 2 * number + side, 2 * len(shapes))
            asked = replace(arm, seed=seed, count=count)
            made[side].append(run(asked, model=model, on_step=steps))
    without, steered = (_arm(generations, judge) for generations in made)
    last = made[1][-1]
    seeds = tuple(seed for generation in made[1] for seed in generation.seeds)
    asked = replace(last.request, seed=request.seed, count=len(seeds))
    notices = tuple(dict.fromkeys((*told, *last.notices, *foreign(model))))
    return Comparison(asked, seeds, without, steered, last.plan, notices)


def bare(request: Request) -> Request:
    """The same without a negative and without policies."""
    return replace(request, negative=None, negative_weights=None, policies=())


def needs_negative(request: Request) -> None:
    """Raise RequestError ``negative-missing`` where neither a negative nor a policy is given."""
    if request.negative is None and not request.policies:
        raise RequestError(
            "there is no negative to compare with",
            code="negative-missing",
            cure='give one, such as --negative "blurry"',
        )


def foreign(model: Model) -> tuple[Notice, ...]:
    """The notice ``judge-foreign`` for a model of another world than the judges'."""
    if model.name == POCKET:
        return ()
    text = "the judges know only the pocket model's world; of other pictures they guess"
    return (Notice("judge-foreign", text),)


def concept_of(term: str) -> str | None:
    """The concept, style, place, colour or subject that a term of a negative names, if any."""
    return _named().get(" ".join(term.lower().split()))


@cache
def _named() -> Mapping[str, str]:
    """Every word that names something → what it names."""
    found = {name: name for names in CLASSES.values() for name in names}
    for table in (SUBJECT_WORDS, PLACE_WORDS, STYLE_WORDS):
        found |= {word: name for name, words in table.items() for word in words}
    found |= {word: c.name for c in CONCEPTS.values() for word in (c.name, *c.words)}
    return MappingProxyType(found)


def _arm(generations: Sequence[Generation], judge: Judge) -> Arm:
    images = tuple(image for generation in generations for image in generation.images)
    return Arm(images, judge.read(images))


def _difference(one: Image, other: Image) -> NDArray[np.float32]:
    a, b = (np.asarray(image.convert("RGB"), np.float32) / 255 for image in (one, other))
    return np.asarray(np.abs(a - b).mean(-1), np.float32)


def _offset(
    on_step: Callable[[int, int], None] | None, runs: int, of: int
) -> Callable[[int, int], None] | None:
    """Progress of one run as progress of all."""
    if on_step is None:
        return None
    return lambda done, total: on_step(runs * total + done, of * total)
