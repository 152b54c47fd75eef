"""What the commands share that read a text: where it comes from, and what is remarked on it."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from negprompt.cli.terminal import pointed_at
from negprompt.errors import PromptError, RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from negprompt.language import Finding, Side

Source = Annotated[
    str, typer.Argument(help="The text, or - to read standard input.", show_default=False)
]
Dialect = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="Read as a1111, comfy, compel, plain, sdnext, midjourney or novelai.",
    ),
]
NegativeSide = Annotated[
    bool,
    typer.Option(
        "--negative-side",
        help="The text is a negative: in A1111's dialect networks are text there.",
    ),
]
Steps = Annotated[
    int, typer.Option(min=1, max=1000, help="Steps over which A1111's schedules are laid out.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def given(text: str) -> str:
    """The text of a command line; for ``-`` standard input, without its last line break.

    Raises PromptError ``text-not-unicode`` for bytes that are not UTF-8, RequestError
    ``input-is-terminal`` where somebody would have to type it.
    """
    if text != "-":
        return text
    if sys.stdin is None or sys.stdin.isatty():
        raise RequestError(
            "there is nothing to read from standard input",
            code="input-is-terminal",
            cure="pipe a text into it, or give the text in place of -",
        )
    try:
        read = sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PromptError(
            f"standard input is not UTF-8 at byte {error.start}",
            code="text-not-unicode",
            cure="save the text as UTF-8",
        ) from None
    return read.removesuffix("\n").removesuffix("\r")


def side(*, negative: bool) -> "Side":
    """The side on which a text stands."""
    return "negative" if negative else "positive"


def noted(found: "Sequence[Finding]", source: str) -> None:
    """Every finding with its code, its cure, and carets under its first place."""
    for finding in found:
        said = f"note: {finding.about(source)}; {finding.cure} [{finding.code}]"
        pointed_at(said, source, finding.spans[0])


def refuse(found: "Sequence[Finding]", source: str) -> None:
    """Raise PromptError for the first finding, under the finding's own code."""
    for finding in found:
        raise PromptError(
            finding.about(source),
            code=finding.code,
            cure=finding.cure,
            source=source,
            span=finding.spans[0],
        )


def findings_to_json(found: "Sequence[Finding]", source: str) -> list[dict[str, Any]]:
    """Findings as ``--json`` prints them, with all their places."""
    return [
        {
            "code": finding.code,
            "text": finding.about(source),
            "cure": finding.cure,
            "spans": [[span.start, span.stop] for span in finding.spans],
        }
        for finding in found
    ]
