"""``negprompt bench --suite screening|finals``: the protocol, its options, time and files."""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from negprompt.cli.probing import counting
from negprompt.cli.terminal import clock, notices, say
from negprompt.errors import RequestError, shown

if TYPE_CHECKING:
    from negprompt.measure.protocol.run import Report, Suite, Table
    from negprompt.models.load import Model

SuiteName = Annotated[
    Literal["negatives", "card", "screening", "finals", "findings", "feedback", "packs"],
    typer.Option(
        "--suite",
        help="negatives: each one on paired seeds. card: model and judges. screening, finals: the "
        "protocol, all arms and baselines. findings: what is said of negatives, held against "
        "pictures. feedback: complaints about flawed pictures. packs: those of the pocket model.",
    ),
]
Quick = Annotated[
    bool, typer.Option("--quick", help="The same with few seeds or prompts, in a few minutes.")
]
BenchScale = Annotated[
    float | None,
    typer.Option("--scale", "--cfg", help="Guidance scale of all rows: 2.", show_default=False),
]
BenchSteps = Annotated[int | None, typer.Option(help="Denoising steps: 25.", show_default=False)]
BenchSeed = Annotated[
    int | None, typer.Option(help="Seed of the first picture of an arm: 0.", show_default=False)
]
JudgeName = Annotated[
    Literal["first", "second"],
    typer.Option(help="Whose word counts; the second judge was used for no tuning."),
]
Anew = Annotated[bool, typer.Option("--anew", help="Forget what an earlier run measured.")]
Tables = Annotated[Path, typer.Option(metavar="FOLDER", help="Where tables are written.")]
Seeds = Annotated[
    str | None,
    typer.Option(
        metavar="N|A:B",
        help="Seeds a row or prompt, or the seeds from A up to, not including, B.",
        show_default=False,
    ),
]
Prompts = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="CSV of your own with prompt, negative, antonym in place of the arms.",
        show_default=False,
    ),
]
Rules = Annotated[
    str | None,
    typer.Option(metavar="A,B", help="Rules that enter the table.", show_default=False),
]
OwnRules = Annotated[
    list[str] | None,
    typer.Option(
        "--rule",
        metavar="package:function",
        help="A rule of your own that enters the table; may be given several times.",
        show_default=False,
    ),
]
Arms = Annotated[
    str | None,
    typer.Option(metavar="A,B", help="Some arms only.", show_default=False),
]

Only = Annotated[
    str | None,
    typer.Option(metavar="A,B", help="Some findings only.", show_default=False),
]

TAKES: Final[Mapping[str, frozenset[str]]] = {
    "screening": frozenset(("--prompts", "--rules", "--rule", "--arms", "--estimate")),
    "finals": frozenset(("--prompts", "--rules", "--rule", "--arms", "--estimate")),
    "findings": frozenset(("--only", "--estimate")),
    "packs": frozenset(("--estimate",)),
}
"""Which options of More a suite takes."""
_SEEDS = re.compile(r"(\d{1,18}):(\d{1,18})|(\d{1,6})")


@dataclass(frozen=True, slots=True)
class More:
    """What only some suites take, and whether to measure anew."""

    prompts: Path | None = None
    rules: str | None = None
    own: tuple[str, ...] = ()
    arms: str | None = None
    estimate: bool = False
    anew: bool = False
    only: str | None = None

    def refuse(self, suite: str) -> None:
        """Raise RequestError ``option-not-here`` where a suite was given what others take."""
        given = {"--prompts": self.prompts, "--rules": self.rules, "--rule": self.own,
                 "--arms": self.arms, "--estimate": self.estimate, "--only": self.only}  # fmt: skip
        for name, value in given.items():
            if value and name not in TAKES.get(suite, ()):
                others = " or ".join(f"--suite {one}" for one in TAKES if name in TAKES[one])
                raise RequestError(
                    f"the suite {suite} takes no {name}",
                    code="option-not-here",
                    cure=f"leave it out, or take {others}",
                )


def seeds_of(text: str | None, seed: int | None) -> tuple[int | None, int | None]:
    """Number of seeds and the first one, where they are given.

    Raises RequestError ``seeds-unreadable``.
    """
    if text is None:
        return None, seed
    found = _SEEDS.fullmatch(text.strip())
    first, last, count = found.groups() if found else (None, None, None)
    number = int(last) - int(first) if first and last else int(count or 0)
    if not 1 <= number <= 10_000 or (first and seed is not None):
        also = "" if seed is None else f" and the first is {seed}"
        raise RequestError(
            f"the seeds are {shown(text)}{also}",
            code="seeds-unreadable",
            cure="give a number from 1 to 10000, or first:last such as 0:16 without --seed",
        )
    return number, int(first) if first else seed


def asked(name: str, given: dict[str, Any], more: More, *, quick: bool) -> "Suite":
    """The suite that a command line asks for, checked before anything is loaded.

    Raises RequestError ``arm-unknown``, ``prompts-unreadable``, and what Request raises.
    """
    from negprompt.engine import Request
    from negprompt.measure.protocol import own, run

    if more.prompts is not None:
        if more.arms is not None:
            raise RequestError(
                "prompts of your own stand in place of the arms, and --arms was given",
                code="option-not-here",
                cure="give one of them",
            )
        given["own"] = own.cases(more.prompts)
    elif more.arms is not None:
        given["arms"] = run.arms_of(more.arms)
    found = run.Suite(name=name, quick=quick, **given)
    Request(prompt="", cfg=found.scale, steps=found.steps, seed=found.seed, count=10_000)
    return found


def measured(
    suite: "Suite", model: str, more: More, *, judge: str, out: Path, as_json: bool
) -> None:
    """Run a suite, say what it takes, and write what it found."""
    from negprompt.engine import loaded, writable
    from negprompt.measure.compare import foreign
    from negprompt.measure.memory import folder_of
    from negprompt.measure.protocol import methods, pictures, run, written
    from negprompt.world.judge import load

    names = [name.strip() for name in (more.rules or "cfg").split(",")]
    makers = methods.makers_of(names, more.own)
    found = loaded(model)
    judges = {"first": load("first"), "second": load("second")}
    notices(foreign(found))
    name = run.identity(found, judges)
    total, passes = run.pictures(suite, len(makers) - 1)
    say(f"{name}, {suite.name}: {total} pictures, about {passes} model passes, and what reject "
        "draws again")  # fmt: skip
    if more.estimate:
        seconds = passes / speed(found, suite.scale, suite.steps)
        say(f"about {clock(seconds)} on this machine, as busy as it is now")
        return
    folder, start = writable(out), time.monotonic()
    with counting(total) as counter:
        stand = pictures.Stand(
            model=found, judges=judges, makers=makers, folder=folder_of(name),
            anew=more.anew, on_images=counter,
        )  # fmt: skip

        def on_table(table: "Table") -> None:
            for line in written.summary(table, judge):
                say(line)
            spent = time.monotonic() - start
            rest = spent * max(0, total - counter.done) / max(1, counter.done)
            say(f"  {clock(spent)} gone, about {clock(rest)} left")

        report = run.bench(stand, suite, name, on_table)
    _write(report, folder, judge, as_json=as_json)


def _write(report: "Report", folder: Path, judge: str, *, as_json: bool) -> None:
    from negprompt.engine.written import write
    from negprompt.measure.protocol import written

    texts = {
        "md": written.markdown(report, judge),
        "json": written.dumped(report),
        "csv": written.to_csv(report),
    }
    paths = [
        write(folder / f"{report.suite.name}.{kind}", text.encode()) for kind, text in texts.items()
    ]
    if as_json:
        print(json.dumps(written.to_json(report), ensure_ascii=False))
        return
    for path in paths:
        print(path)


def speed(model: "Model", scale: float, steps: int) -> float:
    """Model passes a second: of four pictures as a suite makes them, after a step to warm up."""
    from negprompt.engine import Request, run

    asked = Request(prompt="a cat", negative=("blurry",), cfg=scale, steps=1, count=4)
    run(asked, model=model)
    made = run(replace(asked, steps=steps), model=model)
    return 4 * made.cost.passes / made.cost.seconds
