"""``negprompt prune``: the shortest negative that keeps the effect, and what it saves."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from negprompt.cli import options, probing
from negprompt.cli.loading import loads
from negprompt.cli.planning import spelled_out
from negprompt.cli.shell import app
from negprompt.cli.terminal import say
from negprompt.models.choices import Loading

if TYPE_CHECKING:
    from negprompt.measure.prune import Pruned, Trial
    from negprompt.measure.statistics import Interval


@app.command(epilog='Example: negprompt prune "a cat on a beach" --negative "scarf, blurry, ugly"')
@loads
def prune(
    prompts: probing.Prompts,
    *,
    negative: options.NegativeTexts = None,
    negative_weight: options.NegativeWeights = None,
    seeds: Annotated[int, typer.Option(min=8, max=10_000, help="Seeds a prompt of a test.")] = 48,
    probe: probing.ProbeName = "",
    loss: Annotated[
        float, typer.Option(min=0, max=1, help="Share of avoidance that may be lost.")
    ] = 0.03,
    model: options.ModelName = "pocket",
    cfg: options.Scale = None,
    steps: options.Steps = None,
    seed: options.Seed = 0,
    size: options.Size = None,
    as_json: probing.AsJson = False,
    loading: Loading,
    policy: options.Policies = None,
    policy_folder: options.PolicyFolders = None,
    out: options.Out = Path("out/ablate"),
) -> None:
    """Print the shortest negative that keeps the effect.

    Groups of terms are left out together, so it takes far fewer pictures than leaving out each one.
    Pictures are kept, so the same command goes on where it was interrupted.
    """
    base = options.request(
        prompts[0], negative=negative, weights=negative_weight, model=model, cfg=cfg, steps=steps,
        loading=loading, seed=seed, size=size, policies=policy, policy_folders=policy_folder,
    )  # fmt: skip
    base = spelled_out(base)
    from negprompt.engine import loaded
    from negprompt.measure.ablate import Question, gallery
    from negprompt.measure.probes import probe as named
    from negprompt.measure.prune import prune as pruned

    question = Question(tuple(prompts), base, seeds)
    eyes = named(probe or probing.default_probe(model))
    most = (len(question.terms) + 2) * seeds * len(prompts)
    say(f"{len(question.terms)} terms; leaving out each one would take {most} pictures")
    with probing.counting(most) as count:
        place = gallery(loaded(model, loading), out, count)
        found = pruned(question, place, eyes, loss=loss, on_trial=_told)
    for line in sentences(found):
        say(line)
    print(json.dumps(to_json(found)) if as_json else found.text)


def _told(trial: "Trial") -> None:
    names = ", ".join(trial.left_out[:4]) + (", …" if len(trial.left_out) > 4 else "")
    verdict = "can go" if trial.accepted else "must stay, at least in part"
    if not trial.accepted and len(trial.left_out) == 1:
        verdict = "stays"
    say(f"without {len(trial.left_out)} ({names}): {verdict}, {100 * trial.loss:+.1f} points lost")


def sentences(found: "Pruned") -> list[str]:
    """What was found and what it saves."""
    terms = len(found.question.terms)
    share = found.pictures / found.leave_one_out
    lines = [(f"{len(found.kept)} of {terms} terms stay; {found.pictures} pictures, {share:.0%} of "
             "leaving out each one")]  # fmt: skip
    if found.loss is None:
        return [*lines, "nothing that the probe knows is removed by the full negative: drop it"]
    full, short = found.avoidance
    lost = found.loss
    return [
        *lines,
        (
            f"on seeds that chose nothing, avoidance is {short:.0%} beside {full:.0%} of the full "
            f"negative: {points(lost)} points lost"
        ),
    ]


def to_json(found: "Pruned") -> dict[str, Any]:
    """What ``--json`` prints."""
    lost = found.loss
    return {
        "negatives": [{"text": text, "weight": weight} for text, weight in found.negatives],
        "kept": [found.question.text(number) for number in found.kept],
        "removes": list(found.acting),
        "terms_before": len(found.question.terms),
        "characters_before": len(found.question.plan.effective_negative),
        "characters": len(found.text),
        "avoidance": {"full": found.avoidance[0], "pruned": found.avoidance[1]},
        "lost": None if lost is None else lost.to_json(),
        "pictures": found.pictures,
        "pictures_leave_one_out": found.leave_one_out,
        "trials": [
            {"left_out": list(t.left_out), "lost": t.loss, "seeds": t.seeds, "can_go": t.accepted}
            for t in found.trials
        ],
    }


def points(change: "Interval") -> str:
    """``+1.0 [-2.1, +4.2]``."""
    return f"{100 * change.rate:+.1f} [{100 * change.lo:+.1f}, {100 * change.hi:+.1f}]"
