"""``negprompt blind``: the same seeds with and without the negative, sides hidden, arrow keys."""

import json
import webbrowser
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from negprompt.cli import options, probing
from negprompt.cli.loading import loads
from negprompt.cli.planning import standing
from negprompt.cli.reading import Reading, reads
from negprompt.cli.shell import app
from negprompt.cli.terminal import say
from negprompt.errors import RequestError
from negprompt.models.choices import Loading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from negprompt.engine import Request
    from negprompt.measure.eyes.blind import Blind, Pair

AHEAD = 4
"""Seeds that are made at a time, so that the first pair is there soon."""


@app.command(epilog='Example: negprompt blind "a cat on a beach" --negative "scarf, blurry"')
@loads
@reads
def blind(
    prompt: Annotated[
        str | None, typer.Argument(help="What the picture should show.", show_default=False)
    ] = None,
    *,
    negative: options.NegativeTexts = None,
    negative_weight: options.NegativeWeights = None,
    folders: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            metavar="A B",
            help="Two folders of pictures from any tool instead, paired by name or seed.",
            show_default=False,
        ),
    ] = None,
    pairs: Annotated[int, typer.Option(min=6, max=1000, help="Most pairs.")] = 24,
    model: options.ModelName = "pocket",
    cfg: options.Scale = None,
    steps: options.Steps = None,
    seed: options.Seed = 0,
    size: options.Size = None,
    port: probing.Port = 0,
    browser: probing.Browser = True,
    as_json: probing.AsJson = False,
    reading: Reading,
    loading: Loading,
    policy: options.Policies = None,
    policy_folder: options.PolicyFolders = None,
    out: options.Out = Path("out/blind"),
) -> None:
    """Find out whether you can tell a negative's pictures from those without it.

    A page on this machine shows pairs with hidden sides; it stops when your preference is beyond
    doubt, or when the pairs are used up and you cannot tell.
    """
    _one_of(prompt, folders)
    from negprompt.measure.eyes.blind import Blind, from_folders
    from negprompt.measure.eyes.serving import served

    if folders is not None:
        made = from_folders(*folders)
        names = (f"of {folders[0]}", f"of {folders[1]}")
        session = Blind("two folders", pairs, names)
    else:
        asked = options.request(
            prompt or "", negative=negative, weights=negative_weight, model=model, cfg=cfg,
            steps=steps, loading=loading, seed=seed, count=pairs, size=size,
            policies=policy, policy_folders=policy_folder, **reading,
        ).divided()  # fmt: skip
        _needs_negative(asked)
        standing(asked)
        made, session = _made(asked, out), Blind(asked.prompt, pairs)
    try:
        with served(session, "blind.html", port) as address:
            say(f"the page: {address}")
            if browser:
                webbrowser.open(address)
            _hold(session, made)
    finally:
        say(session.sentence())
    if as_json:
        print(json.dumps(session.to_json()))


def _hold(session: "Blind", made: "Iterator[Pair]") -> None:
    """Make pairs until there are enough, then wait for the last answer."""
    for number, pair in enumerate(made):
        session.add(pair)
        if session.over.is_set() or number + 1 >= session.most:
            break
    else:
        session.most = min(session.most, number + 1)
        if len(session.found.said) >= session.most:
            session.over.set()
    while not session.over.wait(0.2):
        pass


def _made(asked: "Request", out: Path) -> "Iterator[Pair]":
    """The pairs of a request, a few seeds at a time."""
    from negprompt.engine import loaded
    from negprompt.measure.ablate import gallery
    from negprompt.measure.compare import bare
    from negprompt.measure.eyes.blind import Pair

    place = gallery(loaded(asked.model, asked.loading), out)
    for first in range(asked.seed, asked.seed + asked.count, AHEAD):
        count = min(AHEAD, asked.seed + asked.count - first)
        with_, without = (
            place.batch(replace(arm, seed=first, count=count)).paths for arm in (asked, bare(asked))
        )
        for one, other in zip(with_, without, strict=True):
            yield Pair(f"seed {one.stem}", one, other)


def _one_of(prompt: str | None, folders: tuple[Path, Path] | None) -> None:
    """Raise RequestError ``blind-what`` unless it is a prompt or two folders."""
    if (prompt is None) == (folders is None):
        raise _what()


def _needs_negative(asked: "Request") -> None:
    """Raise RequestError ``blind-what`` where neither a negative nor a policy is given."""
    if not asked.negative and not asked.policies:
        raise _what()


def _what() -> RequestError:
    return RequestError(
        "a blind test is of a prompt with a negative, or of two folders",
        code="blind-what",
        cure='give PROMPT --negative "…", or --folders A B',
    )
