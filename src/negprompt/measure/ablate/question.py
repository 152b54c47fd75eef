"""Prompts and a negative → the arms that say what each of its terms does."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from negprompt.engine import Request
from negprompt.errors import RequestError
from negprompt.measure.explain.leave_out import Negatives, keeping
from negprompt.policy.plan import Plan, Term

MARGIN = 0.10
"""A change of a rate that is smaller than this is nothing."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to make the pictures."""

    name: str
    negatives: Negatives

    def request(self, base: Request, prompt: str, seed: int, count: int) -> Request:
        """The request for some pictures of the arm; settings are the base's."""
        texts = tuple(text for text, _ in self.negatives)
        weights = tuple(weight for _, weight in self.negatives)
        plain = all(weight == 1 for weight in weights)
        return replace(
            base, prompt=prompt, negative=texts or None, seed=seed, count=count,
            negative_weights=None if plain else weights,
        )  # fmt: skip


@dataclass(frozen=True)
class Question:
    """What is asked. The base request holds the full negative, all settings and the first seed.

    Raises RequestError ``terms-missing`` for a negative without terms, ``prompts-missing`` for no
    prompts, and what Request raises for every prompt.
    """

    prompts: tuple[str, ...]
    base: Request
    seeds: int = 64
    """Most seeds a prompt."""
    keeps: tuple[str, ...] = ()
    """What should stay, the subject first."""
    margin: float = MARGIN

    def __post_init__(self) -> None:
        """Check every value."""
        if not self.prompts:
            raise RequestError(
                "there is no prompt", code="prompts-missing", cure="give one or several"
            )
        if not self.terms:
            raise RequestError(
                "the negative has no terms to ask about",
                code="terms-missing",
                cure='give one, such as --negative "blurry, watermark"',
            )
        for prompt in self.prompts:
            replace(self.base, prompt=prompt, count=self.seeds)
        if not 0 < self.margin < 1:
            raise RequestError(
                f"the margin is {self.margin!r}",
                code="value-out-of-range",
                cure="give a share between 0 and 1, such as 0.1",
            )

    @cached_property
    def plan(self) -> Plan:
        """The plan of the full negative."""
        return replace(self.base, prompt=self.prompts[0]).divided().planned()

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """The terms of the full negative, over all of its branches."""
        return tuple(term for negative in self.plan.negatives for term in negative.terms)

    @property
    def none(self) -> Arm:
        """No negative at all."""
        return Arm("none", ())

    @property
    def full(self) -> Arm:
        """The whole negative."""
        return Arm("full", keeping(self.plan, range(len(self.terms))))

    def without(self, number: int) -> Arm:
        """The negative with one term left out."""
        return self.only_with({*range(len(self.terms))} - {number}, f"without {self.text(number)}")

    def only(self, number: int) -> Arm:
        """One term by itself."""
        return self.only_with({number}, f"only {self.text(number)}")

    def only_with(self, numbers: set[int], name: str) -> Arm:
        """The terms with these numbers."""
        return Arm(name, keeping(self.plan, numbers))

    def text(self, number: int) -> str:
        """A term's words."""
        return self.terms[number].text

    def arms(self, numbers: "set[int] | range | None" = None) -> Iterator[Arm]:
        """None, full, and for each of some terms the arm without it and that of it alone.

        Arms of the same negative are given once, under the first of their names.
        """
        chosen = range(len(self.terms)) if numbers is None else sorted(numbers)
        found: dict[Negatives, Arm] = {}
        for arm in self._named(chosen):
            found.setdefault(arm.negatives, arm)
        yield from found.values()

    @property
    def named_arms(self) -> tuple[Arm, ...]:
        """All arms, those of the same negative under each of their names."""
        return tuple(self._named(range(len(self.terms))))

    def _named(self, numbers: Iterable[int]) -> Iterator[Arm]:
        yield from (self.none, self.full)
        for number in numbers:
            yield from (self.without(number), self.only(number))

    @property
    def pictures(self) -> int:
        """How many pictures all arms take when nothing stops early."""
        return len(list(self.arms())) * len(self.prompts) * self.seeds
