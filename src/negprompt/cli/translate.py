"""``negprompt translate``: a text of one dialect → the closest one of another."""

import json
from typing import Annotated

import typer

from negprompt.cli import texts
from negprompt.cli.shell import app
from negprompt.cli.terminal import pointed_at

From = Annotated[
    str,
    typer.Option(
        "--from",
        metavar="NAME",
        help="a1111, comfy, compel, plain, sdnext, midjourney or novelai.",
        show_default=False,
    ),
]
To = Annotated[
    str,
    typer.Option(metavar="NAME", help="a1111, comfy, compel or plain.", show_default=False),
]


@app.command(epilog='Example: negprompt translate "(blurry:1.3), [hat]" --from a1111 --to comfy')
def translate(
    text: texts.Source,
    *,
    from_: From,
    to: To,
    negative_side: texts.NegativeSide = False,
    as_json: texts.AsJson = False,
) -> None:
    """Print a text in another dialect, every effective weight kept.

    What cannot be carried over is told on standard error, with the reason.
    """
    from negprompt.language import findings
    from negprompt.language import parse as read
    from negprompt.language import translate as translated

    source = texts.given(text)
    prompt = read(source, from_)
    made = translated(prompt, to, negative=negative_side)
    remarked = findings(prompt, side=texts.side(negative=negative_side))
    found = tuple(f for f in remarked if f.code != "and-in-negative")  # a word here, as in A1111
    texts.noted(found, source)
    for loss in made.lost:
        pointed_at(f"lost: {loss.reason}", source, loss.span)
    if not as_json:
        print(made.text)
        return
    lost = [
        {
            "span": [loss.span.start, loss.span.stop],
            "text": source[loss.span.start : loss.span.stop],
            "reason": loss.reason,
        }
        for loss in made.lost
    ]
    notices = texts.findings_to_json(found, source)
    answer = {"from": from_, "to": to, "text": made.text, "lost": lost, "notices": notices}
    print(json.dumps(answer))
