"""``negprompt compare``: the same seeds without and with the negative, seen and counted."""

from pathlib import Path

from negprompt.cli import options
from negprompt.cli.loading import loads
from negprompt.cli.planning import standing
from negprompt.cli.reading import Reading, reads
from negprompt.cli.shell import app
from negprompt.cli.terminal import notices, progress, say
from negprompt.models.choices import Loading


@app.command(epilog='Example: negprompt compare "a cat on a beach" --negative "scarf" --count 8')
@loads
@reads
def compare(
    prompt: options.PromptText,
    *,
    negative: options.NegativeTexts = None,
    negative_weight: options.NegativeWeights = None,
    model: options.ModelName = "pocket",
    cfg: options.Scale = None,
    steps: options.Steps = None,
    seed: options.Seed = 0,
    count: options.Count = 4,
    size: options.Size = None,
    scheduler: options.Scheduler = None,
    rule: options.Rule = "cfg",
    rescale: options.Rescale = 0.0,
    image: options.Image = None,
    mask: options.Mask = None,
    strength: options.Strength = None,
    reading: Reading,
    loading: Loading,
    policy: options.Policies = None,
    policy_folder: options.PolicyFolders = None,
    out: options.Out = Path("out"),
) -> None:
    """Show what a negative changes.

    The same seeds without and with it, side by side, a map of where they differ, and what the
    judge saw in each. The sheet's path is printed.
    """
    asked = options.request(
        prompt, negative=negative, weights=negative_weight, model=model, cfg=cfg, steps=steps,
        seed=seed, count=count, size=size, scheduler=scheduler, rule=rule, rescale=rescale,
        image=image, mask=mask, strength=strength, loading=loading, policies=policy,
        policy_folders=policy_folder, **reading,
    )  # fmt: skip
    from negprompt.engine import loaded, writable, written
    from negprompt.measure import verdict
    from negprompt.measure.compare import compare as compared
    from negprompt.measure.compare import needs_negative
    from negprompt.measure.sheet import png, sheet
    from negprompt.world.judge import load

    needs_negative(asked)
    standing(asked)
    folder = writable(out)
    with progress("denoising") as on_step:
        found = compared(asked, model=loaded(model, loading), judge=load("first"), on_step=on_step)
    lines = verdict.sentences(found)
    path = written.write(written.following(folder, "compare"), png(sheet(found, lines)))
    notices(found.notices)
    for line in (*verdict.table(found), *lines):
        say(line)
    print(path)
