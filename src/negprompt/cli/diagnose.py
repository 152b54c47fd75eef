"""``negprompt diagnose``: a picture and what is wrong with it → which change comes next."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from negprompt.cli import options, probing, texts
from negprompt.cli.history import kept
from negprompt.cli.loading import loads
from negprompt.cli.planning import family_of
from negprompt.cli.shell import app
from negprompt.cli.terminal import in_a_line, notices, say
from negprompt.errors import PolicyError, RequestError
from negprompt.models.choices import Loading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from negprompt.engine import Request
    from negprompt.measure.diagnose import Case, Diagnosis
    from negprompt.policy import Layer

SEEDS = 16


@app.command(epilog='Example: negprompt diagnose out/00000-7.png --flaw "watermark"')
@loads
def diagnose(
    image: Annotated[
        str,
        typer.Argument(
            metavar="IMAGE|RUN", help="A picture, or the number of a run.", show_default=False
        ),
    ],
    *,
    flaw: Annotated[
        str,
        typer.Option(metavar="TEXT", help="What should not be in it.", show_default=False),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="pocket|DIR|FILE|HUB-ID",
            help="The model that made it, where the picture does not say or it lies elsewhere.",
            show_default=False,
        ),
    ] = None,
    probe: probing.ProbeName = "",
    seeds: Annotated[int, typer.Option(min=4, max=1000, help="Seeds of each question.")] = SEEDS,
    policy_folder: options.PolicyFolders = None,
    loading: Loading,
    out: options.Out = Path("out/diagnose"),
    as_json: texts.AsJson = False,
) -> None:
    """Say why a negative did not keep something away, and which change comes next.

    Six questions in order; where the texts do not tell, pictures are drawn and looked at.
    """
    if not flaw.strip():
        cure = "say what should not be in the picture"
        raise RequestError("the flaw is empty", code="flaw-missing", cure=cure)
    asked, picture = _made(image, model, policy_folder or ())
    asked = replace(asked, loading=loading) if loading != Loading() else asked
    case = _case(asked, flaw, policy_folder or ())
    found = _diagnosed(case, picture, probe, seeds, out)
    if as_json:
        print(json.dumps(contract(found)))
        return
    for answer in found.answers:
        print(f"{answer.number}. {answer.question}? {in_a_line(answer.said, 400)}")
    print(f"verdict: {found.verdict.kind}")
    print(f"next: {found.verdict.area}: {in_a_line(found.verdict.cure, 400)}")


def contract(found: "Diagnosis") -> dict[str, Any]:
    """What ``--json`` prints."""
    verdict = found.verdict
    return {
        "flaw": found.flaw,
        "verdict": verdict.kind,
        "what": verdict.what,
        "next": {"area": verdict.area, "action": verdict.cure},
        "answers": [
            {"number": one.number, "question": one.question, "answer": one.said}
            for one in found.answers
        ],
    }


def _made(which: str, model: str | None, folders: "Sequence[Path]") -> "tuple[Request, Path]":
    """The request that made a picture, and the picture's file."""
    if which.isascii() and which.isdecimal():
        from negprompt.history import looking, replaying

        own = kept()
        run = looking.run(own, int(which))
        asked = replaying.recalled(own, run)
        return (asked if model is None else replace(asked, model=model)), run.images[0].file
    from negprompt.engine import Request
    from negprompt.engine.inspecting import inspected
    from negprompt.engine.like import alike

    found = alike(inspected(which))
    settings = dict(found.settings) | ({} if model is None else {"model": model})
    if "prompt" not in settings:
        raise RequestError(
            "the picture does not say its prompt",
            code="prompt-missing",
            cure="give a picture that was saved with --metadata full",
        )
    left = [one for one in found.notices if model is None or "--model" not in one.text]
    notices(left)
    return Request(**settings, policies=_named(found.names, folders)), Path(which)


def _named(names: "Sequence[str]", folders: "Sequence[Path]") -> "tuple[Layer, ...]":
    """The policies that a picture names, where they are found."""
    from negprompt.policy.files import load

    found: list[Layer] = []
    for name in names:
        try:
            found += load([name], options.places(folders))
        except PolicyError as error:
            say(f"note: the picture names the policy {name}: {error.message}")
    return tuple(found)


def _case(asked: "Request", flaw: str, folders: "Sequence[Path]") -> "Case":
    """The request with the policies that there are: one's own, and those that ship."""
    from negprompt.measure.diagnose import Case
    from negprompt.policy.files import folders as every
    from negprompt.policy.files import listed, own_folders, read

    places = options.places(folders)
    own, known = listed(own_folders(places)), listed(every(places))
    layers = {name: read(file, known) for name, file in known.items()}
    return Case(
        request=asked,
        flaw=flaw,
        family=family_of(asked.model, None),
        own=tuple(layers[name] for name in own),
        shipped=tuple(layer for name, layer in layers.items() if name not in own),
    )


def _diagnosed(case: "Case", picture: Path, probe: str, seeds: int, out: Path) -> "Diagnosis":
    from PIL import Image

    from negprompt.engine import loaded
    from negprompt.measure.diagnose import diagnose as diagnosed
    from negprompt.measure.probes import probe as named

    asked = case.request
    eyes = named(probe or probing.default_probe(asked.model))
    with Image.open(picture) as shown, probing.counting(7 * seeds) as count:
        return diagnosed(
            case,
            shown.convert("RGB"),
            lambda: loaded(asked.model, asked.loading),
            eyes,
            out,
            seeds=seeds,
            on_pictures=count,
        )
