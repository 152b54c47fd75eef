"""What commands share that plan a request: its family by name, and what acts under policies."""

from typing import TYPE_CHECKING, Annotated

import typer

from negprompt.cli.terminal import in_a_line, say
from negprompt.errors import RequestError, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from negprompt.engine import Request

FamilyName = Annotated[
    str | None,
    typer.Option(
        "--family",
        metavar="NAME",
        help="sd1, sd2, sdxl, sd3 or flux; by default as the model's files say.",
        show_default=False,
    ),
]


def family_of(model: str, given: str | None) -> str | None:
    """The family of a model that is not loaded; None where its files do not say, or are not here.

    Raises RequestError ``family-unknown`` for a name that there is none of.
    """
    from negprompt.policy.families import FEW_STEP, families

    known = [name for name in families() if name not in ("pocket", FEW_STEP)]
    if given is not None:
        if given not in known:
            raise RequestError(
                f"there is no family {shown(given)}",
                code="family-unknown",
                cure=f"choose one of: {', '.join(known)}",
            )
        return given
    from negprompt.models.found import family_named

    return family_named(model)


def standing(asked: "Request") -> None:
    """Say under which negative a command works, where policies act on it."""
    if asked.policies:
        planned = asked.planned(family_of(asked.model, None))
        say(f"effective negative: {in_a_line(planned.effective_negative, 4000) or '(none)'}")


def spelled_out(asked: "Request") -> "Request":
    """The request with all that acts typed, for commands that take a negative apart."""
    from negprompt.measure.standing import spelled_out as made

    standing(asked)
    return made(asked)


def spelled_out_each(asked: "Request", prompts: "Sequence[str]") -> "tuple[Request, ...]":
    """The same for each of several prompts, which come to the same negative."""
    from negprompt.measure.standing import spelled_out_each as made

    standing(asked)
    return made(asked, prompts)
