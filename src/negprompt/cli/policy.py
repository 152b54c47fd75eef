"""``negprompt policy``: which standing negatives there are, what they say, what is wrong."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from negprompt.cli import options, texts
from negprompt.cli.shell import MISTAKE, app
from negprompt.cli.terminal import in_a_line, pointed_at, say, table
from negprompt.errors import PolicyError

if TYPE_CHECKING:
    from negprompt.policy import Layer

group = typer.Typer(
    name="policy",
    help="Standing negatives: list them, show one, check files, print their schema.",
    no_args_is_help=True,
)
app.add_typer(group, name="policy")

NO_PROMISE = (
    "What it does not promise: a term steers away from a thing, and the thing may still appear. "
    "Its words reach the model whole at every step; what the model makes of them is no filter."
)


@group.command(name="list", epilog="Example: negprompt policy list")
def _list(*, folder: options.PolicyFolders = None, as_json: texts.AsJson = False) -> None:
    """List all policies that --policy finds, in the folders where it looks."""
    from negprompt.policy.files import folders, listed, read

    known = listed(folders(options.places(folder)))
    found = [(read(file, known), file) for file in known.values()]
    if as_json:
        print(json.dumps([_summary(layer) | {"file": str(file)} for layer, file in found]))
        return
    if not found:
        say("no policies: they are looked for in policies/ as NAME.toml")
        return
    headings = ("policy", "layer", "mode", "terms", "owner", "file")
    rows = [
        (layer.label, layer.rank, layer.mode, str(len(layer.terms)), layer.owner, str(file))
        for layer, file in found
    ]
    table(headings, rows, as_data=True)


@group.command(epilog="Example: negprompt policy show house-floor --policy-folder policies")
def show(
    name: Annotated[str, typer.Argument(help="Its name, or a file.", show_default=False)],
    *,
    folder: options.PolicyFolders = None,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Also the terms that only its owner may see.")
    ] = False,
    as_json: texts.AsJson = False,
) -> None:
    """Show one policy: what it says, from whom, why, and what it does not promise."""
    from negprompt.policy.files import load

    (layer,) = load([name], options.places(folder))
    terms = layer.terms if reveal or not layer.is_hidden else ()
    if as_json:
        found = _summary(layer) | asdict(layer)
        print(json.dumps(found | {"terms": [asdict(term) for term in terms]}))
        return
    for line in _lines(layer):
        print(line)
    headings = ("weight", "term", "reason", "evidence")
    rows = [
        (f"{t.weight:.6g}", in_a_line(t.text), in_a_line(t.reason, 400), in_a_line(t.evidence, 400))
        for t in terms
    ]
    table(headings, rows, as_data=True)
    if len(terms) < len(layer.terms):
        say(f"{len(layer.terms)} terms are their owner's to see: --reveal")
    if layer.is_enforced:
        print(NO_PROMISE)
        print(
            f"Measured: {layer.residual or 'nothing yet: how often it still appears is unknown.'}"
        )


@group.command(epilog="Example: negprompt policy check policies/house-floor.toml")
def check(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Names or files; all of your own by default.", show_default=False),
    ] = None,
    *,
    folder: options.PolicyFolders = None,
) -> None:
    """Check policy files; status 2 where one cannot be used. What is only odd is remarked on."""
    from negprompt.policy.files import listed, load, own_folders

    places = options.places(folder)
    wanted = names or [str(file) for file in listed(own_folders(places)).values()]
    layers: list[Layer] = []
    for name in wanted:
        try:
            layers += load([name], places, whole=True)
        except PolicyError as error:
            _told(error)
    for layer in layers:
        for remark in _remarks(layer):
            say(f"note: {layer.name}: {remark}")
        print(f"{layer.label} {len(layer.terms)} terms")
    if len(layers) < len(wanted):
        raise typer.Exit(MISTAKE)


@group.command(epilog="Example: negprompt policy schema > policy.schema.json")
def schema() -> None:
    """Print the JSON Schema of a policy file, which editors check and complete by."""
    from negprompt.policy.schema import schema as made

    print(json.dumps(made(), indent=2))


def _summary(layer: "Layer") -> dict[str, Any]:
    return {
        "name": layer.name,
        "version": layer.version,
        "hash": layer.hash,
        "layer": layer.rank,
        "mode": layer.mode,
        "owner": layer.owner,
        "reason": layer.reason,
        "count": len(layer.terms),
    }


def _lines(layer: "Layer") -> Iterator[str]:
    yield f"{layer.name} {layer.version}, sha256 {layer.hash}"
    yield f"layer {layer.rank}, {layer.mode}, written in {layer.dialect}"
    yield f"for {', '.join(layer.applies_to) or 'all models'}; seen by {_seers(layer)}"
    yield f"where the prompt asks for a term: {layer.on_positive}"
    if layer.is_enforced:
        yield f"refuses a guidance scale below {layer.least_scale:g}"
    if layer.expires:
        yield f"meant to act until {layer.expires}"
    for what in ("owner", "reason"):
        if said := getattr(layer, what):
            yield f"{what}: {said}"


def _seers(layer: "Layer") -> str:
    return "its owner alone" if layer.is_hidden else "all"


def _remarks(layer: "Layer") -> Iterator[str]:
    """Yield what is odd about a policy that can be used."""
    from negprompt.policy.concepts import opposites_of, words_for
    from negprompt.policy.lookalikes import key

    held = {key(term.text): term.text for term in layer.terms}
    for term in layer.terms:
        own = key(term.text)
        for word in opposites_of(term.text):
            if key(word) in held and own < key(word):
                yield f"{term.text!r} and {held[key(word)]!r} deny each other"
        for word in words_for(term.text):
            if key(word) in held and own < key(word):
                yield f"{term.text!r} and {held[key(word)]!r} name the same"
    if layer.is_expired(date.today()):  # noqa: DTZ011 - the user's own day
        yield f"it was meant to act until {layer.expires}"
    yield from (f"it has no {what}" for what in ("owner", "reason") if not getattr(layer, what))


def _told(error: PolicyError) -> None:
    if error.source is None or error.span is None:
        say(f"negprompt: {error}")
    else:
        pointed_at(f"negprompt: {error}", error.source, error.span)
