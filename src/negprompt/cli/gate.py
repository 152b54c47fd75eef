"""``negprompt gate``: a regression test for a negative, with an exit status for CI."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from negprompt.cli import options, probing
from negprompt.cli.loading import loads
from negprompt.cli.shell import app
from negprompt.cli.terminal import say
from negprompt.models.choices import Loading

if TYPE_CHECKING:
    from negprompt.measure.gate import Finding

FAILED = 3
"""Exit status where an expectation fails; with --strict also where one is open."""


@app.command(epilog="Example: negprompt gate house-style.toml --strict")
@loads
def gate(
    file: Annotated[
        Path,
        typer.Argument(
            help="TOML with expectations, or a text with prompt and negative.", show_default=False
        ),
    ],
    *,
    strict: Annotated[
        bool, typer.Option("--strict", help="What the seeds leave open fails as well.")
    ] = False,
    seeds: Annotated[
        int | None,
        typer.Option(min=1, max=10_000, help="Instead of the file's own.", show_default=False),
    ] = None,
    dialect: Annotated[
        str | None,
        typer.Option(help="Language of the texts, instead of the file's own.", show_default=False),
    ] = None,
    as_json: probing.AsJson = False,
    loading: Loading,
    policy: options.Policies = None,
    policy_folder: options.PolicyFolders = None,
    out: options.Out = Path("out/ablate"),
) -> None:
    """Check that a negative still does what a file expects of it.

    Exit status 0 where everything holds or is open, 3 where something fails.
    """
    from dataclasses import replace

    from negprompt.engine import loaded
    from negprompt.measure.ablate import gallery
    from negprompt.measure.gate import check, read
    from negprompt.measure.probes import probe

    asked = read(file, options.layers(policy or (), policy_folder or ()), dialect=dialect)
    question = replace(asked.question, base=replace(asked.question.base, loading=loading))
    if seeds is not None:
        question = replace(question, seeds=seeds)
    asked = replace(asked, question=question)
    with probing.counting(2 * question.seeds * len(question.prompts)) as count:
        place = gallery(loaded(question.base.model, loading), out, count)
        found = check(asked, place, probe(asked.probe))
    for finding in found:
        say(sentence(finding))
    bad = ("fails", "open") if strict else ("fails",)
    passed = not any(finding.outcome in bad for finding in found)
    if as_json:
        print(json.dumps(to_json(found, passed=passed)))
    else:
        print("passed" if passed else "failed")
    if not passed:
        raise typer.Exit(FAILED)


def sentence(finding: "Finding") -> str:
    """``fails  scarf: at_most 0.2, measured .45 [.30, .61], n 32``."""
    from negprompt.measure.page import shown

    measured = shown(finding.measured)
    return f"{finding.outcome:6} {finding.thing}: {finding.limit}, is {measured}, n {finding.n}"


def to_json(found: "tuple[Finding, ...]", *, passed: bool) -> dict[str, Any]:
    """What ``--json`` prints."""
    return {
        "passed": passed,
        "expectations": [
            {
                "thing": one.thing,
                "limit": one.limit,
                "measured": {
                    "rate": one.measured.rate,
                    "lo": one.measured.lo,
                    "hi": one.measured.hi,
                },
                "n": one.n,
                "outcome": one.outcome,
            }
            for one in found
        ],
    }
