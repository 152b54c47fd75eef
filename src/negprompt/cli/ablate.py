"""``negprompt ablate``: what each term of a negative does, on any model, and how sure that is."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from negprompt.cli import options, probing
from negprompt.cli.loading import loads
from negprompt.cli.planning import spelled_out_each
from negprompt.cli.reading import Reading, reads
from negprompt.cli.shell import app
from negprompt.cli.terminal import notices, say, table
from negprompt.models.choices import Loading

if TYPE_CHECKING:
    from negprompt.measure.ablate import Look, Question, Report
    from negprompt.measure.ablate.findings import Comparison


@app.command(epilog='Example: negprompt ablate "a cat on a beach" --negative "scarf, blurry"')
@loads
@reads
def ablate(
    prompts: probing.Prompts,
    *,
    negative: options.NegativeTexts = None,
    negative_weight: options.NegativeWeights = None,
    seeds: probing.MostSeeds = 64,
    probe: probing.ProbeName = "",
    keep: probing.Keep = None,
    labels: probing.Labels = None,
    calibrate: probing.Calibrate = None,
    margin: probing.Margin = 0.1,
    all_seeds: probing.AllSeeds = False,
    model: options.ModelName = "pocket",
    cfg: options.Scale = None,
    steps: options.Steps = None,
    seed: options.Seed = 0,
    size: options.Size = None,
    scheduler: options.Scheduler = None,
    rule: options.Rule = "cfg",
    rescale: options.Rescale = 0.0,
    estimate: probing.Estimate = False,
    anew: probing.Anew = False,
    as_json: probing.AsJson = False,
    as_csv: probing.AsCsv = False,
    html: probing.Html = True,
    reading: Reading,
    loading: Loading,
    policy: options.Policies = None,
    policy_folder: options.PolicyFolders = None,
    out: options.Out = Path("out/ablate"),
) -> None:
    """Say of each term of a negative whether it helps, does nothing or harms.

    The same seeds without a negative, with it, without each term and with each term alone. Writes
    ablate.html, ablate.json and ablate.csv; pictures are kept beside them, so the same command goes
    on where it was interrupted.
    """
    base = options.request(
        prompts[0], negative=negative, weights=negative_weight, model=model, cfg=cfg, steps=steps,
        seed=seed, size=size, scheduler=scheduler, rule=rule, rescale=rescale, loading=loading,
        policies=policy, policy_folders=policy_folder, **reading,
    )  # fmt: skip
    each = spelled_out_each(base, prompts)
    from negprompt.measure.ablate import Question
    from negprompt.measure.ablate.written import written

    texts = tuple(one.prompt for one in each)
    question = Question(texts, each[0], seeds, tuple(keep or ()), margin)
    cost(question)
    if estimate:
        say(probing.time_of(question.pictures, each[0]))
        return
    try:
        report = _asked(
            question, probe, out, labels=labels, calibrate=calibrate, early=not all_seeds,
            anew=anew,
        )  # fmt: skip
    except KeyboardInterrupt:
        say("pictures and answers are kept: the same command goes on from here")
        raise
    notices(report.notices)
    told(report)
    _printed(written(report, out, html=html), as_json=as_json, as_csv=as_csv)


def _printed(paths: "dict[str, Path]", *, as_json: bool, as_csv: bool) -> None:
    """What was asked for, or else the paths."""
    for kind in [kind for kind, wanted in (("json", as_json), ("csv", as_csv)) if wanted]:
        print(paths[kind].read_text("utf-8"), end="")
    if not as_json and not as_csv:
        for path in paths.values():
            print(path)


def _asked(
    question: "Question",
    name: str,
    out: Path,
    *,
    labels: Path | None,
    calibrate: Path | None,
    early: bool,
    anew: bool,
) -> "Report":
    from negprompt.engine import loaded
    from negprompt.measure.ablate import ablate as asked
    from negprompt.measure.ablate import gallery
    from negprompt.measure.ablate.run import NOBODY
    from negprompt.measure.labels import known, lines
    from negprompt.measure.probes import probe
    from negprompt.measure.probes.calibrated import calibrated

    found = probe(name or probing.default_probe(question.base.model))
    needs_probe(found is not None, labels or calibrate)
    if found is not None and calibrate is not None:
        found = calibrated(found, lines(calibrate, found))
    eyes = NOBODY if found is None or labels is None else known(labels, found)
    with probing.counting(question.pictures) as count:

        def on_look(look: "Look") -> None:
            count.rest(look.pictures)
            say(sentence(look))

        place = gallery(loaded(question.base.model, question.base.loading), out, count)
        report = asked(question, place, found, labels=eyes, early=early, anew=anew, on_look=on_look)
    return replace(report, calibration=calibrate)


def needs_probe(there: bool, labels: Path | None) -> None:
    """Raise RequestError ``probe-needed`` for labels without a probe that they could put right."""
    from negprompt.errors import RequestError

    if not there and labels is not None:
        raise RequestError(
            "there are labels and no probe that they could put right",
            code="probe-needed",
            cure="name one with --probe",
        )


def cost(question: "Question") -> None:
    """Say what a question takes at most, before anything is made."""
    arms = len(list(question.arms()))
    say(
        f"{len(question.terms)} terms, {arms} arms × {len(question.prompts)} prompts × "
        f"{question.seeds} seeds: at most {question.pictures} pictures, fewer where the answer is "
        "clear early"
    )


def sentence(look: "Look") -> str:
    """What is known after a batch, and what the rest takes."""
    open_ = sum(ruling.verdict == "cannot tell yet" for ruling in look.rulings)
    text = f"{look.seeds} seeds: {len(look.rulings) - open_} of {len(look.rulings)} terms are clear"
    if not look.pictures:
        return text
    time = "" if look.seconds is None else f", about {duration(look.seconds)}"
    return f"{text}; at most {look.pictures} pictures more{time}"


def duration(seconds: float) -> str:
    """``40 s``, ``12 min``, ``3.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def told(report: "Report") -> None:
    """The table of terms on standard error."""
    rows = []
    for term in report.terms:
        more = "" if term.more is None else f" ({term.more} more seeds needed)"
        rows.append(
            (term.text, f"{term.verdict}{more}", term.reason, _effect(term.alone),
             _effect(term.within), f"{100 * term.alone.moved.rate:.1f} %",
             f"{100 * term.alone.variety.rate:+.0f} %")
        )  # fmt: skip
    table(("term", "verdict", "why", "alone", "in the list", "changes", "variety"), rows)


def _effect(found: "Comparison") -> str:
    """``-42 [-55, -28]``: the change of a rate in points."""
    concept = found.counted.concept
    if concept is None:
        return "?"
    effect = concept.corrected or concept.effect
    return f"{100 * effect.rate:+.0f} [{100 * effect.lo:+.0f}, {100 * effect.hi:+.0f}]"
