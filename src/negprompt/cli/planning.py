"""What ``plan`` and ``advise`` share: a request that is planned and not run, on a known family."""

from pathlib import Path
from typing import Annotated

import typer

from negprompt.errors import RequestError, shown

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
    if model == "pocket":
        return "sd1"
    place = Path(model)
    if place.is_dir():
        from negprompt.models.found import family_of_folder

        return family_of_folder(place) or None
    if place.is_file():
        from negprompt.models.single import family_of_file

        return family_of_file(place)
    return None
