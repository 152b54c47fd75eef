"""``negprompt generate``: a prompt and negatives → pictures in a folder."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from negprompt.cli import checking, options
from negprompt.cli import free as freely
from negprompt.cli.loading import loads
from negprompt.cli.shell import app
from negprompt.cli.terminal import in_a_line, notices, progress, say, table
from negprompt.errors import Notice, RequestError
from negprompt.models.choices import Loading

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from negprompt.engine import Generation, Request
    from negprompt.policy import Layer
    from negprompt.policy.terms import Term

SETTINGS: Final = (
    "prompt", "negative", "model", "cfg", "steps", "seed", "count", "size", "scheduler", "rule",
    "rescale", "dialect", "scheme", "normalise", "chunks", "match", "clip_skip", "null",
    "embeddings", "image", "mask", "strength", "loading",
)  # fmt: skip
"""Options that are fields of a Request as they are."""


@app.command(
    cls=checking.WithCheck,
    epilog='Example: negprompt generate "a cat on a beach" --negative "scarf" --count 4',
)
@loads
def generate(
    context: typer.Context,
    prompt: options.MaybePromptText = None,
    *,
    like: options.Like = None,
    free: freely.Free = False,
    from_seed: freely.FromSeed = None,
    negative: options.NegativeTexts = None,
    negative_weight: options.NegativeWeights = None,
    model: options.ModelName = "pocket",
    cfg: options.Scale = None,
    steps: options.Steps = None,
    seed: options.Seed = 0,
    count: options.Count = 1,
    size: options.Size = None,
    scheduler: options.Scheduler = None,
    rule: options.Rule = "cfg",
    rescale: options.Rescale = 0.0,
    dialect: options.Dialect = "a1111",
    scheme: options.Scheme = None,
    normalise: options.Normalise = "none",
    chunks: options.Chunks = None,
    match: options.Match = "pad-empty",
    clip_skip: options.ClipSkip = None,
    null: options.Null = None,
    embeddings: options.Embeddings = None,
    image: options.Image = None,
    mask: options.Mask = None,
    strength: options.Strength = None,
    loading: Loading,
    policy: options.Policies = None,
    policy_folder: options.PolicyFolders = None,
    check: checking.Check = None,
    tries: checking.Tries = None,
    new_seed: checking.NewSeed = False,
    metadata: options.Metadata = "full",
    form: options.Format = "png",
    out: options.Out = Path("out"),
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of the paths.")
    ] = False,
) -> None:
    """Make pictures; each file says how it was made."""
    given = dict(locals())  # all that the command line says, by its names
    settings = {name: given[name] for name in SETTINGS}
    settings |= {"weights": negative_weight, "policies": policy, "policy_folders": policy_folder}
    if like is not None:
        settings |= _taken_over(like, context, policy_folder or ())
    settings = freely.spoken(settings, options.typed(context), free=free, seed=from_seed)
    asked = _asked(settings, out, metadata, form)
    looks = checking.prober(check, asked.model, tries=tries, reseed=new_seed)
    if looks is not None:
        _checked(asked, looks, out, metadata=metadata, form=form, as_json=as_json)
        return
    made, paths = _made(asked, out, metadata, form)
    sheet = freely.contact(made, out) if free else None
    notices([one for one in made.notices if not (free and one.code == "scale-one")])
    _told(made, paths, {"sheet": str(sheet)} if sheet else {}, as_json=as_json)


def _asked(settings: dict[str, Any], out: Path, metadata: str, form: str) -> "Request":
    """The request, once all that can be wrong before a model is loaded was looked at."""
    if settings["prompt"] is None:
        cure = "give one, or a picture with --like"
        raise RequestError("there is no prompt", code="prompt-missing", cure=cure)
    asked = options.request(**settings)
    from negprompt.encoding.choices import known
    from negprompt.engine import writable
    from negprompt.engine.save import FORMS, METADATA

    known(metadata, METADATA, "kind of metadata", code="metadata-unknown")
    known(form, FORMS, "format", code="format-unknown")
    writable(out)
    return asked


def _made(
    asked: "Request", out: Path, metadata: str, form: str
) -> "tuple[Generation, tuple[Path, ...]]":
    from negprompt.engine import run, save
    from negprompt.history.recording import kept

    with progress("denoising") as on_step:
        made = run(asked, on_step=on_step)
    paths = save(made, out, metadata=metadata, form=form)
    said = kept(made, paths, command="generate", metadata=metadata)
    return replace(made, notices=(*made.notices, *said)), paths


def _checked(
    asked: "Request", looks: checking.Looks, out: Path, *, metadata: str, form: str, as_json: bool
) -> None:
    """Make pictures that are looked at. Exit status 3 where not all are clean."""
    notices(looks.probe.notices)
    found, paths, said = checking.made(asked, looks, out, metadata=metadata, form=form)
    made = checking.together(found, looks)
    made = replace(made, notices=(*made.notices, *said))
    notices(made.notices)
    if not as_json:
        checking.told(found, looks)
    _told(made, paths, {"check": checking.to_json(found, paths, looks)}, as_json=as_json)
    if not all(checked.best.is_clean for checked in found):
        raise typer.Exit(checking.LEFT)


def _told(
    made: "Generation", paths: tuple[Path, ...], more: dict[str, Any], *, as_json: bool
) -> None:
    """What was made: one JSON object, or who put which term there, the cost, and the paths."""
    if as_json:
        print(json.dumps(contract(made, paths) | more))
        return
    if made.plan.layers:
        _origins(made)
    cost = made.cost
    if "check" not in more:
        say(f"{cost.passes} passes an image, {cost.passes_per_step:g} a step, {cost.seconds:.1f} s")
    for path in (*paths, *([more["sheet"]] if "sheet" in more else [])):
        print(path)


def _taken_over(image: Path, context: typer.Context, folders: "Sequence[Path]") -> dict[str, Any]:
    """What a picture says, but for what the command line says."""
    from negprompt.engine.inspecting import inspected
    from negprompt.engine.like import alike

    found = alike(inspected(image))
    taken = dict(found.settings) | {"policies": list(found.names)}
    if "negative_weights" in taken:
        taken["weights"] = taken.pop("negative_weights")
    names = {"negative_weight": "weights", "policy": "policies"}
    typed = {names.get(name, name) for name in options.typed(context)}
    if "policies" not in typed:
        notices(tuple(_changed(found.policies, options.layers(found.names, folders))))
    if "negative" in typed:
        taken.pop("weights", None)
    notices(found.notices)
    return {name: value for name, value in taken.items() if name not in typed}


def _changed(labels: "Sequence[str]", layers: "Sequence[Layer]") -> "Iterator[Notice]":
    now = {layer.name: layer.label for layer in layers}
    for label in labels:
        if (changed := now[label.partition("@")[0]]) != label:
            said = f"the picture was made under the policy {label}, which now is {changed}"
            yield Notice("policy-changed", said)


def _origins(made: "Generation") -> None:
    """The terms of the negatives that act, who put each there, and what was measured of it."""
    rows = [
        (str(number), f"{term.weight:.6g}", in_a_line(term.name), term.layer, _measured(term, made))
        for number, negative in enumerate(made.plan.negatives, 1)
        for term in negative.terms
    ]
    if rows:
        table(("negative", "weight", "term", "from", "measured"), rows)
    else:
        say("no term of a policy acts")


def _measured(term: "Term", made: "Generation") -> str:
    """What a policy's file says that a term does, without the command that measured it."""
    if term.is_hidden:
        return ""
    said = (
        entry.evidence
        for layer in made.request.policies
        if layer.label in term.layer
        for entry in layer.terms
        if entry.key == " ".join(term.text.casefold().split())
    )
    return in_a_line(next(said, "").partition(";")[0], 400)


def contract(made: "Generation", paths: tuple[Path, ...]) -> dict[str, Any]:
    """What ``--json`` prints."""
    cost = made.cost
    return {
        "images": [
            {"path": str(path), "seed": seed} for path, seed in zip(paths, made.seeds, strict=True)
        ],
        "effective_negative": made.plan.effective_negative,
        "raw_negative": made.plan.raw_negative,
        "terms": [
            {"negative": number, "text": term.name, "weight": term.weight, "from": term.layer}
            for number, negative in enumerate(made.plan.negatives, 1)
            for term in negative.terms
        ],
        "policies": list(made.plan.layers),
        "notices": [{"code": notice.code, "text": notice.text} for notice in made.notices],
        "cost": {
            "passes": cost.passes,
            "passes_per_step": cost.passes_per_step,
            "seconds": cost.seconds,
        },
    }
