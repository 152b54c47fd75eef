"""What the commands share that make pictures, ask a probe, and count."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from negprompt.cli.terminal import OnStep, clock, progress

if TYPE_CHECKING:
    from negprompt.engine import Request

Prompts = Annotated[
    list[str], typer.Argument(help="What the pictures should show.", show_default=False)
]
ProbeName = Annotated[
    str,
    typer.Option(
        "--probe",
        metavar="PROBE",
        help="Who looks: judge, judge:second, clip:MODEL, vision:MODEL@URL, package:function of "
        "your own, or none. By default the judge for the pocket model, else none.",
        show_default=False,
    ),
]
Keep = Annotated[
    list[str] | None,
    typer.Option(
        "--keep",
        metavar="TEXT",
        help="A thing that should stay, the subject first; what the prompts name by default.",
        show_default=False,
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option(
        "--labels",
        metavar="FILE",
        help="labels.csv of `negprompt label`: figures are put right for the probe's error.",
        show_default=False,
    ),
]
Calibrate = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Other labels, by which the probe's probabilities are put right first.",
        show_default=False,
    ),
]
Margin = Annotated[float, typer.Option(help="A change of a rate below this share is nothing.")]
AllSeeds = Annotated[
    bool, typer.Option("--all-seeds", help="Do not stop where the answer is clear.")
]
Estimate = Annotated[
    bool, typer.Option("--estimate", help="Say what it would take at most, and stop.")
]
Anew = Annotated[bool, typer.Option("--anew", help="Ask the probe again what it was asked before.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print the table as CSV.")]
Html = Annotated[bool, typer.Option("--html/--no-html", help="Write the page.")]
MostSeeds = Annotated[int, typer.Option(min=1, max=10_000, help="Most seeds a prompt.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Of the page; 0: any.")]
Browser = Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page.")]
Short = Annotated[
    str | None, typer.Option(help="The short negative of column b.", show_default=False)
]
Template = Annotated[
    str | None, typer.Option(help="The template negative of column c.", show_default=False)
]
FromCell = Annotated[
    str | None,
    typer.Option("--from", metavar="CELL", help="Go on from a cell, with --add.",
                 show_default=False),
]  # fmt: skip
AddTerm = Annotated[
    str | None,
    typer.Option(metavar="TERM", help="One more term on the same seeds.", show_default=False),
]


def default_probe(model: str) -> str:
    """The judge where it knows the world of the model, else none."""
    return "judge" if model == "pocket" else "none"


def time_of(pictures: int, asked: "Request") -> str:
    """How long pictures take: by four that a request asks for, after a step to warm up."""
    from negprompt.engine import loaded, run

    model, four = loaded(asked.model, asked.loading), replace(asked, count=4)
    run(replace(four, steps=1), model=model)
    seconds = run(four, model=model).cost.seconds / 4 * pictures
    return f"about {clock(seconds)} on this machine, as busy as it is now"


@dataclass(slots=True)
class Counter:
    """Pictures made or found, of how many."""

    on_step: OnStep
    total: int
    done: int = 0

    def __call__(self, count: int) -> None:
        """Take some more."""
        self.done += count
        self.on_step(self.done, self.total)

    def rest(self, count: int) -> None:
        """Say how many are left."""
        self.total = self.done + count


@contextmanager
def counting(total: int) -> Iterator[Counter]:
    """A bar that counts pictures."""
    with progress("pictures") as on_step:
        yield Counter(on_step, total)
