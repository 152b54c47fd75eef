"""``negprompt parse``: a text → what one dialect reads in it."""

import json
from collections.abc import Iterator
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from negprompt.cli import texts
from negprompt.cli.shell import app
from negprompt.cli.terminal import in_a_line, table

if TYPE_CHECKING:
    from negprompt.errors import Span
    from negprompt.policy.account import Account, Section

_MOST_RUNS = 3  # of steps that a table shows


@app.command(epilog='Example: negprompt parse "a cat, [dog:wolf:0.5], (blurry:1.3)"')
def parse(
    text: texts.Source,
    *,
    dialect: texts.Dialect = "a1111",
    negative_side: texts.NegativeSide = False,
    steps: texts.Steps = 25,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="What would only be remarked on is a mistake, status 2."),
    ] = False,
    as_json: texts.AsJson = False,
) -> None:
    """Show what is read in a text: terms with weights and places, parts, schedules, networks.

    What is likely not read as it was meant is remarked on, with carets under it.
    """
    from negprompt.policy.account import account

    source = texts.given(text)
    side = texts.side(negative=negative_side)
    read = account(source, dialect, side=side, steps=steps)
    if strict:
        texts.refuse(read.findings, source)
    texts.noted(read.findings, source)
    if as_json:
        print(json.dumps({"dialect": dialect, "side": side, "steps": steps} | to_json(read)))
        return
    headings = ("part", "place", "weight", "term", "acts")
    rows = [
        row for number, section in enumerate(read.sections, 1) for row in _rows(number, section)
    ]
    table(headings, rows, as_data=True)
    for line in _lines(read):
        print(line)


def _rows(number: int, section: "Section") -> list[tuple[str, str, str, str, str]]:
    """The terms of one part and its breaks, in the order of the text."""
    rows = [(span.start, (str(number), place(span), "", "BREAK", "")) for span in section.breaks]
    for entry in section.entries:
        acts = " ".join(filter(None, (entry.within, acting(entry.steps))))
        weight, text = f"{entry.weight:.6g}", in_a_line(entry.text)
        rows.append((entry.span.start, (str(number), place(entry.span), weight, text, acts)))
    return [row for _, row in sorted(rows, key=itemgetter(0))]


def _lines(read: "Account") -> Iterator[str]:
    """What is no term, a line each."""
    source = read.prompt.source
    if len(read.sections) > 1 or read.sections[0].weight != 1:
        weights = ", ".join(f"{section.weight:.6g}" for section in read.sections)
        yield f"weights of the parts: {weights}"
    for choice in read.choices:
        yield f"{choice.kind} at {place(choice.span)}: {_excerpt(source, choice.span)}"
    for network in read.networks:
        items = in_a_line(", ".join(network.items))
        yield f"network at {place(network.span)}: {network.kind} {items}"
    for embedding in read.embeddings:
        yield f"embedding at {place(embedding.span)}: {in_a_line(embedding.name)}"
    for span in read.unread:
        yield f"not read at {place(span)}: {_excerpt(source, span)}"


def _excerpt(source: str, span: "Span") -> str:
    return in_a_line(source[span.start : span.stop])


def place(span: "Span") -> str:
    """``7-12``: the first character, and the one behind the last."""
    return f"{span.start}-{span.stop}"


def acting(runs: tuple[tuple[int, int], ...]) -> str:
    """``steps 1-10``, ``steps 1, 3, 5 …``; nothing for a term that acts throughout."""
    shown = [str(first) if first == last else f"{first}-{last}" for first, last in runs]
    more = " …" if len(shown) > _MOST_RUNS else ""
    return f"steps {', '.join(shown[:_MOST_RUNS])}{more}" if shown else ""


def to_json(read: "Account") -> dict[str, Any]:
    """What ``--json`` prints; places are [first character, the one behind the last]."""
    source = read.prompt.source
    return {
        "text": source,
        "parts": [
            {
                "weight": section.weight,
                "terms": [
                    {
                        "text": entry.text,
                        "weight": entry.weight,
                        "span": _pair(entry.span),
                        "steps": [list(run) for run in entry.steps] or None,
                        "within": entry.within or None,
                    }
                    for entry in section.entries
                ],
                "breaks": [_pair(span) for span in section.breaks],
            }
            for section in read.sections
        ],
        "choices": [
            {
                "kind": choice.kind,
                "options": list(choice.options),
                "weights": list(choice.weights),
                "span": _pair(choice.span),
            }
            for choice in read.choices
        ],
        "networks": [
            {"kind": one.kind, "items": list(one.items), "span": _pair(one.span)}
            for one in read.networks
        ],
        "embeddings": [{"name": one.name, "span": _pair(one.span)} for one in read.embeddings],
        "unread": [_pair(span) for span in read.unread],
        "notices": texts.findings_to_json(read.findings, source),
    }


def _pair(span: "Span") -> list[int]:
    return [span.start, span.stop]
