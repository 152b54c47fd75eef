"""``negprompt explain``: a prompt and negatives → what each term did, where, at what cost."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from negprompt.cli import options
from negprompt.cli.loading import loads
from negprompt.cli.planning import spelled_out
from negprompt.cli.reading import Reading, reads
from negprompt.cli.shell import app
from negprompt.cli.terminal import notices, progress, say, table
from negprompt.models.choices import Loading

if TYPE_CHECKING:
    from negprompt.measure.explain import Explanation


@app.command(epilog='Example: negprompt explain "a cat on a beach" --negative "scarf, blurry"')
@loads
@reads
def explain(
    prompt: options.PromptText,
    *,
    negative: options.NegativeTexts = None,
    negative_weight: options.NegativeWeights = None,
    model: options.ModelName = "pocket",
    cfg: options.Scale = None,
    steps: options.Steps = None,
    seed: options.Seed = 0,
    count: Annotated[int, typer.Option(help="Seeds that everything is averaged over, 1 to 8.")] = 4,
    level: Annotated[
        float,
        typer.Option(
            "--log-snr",
            help="Noise level of the picture of the baseline: -9 is all noise, 4 hardly any.",
        ),
    ] = -4.0,
    reading: Reading,
    loading: Loading,
    policy: options.Policies = None,
    policy_folder: options.PolicyFolders = None,
    out: options.Out = Path("out"),
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object with all numbers.")
    ] = False,
) -> None:
    """Show what a negative did: each term, each step, where, and the picture of the baseline.

    Writes explain.png, baseline.png and explain.json.
    """
    asked = options.request(
        prompt, negative=negative, weights=negative_weight, model=model, cfg=cfg, steps=steps,
        seed=seed, count=count, loading=loading, policies=policy, policy_folders=policy_folder,
        **reading,
    )  # fmt: skip
    asked = spelled_out(asked)
    from negprompt.engine import loaded, writable
    from negprompt.measure.explain import explain as explained
    from negprompt.measure.explain import save, to_json

    writable(out)
    with progress("explaining") as on_step:
        own = loaded(model, loading)
        found = explained(asked, model=own, level=level, on_step=on_step)
    paths = save(found, out)
    notices(found.notices)
    _told(found)
    if as_json:
        print(json.dumps(to_json(found)))
        return
    for path in paths:
        print(path)


def _told(found: "Explanation") -> None:
    """The table of terms and the three lines."""
    if found.terms:
        headings = ("term", "tokens", "weight", "strength", "pixels", "by step")
        rows = [
            (
                term.text,
                " ".join(text for text, _ in term.tokens),
                f"{term.weight:.3g}",
                f"{term.share:.0%}",
                f"{term.image_change:.1f}",
                bars([step.terms[number] for step in found.steps]),
            )
            for number, term in enumerate(found.terms)
        ]
        table(headings, rows)
    for name in ("leverage", "cost", "risk"):
        say(f"{name}: {getattr(found.verdict, name)}")


def bars(values: list[float], most: int = 25) -> str:
    """Numbers as a row of small bars, the largest full; neighbours are joined beyond ``most``."""
    width = -(-len(values) // most)
    groups = [values[start : start + width] for start in range(0, len(values), width)]
    heights = [sum(group) / len(group) for group in groups]
    top = max(heights, default=0) or 1
    return "".join("▁▂▃▄▅▆▇█"[min(7, int(8 * height / top))] for height in heights)
