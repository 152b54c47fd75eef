"""``negprompt prune``: the shortest negative that keeps the effect, and what it saves."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from negprompt.cli import options, probing
from negprompt.cli.loading import loads
from negprompt.cli.planning import spelled_out_each
from negprompt.cli.reading import Reading, reads
from negprompt.cli.shell import app
from negprompt.cli.terminal import say
from negprompt.models.choices import Loading

if TYPE_CHECKING:
    from negprompt.measure.ablate import Question
    from negprompt.measure.prune import Pruned, Trial
    from negprompt.measure.statistics import Interval

Keep = Annotated[
    list[str] | None,
    typer.Option(
        "--keep",
        metavar="TEXT",
        help="A thing that should stay; without it, what the prompts ask for.",
        show_default=False,
    ),
]


@app.command(epilog='Example: negprompt prune "a cat on a beach" --negative "scarf, blurry, ugly"')
@loads
@reads
def prune(
    prompts: probing.Prompts,
    *,
    negative: options.NegativeTexts = None,
    negative_weight: options.NegativeWeights = None,
    seeds: Annotated[int, typer.Option(min=8, max=10_000, help="Seeds a prompt of a test.")] = 96,
    probe: probing.ProbeName = "",
    loss: Annotated[
        float, typer.Option(min=0, max=1, help="Share of avoidance that may be lost.")
    ] = 0.03,
    keep: Keep = None,
    labels: probing.Labels = None,
    model: options.ModelName = "pocket",
    cfg: options.Scale = None,
    steps: options.Steps = None,
    seed: options.Seed = 0,
    size: options.Size = None,
    scheduler: options.Scheduler = None,
    rule: options.Rule = "cfg",
    rescale: options.Rescale = 0.0,
    estimate: probing.Estimate = False,
    as_json: probing.AsJson = False,
    reading: Reading,
    loading: Loading,
    policy: options.Policies = None,
    policy_folder: options.PolicyFolders = None,
    out: options.Out = Path("out/ablate"),
) -> None:
    """Print the shortest negative that keeps the effect.

    Terms are looked at in groups, so a long list takes far fewer pictures than leaving out each.
    Pictures are kept, so the same command goes on where it was interrupted.
    """
    base = options.request(
        prompts[0], negative=negative, weights=negative_weight, model=model, cfg=cfg, steps=steps,
        loading=loading, seed=seed, size=size, scheduler=scheduler, rule=rule, rescale=rescale,
        policies=policy, policy_folders=policy_folder, **reading,
    )  # fmt: skip
    each = spelled_out_each(base, prompts)
    from negprompt.measure.ablate import Question
    from negprompt.measure.prune import most

    question = Question(tuple(one.prompt for one in each), each[0], seeds, tuple(keep or ()))
    pictures = most(question)
    say(f"{len(question.terms)} terms, at most {pictures} pictures")
    if estimate:
        say(probing.time_of(pictures, each[0]))
        return
    name = probe or probing.default_probe(model)
    found = _pruned(question, name, out, pictures=pictures, loss=loss, labels=labels)
    for line in sentences(found):
        say(line)
    print(json.dumps(to_json(found)) if as_json else found.text)


def _pruned(
    question: "Question",
    name: str,
    out: Path,
    *,
    pictures: int,
    loss: float,
    labels: Path | None,
) -> "Pruned":
    from negprompt.engine import loaded
    from negprompt.measure.ablate import gallery
    from negprompt.measure.ablate.run import NOBODY
    from negprompt.measure.labels import known
    from negprompt.measure.probes import probe
    from negprompt.measure.prune import prune as pruned

    eyes = probe(name)
    labelled = NOBODY if eyes is None or labels is None else known(labels, eyes)
    with probing.counting(pictures) as count:
        place = gallery(loaded(question.base.model, question.base.loading), out, count)
        return pruned(question, place, eyes, loss=loss, labels=labelled, on_trial=_told)


def _told(trial: "Trial") -> None:
    names = ", ".join(trial.kept[:4]) + (", …" if len(trial.kept) > 4 else "")
    terms = f"with {len(trial.kept)} ({names})" if trial.kept else "with none"
    verdict = "keeps the effect" if trial.accepted else "does not keep the effect"
    say(f"{terms}: {verdict}, {100 * trial.loss:+.1f} points lost")


def sentences(found: "Pruned") -> list[str]:
    """What was found and what it saves."""
    terms = len(found.question.terms)
    share = found.pictures / found.leave_one_out
    lines = [(f"{len(found.kept)} of {terms} terms stay; {found.pictures} pictures, {share:.0%} of "
             "leaving out each one")]  # fmt: skip
    if found.loss is None:
        end = "; what stays holds up what should stay" if found.kept else ": drop it"
        lines.append(f"nothing that the probe knows is removed by the full negative{end}")
    else:
        full, short = found.avoidance
        lines.append(
            f"on seeds that chose nothing, avoidance is {short:.0%} beside {full:.0%} of the full "
            f"negative: {points(found.loss)} points lost"
        )
    for one in found.removed:
        rates = f"{one.pairs.steered.rate:.0%} beside {one.pairs.without.rate:.0%}"
        lines.append(f"{one.thing} is there in {rates} of the full negative's")
        if one.corrected is not None:
            right = points(one.corrected)
            lines.append(f"{one.thing}, put right by {one.labels} labels: {right} points lost")
    for one in found.stays:
        rates = f"{one.pairs.steered.rate:.0%} beside {one.pairs.without.rate:.0%}"
        lines.append(f"{one.thing} is there in {rates} of the full negative's: "
                     f"{points(one.effect)} points")  # fmt: skip
    return lines


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
        "put_right": [
            {"thing": one.thing, "lost": one.corrected.to_json(), "labels": one.labels}
            for one in found.removed
            if one.corrected is not None
        ],
        "stays": [
            {
                "thing": one.thing,
                "full": one.pairs.without.rate,
                "pruned": one.pairs.steered.rate,
                "change": one.effect.to_json(),
            }
            for one in found.stays
        ],
        "pictures": found.pictures,
        "pictures_leave_one_out": found.leave_one_out,
        "trials": [
            {"kept": list(t.kept), "lost": t.loss, "seeds": t.seeds, "keeps_effect": t.accepted}
            for t in found.trials
        ],
    }


def points(change: "Interval") -> str:
    """``+1.0 [-2.1, +4.2]``."""
    return f"{100 * change.rate:+.1f} [{100 * change.lo:+.1f}, {100 * change.hi:+.1f}]"
