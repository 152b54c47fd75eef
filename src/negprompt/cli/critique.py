"""``negprompt critique``: words about a picture → edits to its negative, each with its reason."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from negprompt.cli import texts
from negprompt.cli.shell import app
from negprompt.cli.terminal import in_a_line, notices, say, table
from negprompt.errors import OutputError, shown

if TYPE_CHECKING:
    from PIL.Image import Image

    from negprompt.feedback import Critique, Draft

HEADINGS: Final = ("edit", "term", "weight", "reason")
COLOURS: Final = {"add": "green", "strengthen": "green", "weaken": "yellow", "remove": "red"}

PlanFile = Annotated[
    str | None,
    typer.Option(
        "--plan",
        metavar="FILE",
        help="What the picture was asked with, as `negprompt plan … --json` prints it; - is "
        "standard input.",
        show_default=False,
    ),
]
Picture = Annotated[
    Path | None,
    typer.Option(
        "--image",
        metavar="FILE",
        help="The picture: the probe says what an unnamed thing in it is.",
        show_default=False,
    ),
]
Looks = Annotated[
    str,
    typer.Option("--probe", metavar="PROBE", help="Who looks at --image: judge or judge:second."),
]


@app.command(epilog='Example: negprompt critique "I love the sky, but the hands look wrong"')
def critique(
    text: Annotated[str, typer.Argument(help="What you think of it.", show_default=False)],
    *,
    plan: PlanFile = None,
    image: Picture = None,
    probe: Looks = "judge",
    as_json: texts.AsJson = False,
) -> None:
    """Say which edits follow from words about a picture, in English. Nothing is changed."""
    from negprompt import feedback
    from negprompt.feedback.endpoint import configured
    from negprompt.feedback.plans import read_plan
    from negprompt.measure import probes

    draft = feedback.Draft("") if plan is None else read_plan(_plan_text(plan))
    said = feedback.critique(
        text,
        draft,
        endpoint=configured(),
        image=_picture(image),
        probe=None if image is None else probes.probe(probe),
    )
    applied = feedback.apply(said.edits, draft)
    if as_json:
        print(json.dumps(_answer(said, applied.draft)))
        return
    notices(said.notices)
    if said.edits:
        rows = [
            (one.action, in_a_line(one.term or f"- {one.without}" * bool(one.without)),
             "" if one.weight is None else f"{one.weight:g}", in_a_line(one.reason, 200))
            for one in said.edits
        ]  # fmt: skip
        styles = [COLOURS.get(one.action, "") for one in said.edits]
        table(HEADINGS, rows, as_data=True, styles=styles)
    elif said.is_content:
        say("nothing to change")


def _answer(said: "Critique", draft: "Draft") -> dict[str, object]:
    return {
        "edits": [asdict(one) for one in said.edits],
        "notices": [asdict(one) for one in said.notices],
        "source": said.source,
        "content": said.is_content,
        "next": {
            "prompt": draft.positive,
            "negative": draft.negative,
            "feedback": [{"term": one.text, "weight": one.weight} for one in draft.own],
            "released": draft.released,
            "scale": draft.scale,
            "protected": draft.protected,
        },
    }


def _plan_text(name: str) -> str:
    """The text of a plan. Raises OutputError ``plan-missing``."""
    if name == "-":
        return texts.given("-")
    try:
        return Path(name).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OutputError(
            f"the plan {shown(name)} cannot be read: {error}",
            code="plan-missing",
            cure="write one with `negprompt plan … --json > FILE`",
        ) from error


def _picture(file: Path | None) -> "Image | None":
    """The picture to look at. Raises OutputError ``picture-unreadable``."""
    if file is None:
        return None
    from PIL import Image

    try:
        with Image.open(file, formats=("PNG", "JPEG", "WEBP")) as opened:
            return opened.convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise OutputError(
            f"{shown(str(file))} cannot be read as a picture: {error}",
            code="picture-unreadable",
            cure="give a PNG, JPEG or WebP file",
        ) from error
