"""What a probe is, and its answers checked: the one way in which a probe is asked."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL.Image import Image

from negprompt.errors import Notice, RequestError, shown
from negprompt.language import parse

Answers = tuple[float | None, ...]
"""p(present) for each picture, or None where the probe abstains."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Something that says of pictures whether a thing is in them."""

    name: str
    """What ``--probe`` takes to get it again."""
    ask: Callable[[Sequence[Image], str], Sequence[float | None]]
    """Pictures and a term → one answer each, p(present) in [0, 1] or None."""
    keeps: Callable[[str], tuple[str, ...]] = lambda prompt: (prompt,)
    """What of a prompt's words a negative should leave alone, the subject first."""
    describe: Callable[[Sequence[Image]], list[frozenset[str]]] | None = None
    """All that the probe sees in each picture, where it can say that."""
    known: Callable[[str], frozenset[str]] = lambda term: frozenset()
    """What ``describe`` calls the thing that a term names."""
    mark: str = ""
    """Sets apart two probes of one name, such as a hash of weights."""
    notices: tuple[Notice, ...] = ()


def words(prompt: str, dialect: str) -> str:
    """What a prompt says in its language, without brackets and weights."""
    tree = parse(prompt, dialect)
    said = tree.glue.join(segment.text for segment in tree.segments() if not segment.is_break)
    return " ".join(said.split())


def answers(probe: Probe, images: Sequence[Image], term: str) -> Answers:
    """Ask a probe and check what it says.

    Raises RequestError ``probe-answer-invalid`` for anything but one number from 0 to 1, or None,
    for each picture.
    """
    said = tuple(probe.ask(images, term)) if images else ()
    if len(said) != len(images):
        raise RequestError(
            f"{probe.name} gave {len(said)} answers for {len(images)} pictures",
            code="probe-answer-invalid",
            cure="return one number from 0 to 1, or None, for each picture",
        )
    return tuple(_checked(probe, value) for value in said)


def _checked(probe: Probe, value: object) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)  # type: ignore[arg-type]  # numpy's and torch's scalars too
    except (TypeError, ValueError):
        number = math.nan
    if not 0 <= number <= 1:
        raise RequestError(
            f"{probe.name} answered {shown(value)}",
            code="probe-answer-invalid",
            cure="return one number from 0 to 1, or None, for each picture",
        )
    return number
