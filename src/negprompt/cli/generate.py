"""``negprompt generate``: a prompt and negatives → pictures in a folder."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from negprompt.cli import options
from negprompt.cli.loading import loads
from negprompt.cli.shell import app
from negprompt.cli.terminal import in_a_line, notices, progress, say, table
from negprompt.models.choices import Loading

if TYPE_CHECKING:
    from negprompt.engine import Generation
    from negprompt.policy import Plan


@app.command(epilog='Example: negprompt generate "a cat on a beach" --negative "scarf" --count 4')
@loads
def generate(
    prompt: options.PromptText,
    *,
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
    embeddings: options.Embeddings = None,
    image: options.Image = None,
    mask: options.Mask = None,
    strength: options.Strength = None,
    loading: Loading,
    policy: options.Policies = None,
    policy_folder: options.PolicyFolders = None,
    out: options.Out = Path("out"),
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of the paths.")
    ] = False,
) -> None:
    """Make pictures; each PNG says how it was made."""
    asked = options.request(
        prompt, negative=negative, weights=negative_weight, model=model, cfg=cfg, steps=steps,
        seed=seed, count=count, size=size, scheduler=scheduler, rule=rule, rescale=rescale,
        dialect=dialect, scheme=scheme, normalise=normalise, chunks=chunks, match=match,
        clip_skip=clip_skip, embeddings=embeddings, image=image, mask=mask, strength=strength,
        loading=loading, policies=policy, policy_folders=policy_folder,
    )  # fmt: skip
    from negprompt.engine import run, save, writable

    writable(out)
    with progress("denoising") as on_step:
        made = run(asked, on_step=on_step)
    paths = save(made, out)
    notices(made.notices)
    if as_json:
        print(json.dumps(contract(made, paths)))
        return
    if made.plan.layers:
        _origins(made.plan)
    cost = made.cost
    say(f"{cost.passes} passes an image, {cost.passes_per_step:g} a step, {cost.seconds:.1f} s")
    for path in paths:
        print(path)


def _origins(plan: "Plan") -> None:
    """The terms of the negatives that act, and who put each there."""
    headings = ("negative", "weight", "term", "from")
    rows = [
        (str(number), f"{term.weight:.6g}", in_a_line(term.name), term.layer)
        for number, negative in enumerate(plan.negatives, 1)
        for term in negative.terms
    ]
    if rows:
        table(headings, rows)
    else:
        say("no term of a policy acts")


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
