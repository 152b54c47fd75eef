"""``negprompt advise``: a request → what to know before it runs, each with its cure."""

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from negprompt.cli import options, texts
from negprompt.cli.planning import FamilyName, family_of
from negprompt.cli.shell import app
from negprompt.cli.terminal import say
from negprompt.errors import ModelError, NegpromptError, OutputError, shown
from negprompt.models.place import POCKET

if TYPE_CHECKING:
    from negprompt.engine import Request
    from negprompt.policy.advice import Advice, Asked
    from negprompt.policy.mending import Mended

Measured = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="The ablate.json of `negprompt ablate`: what it found useless is advised against.",
        show_default=False,
    ),
]


@app.command(
    epilog='Example: negprompt advise "a cat, no hat" --negative "no text, blurry, blurry"'
)
def advise(
    prompt: options.PromptText,
    *,
    negative: options.NegativeTexts = None,
    model: options.ModelName = "pocket",
    family: FamilyName = None,
    cfg: options.Scale = None,
    dialect: options.Dialect = "a1111",
    policy: options.Policies = None,
    policy_folder: options.PolicyFolders = None,
    measured: Measured = None,
    fix: Annotated[
        bool, typer.Option(help="Apply what is safe, and print the difference.")
    ] = False,
    as_json: texts.AsJson = False,
) -> None:
    """Say what a request makes of its negative, on its family of models, and what to do."""
    from negprompt.policy import advice, mending

    verdicts = _verdicts(measured)
    kind = family_of(model, family)
    try:
        request = options.request(
            prompt, negative=negative, model=model, cfg=cfg, dialect=dialect,
            policies=policy, policy_folders=policy_folder,
        )  # fmt: skip
        asked = _asked(request, kind, verdicts, pocket=family is None and model == POCKET)
    except NegpromptError as error:
        if error.code not in ("enforced-inert", "policy-forbids"):
            raise
        _told((advice.Advice(error.code, error.message, error.cure),), None, None, as_json=as_json)
        return
    found = advice.advise(asked)
    _told(found, asked, mending.mended(asked) if fix else None, as_json=as_json)


def _asked(
    request: "Request", kind: str | None, verdicts: Mapping[str, str], *, pocket: bool
) -> "Asked":
    from negprompt.policy.advice import Asked
    from negprompt.policy.families import habits_of
    from negprompt.world.captions import vocabulary

    named = pocket or request.model != POCKET
    return Asked(
        planned=request.planned(kind),
        prompt=request.prompt,
        negatives=request.negative or (),
        dialect=request.dialect,
        cfg=request.cfg,
        habits=habits_of(request.model if named else "", kind),
        past=_past(request),
        vocabulary=vocabulary() if pocket else None,
        measured=verdicts,
    )


def _past(request: "Request") -> tuple[str, ...]:
    """The terms past the first chunk, where the model's tokenizer lies on this machine."""
    from negprompt.encoding.table import table
    from negprompt.language import parse
    from negprompt.models.reading import readers

    words = [text for text in (request.prompt, *(request.negative or ())) if len(text) > 75]
    if not words:  # fewer characters than a chunk has tokens
        return ()
    try:
        (reader, *_) = readers(request.model)
    except ModelError as error:
        say(f"note: tokens are not counted: {error.message}")
        return ()
    found = []
    for text in words:
        made = table(parse(text, request.dialect), reader.tokenizer, chunks=request.own_chunks)
        found += [made.terms[place].text for place in made.past]
    return tuple(found)


def _verdicts(file: Path | None) -> dict[str, str]:
    """Verdicts on terms in an ``ablate.json``. Raises OutputError ``measured-unreadable``."""
    if file is None:
        return {}
    try:
        rows = json.loads(file.read_text("utf-8"))["terms"]
        return {str(row["term"]): str(row["verdict"]) for row in rows}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(
            f"{shown(str(file))} is no ablate.json",
            code="measured-unreadable",
            cure="give the file that `negprompt ablate` wrote",
        ) from error


def _told(
    found: "tuple[Advice, ...]", asked: "Asked | None", fixed: "Mended | None", *, as_json: bool
) -> None:
    habits = None if asked is None else asked.habits
    if as_json:
        answer: dict[str, Any] = {
            "family": None if habits is None else asdict(habits),
            "advice": [asdict(one) for one in found],
            "fixed": None if fixed is None else asdict(fixed),
        }
        print(json.dumps(answer))
        return
    if habits is not None:
        print(f"{habits.title}: {habits.says} [{habits.source}]")
    for one in found:
        print(f"{one.code}: {one.text}; {one.cure}")
    if not found:
        print("nothing to advise")
    if fixed is not None and asked is not None:
        for what in fixed.done:
            say(f"fixed: {what}")
        for line in _difference(asked, fixed):
            print(line)


def _difference(asked: "Asked", fixed: "Mended") -> Iterator[str]:
    """The texts before and after, as a difference of lines."""
    before = [f"prompt: {asked.prompt}", *(f"negative: {text}" for text in asked.negatives)]
    after = [f"prompt: {fixed.prompt}", *(f"negative: {text}" for text in fixed.negatives)]
    for line in difflib.ndiff(before, after):
        if not line.startswith("?"):
            yield line.rstrip("\n")
