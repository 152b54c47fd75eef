"""``negprompt tokens``: a text → the tokens that a model reads, in their chunks."""

import json
from dataclasses import asdict
from inspect import getdoc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from negprompt.cli import texts
from negprompt.cli.parse import place
from negprompt.cli.shell import app
from negprompt.cli.terminal import in_a_line, pointed_at, say
from negprompt.cli.terminal import table as columns
from negprompt.errors import RequestError, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from negprompt.encoding.table import Table
    from negprompt.language import Finding, Prompt
    from negprompt.models.reading import Reader

Config = Annotated[
    str | None,
    typer.Option(metavar="DIR", help="Tokenizers of a single file's family.", show_default=False),
]
HEADINGS = ("chunk", "position", "token", "weight", "text", "place")


@app.command(epilog='Example: negprompt tokens "a cat, (blurry:1.3)"')
def tokens(
    text: texts.Source,
    *,
    model: Annotated[
        str,
        typer.Option(
            metavar="pocket|DIR|FILE",
            help="The model inside, a folder with a pipeline, or a .safetensors file.",
        ),
    ] = "pocket",
    config: Config = None,
    dialect: texts.Dialect = "a1111",
    negative_side: texts.NegativeSide = False,
    scheme: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="How weights act, which is explained. That of the dialect's own tool by default.",
            show_default=False,
        ),
    ] = None,
    chunks: Annotated[
        str | None,
        typer.Option(
            metavar="RULE",
            help="a1111, comfy, compel or groups. That of the dialect's own tool by default.",
            show_default=False,
        ),
    ] = None,
    embeddings: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of textual inversions.", show_default=False),
    ] = None,
    step: Annotated[
        int, typer.Option(min=1, max=1000, help="The step whose text is shown, of a schedule.")
    ] = 1,
    steps: texts.Steps = 25,
    as_json: texts.AsJson = False,
) -> None:
    """Show the tokens that a model reads: chunk, position, weight, text, and what comes too late.

    Of a text with a schedule those of one step.
    """
    from negprompt.encoding.choices import OWN
    from negprompt.models.reading import readers

    own = OWN.get(dialect, "a1111")
    scheme, chunks = scheme or own, chunks or own
    says = _explained(scheme)
    source = texts.given(text)
    prompts = _acting(source, dialect, negative=negative_side, step=step, steps=steps)
    found = _tables(prompts, readers(model, config), chunks, embeddings)
    texts.noted(remarked := _remarked(source, dialect, negative=negative_side), source)
    for name, tables in found.items():
        _told(name, tables, len(found), source, as_json=as_json)
    if as_json:
        asked = {"text": source, "model": model, "dialect": dialect, "scheme": scheme}
        read = {name: [_to_json(made) for made in tables] for name, tables in found.items()}
        told = {"tokenizers": read, "notices": texts.findings_to_json(remarked, source)}
        print(json.dumps({**asked, "chunks": chunks, "step": step, **told}))
    elif any(row.weight != 1 for tables in found.values() for t in tables for row in t.rows):
        say(f"weights by the scheme {scheme} — {says}")


def _explained(scheme: str) -> str:
    """What a scheme does, in a line. Raises RequestError ``scheme-unknown``."""
    from negprompt.encoding.choices import known
    from negprompt.encoding.weighting import SCHEMES

    known(scheme, SCHEMES, "weighting scheme", code="scheme-unknown")
    return (getdoc(SCHEMES[scheme]) or "").split("\n")[0].replace("``", "")


def _acting(source: str, dialect: str, *, negative: bool, step: int, steps: int) -> "list[Prompt]":
    """What each part says at a step. Raises RequestError ``value-out-of-range``, and as parse."""
    from negprompt.language import unfold

    if step > steps:
        raise RequestError(
            f"step {step} of {steps}",
            code="value-out-of-range",
            cure=f"choose one from 1 to {steps}, or more --steps",
        )
    read = unfold(source, dialect, steps=steps, side=texts.side(negative=negative))
    return [next(p for last, p in part.stretches if step <= last) for part in read.parts]


def _remarked(source: str, dialect: str, *, negative: bool) -> "tuple[Finding, ...]":
    """What ``parse`` remarks on, too."""
    from negprompt.language import findings, parse

    return tuple(findings(parse(source, dialect), side=texts.side(negative=negative)))


def _tables(
    prompts: "list[Prompt]", read: "Sequence[Reader]", chunks: str, embeddings: Path | None
) -> "dict[str, list[Table]]":
    """The tokens of each part for each tokenizer of a model, by its name."""
    from negprompt.encoding.names import Names
    from negprompt.encoding.table import table

    found: dict[str, list[Table]] = {}
    for reader in read:
        names = Names()
        if embeddings is not None:
            from negprompt.encoding.inversion import names_in

            names = names_in(embeddings, reader.tokenizer, reader.width)
        found[reader.name] = [
            table(prompt, reader.tokenizer, chunks=chunks, names=names) for prompt in prompts
        ]
    return found


def _told(name: str, tables: "list[Table]", readers: int, source: str, *, as_json: bool) -> None:
    """The tables of one tokenizer on standard output, and what there is to say of each."""
    for number, made in enumerate(tables, 1):
        if not as_json:
            _printed(name, number, made, len(tables), readers)
        _warned(source, made)


def _printed(name: str, number: int, made: "Table", parts: int, readers: int) -> None:
    """One table on standard output."""
    which = [name] * (readers > 1) + [f"part {number}"] * (parts > 1)
    if which:
        print(", ".join(which))
    rows = [
        (
            str(row.chunk),
            str(row.position),
            in_a_line(row.token),
            f"{row.weight:.6g}",
            in_a_line(row.text),
            place(row.span),
        )
        for row in made.rows
    ]
    columns(HEADINGS, rows, as_data=True)


def _warned(source: str, made: "Table") -> None:
    """How much room is taken, and which term is the first that comes too late."""
    chunks = "1 chunk" if made.chunks == 1 else f"{made.chunks} chunks"
    room = f"{made.room} of text, begin and end"
    say(f"{len(made.rows)} tokens of text in {chunks} of {made.room + 2} ({room})")
    if made.past:
        first, rest = made.terms[made.past[0]], len(made.past) - 1
        more = f", and {rest} more" if rest else ""
        said = f"{shown(first.text, 40)} at {first.span.start}{more}: past the first chunk"
        cure = "a tool that reads one chunk drops it; here every chunk is read"
        pointed_at(f"note: {said}; {cure}", source, first.span)
    for called, span in made.missing:
        said = f"no textual inversion is called {shown(called)}, so the model reads nothing there"
        pointed_at(f"note: {said} [embedding-missing]", source, span)
    if made.too_long:
        say("note: more chunks than are ever encoded; shorten it [prompt-too-long]")


def _to_json(made: "Table") -> dict[str, Any]:
    """One part for one tokenizer."""
    return {
        "chunks": made.chunks,
        "room": made.room,
        "tokens": [asdict(row) | {"span": [row.span.start, row.span.stop]} for row in made.rows],
        "terms": [
            {
                "text": term.text,
                "weight": term.weight,
                "span": [term.span.start, term.span.stop],
                "past_limit": number in made.past,
            }
            for number, term in enumerate(made.terms)
        ],
        "missing": [
            {"name": called, "span": [span.start, span.stop]} for called, span in made.missing
        ],
    }
