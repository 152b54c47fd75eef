"""Letting a model speak first: many seeds without guidance, then one of them guided gently."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from negprompt.errors import RequestError

if TYPE_CHECKING:
    from negprompt.engine import Generation

SEEDS: Final = 16
"""Pictures of ``--free`` where no count is given."""
GENTLE: Final = 1.5
"""Guidance scale of ``--from`` where none is given."""

Free = Annotated[
    bool,
    typer.Option(
        "--free",
        help="The prompt alone at scale 1, one pass a step: many seeds and a sheet of them all.",
    ),
]
FromSeed = Annotated[
    int | None,
    typer.Option(
        "--from",
        metavar="SEED",
        help="One seed of --free again, guided gently: scale 1.5 where --cfg says nothing else.",
        show_default=False,
    ),
]


def spoken(
    settings: dict[str, Any], typed: set[str], *, free: bool, seed: int | None
) -> dict[str, Any]:
    """The settings of a request, as ``--free`` or ``--from SEED`` changes them.

    Raises RequestError ``free-alone`` and ``free-or-from``.
    """
    if seed is not None:
        if free or typed & {"seed", "count"}:
            raise RequestError(
                f"--from {seed} is one seed, and another is asked for as well",
                code="free-or-from",
                cure="leave out --free, --seed and --count",
            )
        cfg = settings["cfg"] if "cfg" in typed else GENTLE
        return settings | {"seed": seed, "count": 1, "cfg": cfg}
    if not free:
        return settings
    if settings["negative"] or settings["policies"] or settings["cfg"] not in (None, 1):
        raise RequestError(
            "--free is the prompt alone, and a negative, a policy or a scale is given",
            code="free-alone",
            cure="leave them for --from SEED",
        )
    count = settings["count"] if "count" in typed else SEEDS
    return settings | {"cfg": 1.0, "count": count}


def contact(made: "Generation", out: Path) -> Path:
    """Write the sheet of all pictures, the seed under each; its path, ``free-NNNNN.png``."""
    from negprompt.engine import written
    from negprompt.measure.sheet import contact as drawn
    from negprompt.measure.sheet import png

    last = "Then one of them, gently: the same with --from SEED in place of --free, and a negative."
    sheet = drawn(made.images, made.seeds, made.request.prompt, last)
    return written.write(written.following(out, "free"), png(sheet))
