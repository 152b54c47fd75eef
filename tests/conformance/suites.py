"""What a suite of cases is, and how a case is judged: passed, deviation, or failed.

An adapter puts the project's answer to one case into the form of the case's ``expected``.  A
deviation is deliberate: it has a name, a predicate and a reason in docs/conformance.md, is at most
one case in twenty of a suite, and is never counted as passed.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from negprompt.errors import NegpromptError

Case: TypeAlias = Mapping[str, Any]

MOST_DEVIATIONS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Refused:
    """The project's answer where it raised one of its own errors."""

    code: str


@dataclass(frozen=True, slots=True)
class Deviation:
    """A difference on purpose.  ``holds`` is True where a case differs by this and nothing else."""

    name: str
    holds: Callable[[Case, Any], bool]


def same(answer: Any, expected: Any, case: Case) -> bool:
    """Whether two answers are equal, numbers to the case's own tolerance or 1e-9 of their size.

    A list and a tuple are alike; a text, a truth value and None must be the same.
    """
    return _close(answer, expected, float(case.get("tol", 1e-9)), 0.0)


def near(answer: Any, expected: Any, *, within: float) -> bool:
    """Whether two answers are equal, numbers to the absolute tolerance ``within``."""
    return _close(answer, expected, 0.0, within)


def _close(answer: Any, expected: Any, relative: float, absolute: float) -> bool:
    if isinstance(expected, list | tuple):
        return (
            isinstance(answer, list | tuple)
            and len(answer) == len(expected)
            and all(_close(a, e, relative, absolute) for a, e in zip(answer, expected, strict=True))
        )
    if isinstance(expected, dict):
        return (
            isinstance(answer, Mapping)
            and answer.keys() == expected.keys()
            and all(_close(answer[key], expected[key], relative, absolute) for key in expected)
        )
    if isinstance(expected, bool | str) or expected is None:
        return type(answer) is type(expected) and bool(answer == expected)
    return (
        isinstance(answer, int | float)
        and not isinstance(answer, bool)
        and math.isclose(answer, expected, rel_tol=relative, abs_tol=absolute)
    )


@dataclass(frozen=True, slots=True)
class Suite:
    """How the cases of one file are answered, compared and, on purpose, differed from."""

    answer: Callable[[Case], Any]
    agrees: Callable[[Any, Any, Case], bool] = same
    deviations: tuple[Deviation, ...] = ()

    def judge(self, case: Case) -> "Judged":
        """Return the project's answer to a case and what it amounts to.

        A case that expects an error passes where the project refuses it too.  An exception that
        is not the project's own is a failure.
        """
        try:
            answer = self.answer(case)
        except NegpromptError as error:
            answer = Refused(error.code)
        except Exception as error:  # noqa: BLE001 - the runner must go on, and says what it was
            return Judged("failed", repr(error))
        expected = case["expected"]
        if isinstance(expected, dict) and set(expected) == {"error"}:
            agrees = isinstance(answer, Refused)
        else:
            agrees = not isinstance(answer, Refused) and self.agrees(answer, expected, case)
        if agrees:
            return Judged("passed", answer)
        names = [d.name for d in self.deviations if d.holds(case, answer)]
        return Judged(names[0] if names else "failed", answer)


@dataclass(frozen=True, slots=True)
class Judged:
    """``verdict`` is "passed", "failed" or the name of a deviation."""

    verdict: str
    answer: Any
