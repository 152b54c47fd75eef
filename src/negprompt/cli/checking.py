"""``generate --check``: who looks at the pictures, and what is told of the tries at each."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperCommand

from negprompt.cli.probing import default_probe
from negprompt.cli.terminal import in_a_line, progress, say
from negprompt.errors import Notice, RequestError, shown

if TYPE_CHECKING:
    from negprompt.engine import Generation, Request
    from negprompt.measure.check import Checked, Look
    from negprompt.measure.probes import Probe
    from negprompt.measure.statistics import Interval

LEFT: Final = 3
"""Exit status where a picture is not clean in the end."""

Check = Annotated[
    str | None,
    typer.Option(
        "--check",
        metavar="[PROBE]",
        help="Look at each picture for what the negative names, and make it again, on the same "
        "seed with a heavier term, where that is found. PROBE: judge, judge:second, clip:MODEL, "
        "vision:MODEL@URL or package:function; by default the judge, for the pocket model.",
        show_default=False,
    ),
]
Tries = Annotated[
    int | None,
    typer.Option(help="With --check: most tries at a picture, 1 to 20; 4 by default.",
                 show_default=False),
]  # fmt: skip
NewSeed = Annotated[
    bool, typer.Option("--new-seed", help="With --check: the last try may take another seed.")
]

_PROBE: Final = re.compile(r"none|judge|[\w.]+:\S+")


class WithCheck(TyperCommand):
    """A command whose ``--check`` may stand alone: a word that names no probe is the next one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Write ``--check`` without a probe as ``--check ""``."""
        return super().parse_args(ctx, list(_spelled(args)))


def _spelled(args: Sequence[str]) -> Iterator[str]:
    for word, after in pairwise((*args, "")):
        yield word
        if word == "--check" and not _PROBE.fullmatch(after):
            yield ""


@dataclass(frozen=True, slots=True)
class Looks:
    """Who looks, how often a picture is made again, and whether another seed may be its last."""

    probe: "Probe"
    tries: int
    reseed: bool


def prober(check: str | None, model: str, *, tries: int | None, reseed: bool) -> Looks | None:
    """What ``--check`` and its two options say; None without it.

    Raises RequestError ``check-needed`` and ``probe-needed``, and what ``probe`` raises.
    """
    if check is None:
        if tries is not None or reseed:
            raise RequestError(
                f"{'--new-seed' if reseed else '--tries'} is given, and nothing is checked",
                code="check-needed",
                cure="add --check",
            )
        return None
    from negprompt.measure.check import TRIES
    from negprompt.measure.probes import probe

    found = probe(check or default_probe(model))
    if found is None:
        raise RequestError(
            f"nobody looks at pictures of {shown(model)}",
            code="probe-needed",
            cure="name who looks, such as --check clip:MODEL",
        )
    return Looks(found, TRIES if tries is None else tries, reseed)


def made(
    request: "Request", looks: Looks, out: Path, *, metadata: str, form: str
) -> "tuple[list[Checked], tuple[Path, ...], tuple[Notice, ...]]":
    """Make, look, make again; every picture is written and recorded as soon as it is done."""
    from negprompt.engine import save
    from negprompt.history.recording import kept
    from negprompt.measure.check import check

    found: list[Checked] = []
    paths: list[Path] = []
    said: list[Notice] = []
    with progress("pictures") as on_step:
        for one in check(request, looks.probe, tries=looks.tries, reseed=looks.reseed):
            found.append(one)
            new = save(one.best.made, out, metadata=metadata, form=form)
            paths += new
            said += kept(one.best.made, new, command="generate", metadata=metadata)
            on_step(len(found), request.count)
    return found, tuple(paths), tuple(dict.fromkeys(said))


def together(found: "Sequence[Checked]", looks: Looks) -> "Generation":
    """The pictures that are kept as one Generation: the plan as asked, the seconds of all tries."""
    from negprompt.measure.check import residual, unread

    first, kept = found[0].tries[0].made, [checked.best.made for checked in found]
    return replace(
        first,
        images=tuple(made.images[0] for made in kept),
        seeds=tuple(made.seeds[0] for made in kept),
        cost=replace(first.cost, seconds=residual(found).seconds),
        notices=(*first.notices, *unread(found, looks.probe)),
    )


def told(found: "Sequence[Checked]", looks: Looks) -> None:
    """Say of each picture what was found in which try, and what is left over all."""
    from negprompt.measure.check import residual

    for checked in found:
        tries = "; ".join(map(_try, checked.tries))
        last = checked.kept == len(checked.tries) - 1
        kept = "" if last else f"; try {checked.kept + 1} is kept"
        say(f"seed {checked.tries[0].made.seeds[0]}: {tries}{kept}")
    left, name = residual(found), looks.probe.name
    made = sum(len(checked.tries) for checked in found)
    say(
        f"{name}: {_share(left.first)} of {left.n} not clean at the first try, "
        f"{_share(left.last)} in the end; {made} made, {left.passes} passes, {left.seconds:.1f} s"
    )
    say(f"a second look, not a safety filter: what {name} overlooks stays")


def to_json(found: "Sequence[Checked]", paths: Sequence[Path], looks: Looks) -> dict[str, Any]:
    """What stands under ``check`` in the JSON of ``generate``."""
    from negprompt.measure.check import residual

    left = residual(found)
    return {
        "probe": looks.probe.name,
        "clean": not left.last.rate,
        "residual_first": left.first.to_json(),
        "residual": left.last.to_json(),
        "n": left.n,
        "passes": left.passes,
        "seconds": left.seconds,
        "images": [
            {
                "path": str(path),
                "clean": checked.best.is_clean,
                "kept": checked.kept + 1,
                "tries": [_try_json(look) for look in checked.tries],
            }
            for checked, path in zip(found, paths, strict=True)
        ],
    }


def _try(look: "Look") -> str:
    if not look.found:
        return "clean" if look.is_clean else "nothing that the probe can read"
    return ", ".join(f"{in_a_line(t.name)} {p:.2f} at weight {t.weight:.3g}" for t, p in look.found)


def _try_json(look: "Look") -> dict[str, Any]:
    return {
        "seed": look.made.seeds[0],
        "effective_negative": look.made.plan.effective_negative,
        "found": [{"term": t.name, "p": p, "weight": t.weight} for t, p in look.found],
        "unread": list(look.unread),
        "passes": look.made.cost.passes,
        "seconds": look.made.cost.seconds,
    }


def _share(rate: "Interval") -> str:
    """``12 % [4, 31]``."""
    return f"{100 * rate.rate:.0f} % [{100 * rate.lo:.0f}, {100 * rate.hi:.0f}]"
