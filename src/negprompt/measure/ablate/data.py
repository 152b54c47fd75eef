"""A report → JSON and CSV, and the command that gives it again."""

import csv
import io
import json
import shlex
from dataclasses import fields
from typing import Any

from negprompt.engine import Request
from negprompt.measure.ablate.findings import Change, Comparison, Report, TermFinding
from negprompt.measure.ablate.question import Arm
from negprompt.measure.statistics import Interval
from negprompt.models.choices import NOTHING_BESIDE, Loading

VERSION = 1
"""Of the form of the JSON."""


def to_json(report: Report) -> dict[str, Any]:
    """What ``ablate --json`` prints and ``ablate.json`` holds."""
    question = report.question
    return {
        "version": VERSION,
        "command": command(report),
        "prompts": list(question.prompts),
        "negative": list(question.base.negative or ()),
        "model": question.base.model,
        "probe": report.probe,
        "keeps": list(question.keeps),
        "margin": question.margin,
        "seeds": report.seeds,
        "first_seed": question.base.seed,
        "cost": {
            "pictures_made": report.spent.made,
            "pictures_found": report.spent.kept,
            "passes": report.spent.passes,
            "seconds": round(report.spent.seconds, 1),
        },
        "notices": [{"code": n.code, "text": n.text} for n in report.notices],
        "terms": [_term(term) for term in report.terms],
        "arms": [_arm(report, arm) for arm in question.arms()],
    }


def _arm(report: Report, arm: Arm) -> dict[str, Any]:
    """An arm's names (arms of the same negative are one), negatives, and pictures."""
    names = [other.name for other in report.question.named_arms if other.negatives == arm.negatives]
    paths = report.tally.column(arm).paths
    return {
        "names": list(dict.fromkeys(names)),
        "negatives": [{"text": text, "weight": weight} for text, weight in arm.negatives],
        "pictures": [path.relative_to(path.parents[2]).as_posix() for path in paths],
    }


def command(report: Report) -> str:
    """The command line that gives this report again."""
    question, base = report.question, report.question.base
    words = ["negprompt", "ablate", *question.prompts]
    for text in base.negative or ():
        words += ["--negative", text]
    for weight in base.negative_weights or ():
        words += ["--negative-weight", f"{weight:g}"]
    words += ["--model", base.model, "--probe", report.probe, "--seeds", str(question.seeds)]
    words += ["--seed", str(base.seed), "--margin", f"{question.margin:g}"]
    for thing in question.keeps:
        words += ["--keep", thing]
    if report.all_seeds:
        words.append("--all-seeds")
    settings: dict[str, Any] = {"--labels": report.labels, "--calibrate": report.calibration}
    settings |= {"--cfg": base.cfg, "--steps": base.steps, "--scheduler": base.scheduler}
    settings |= {"--rule": base.rule, "--rescale": base.rescale} | _reading(base)
    if base.size is not None:
        settings["--size"] = "{}x{}".format(*base.size)
    for name, value in (settings | _loading(base.loading)).items():
        if value is not None:
            words += [name, f"{value:g}" if isinstance(value, float) else str(value)]
    for name, weight in base.loading.loras:
        words += ["--lora", f"{name}:{weight:g}"]
    return shlex.join(words)


def _reading(base: Request) -> dict[str, Any]:
    """How the texts are read and encoded, where it is not as usual."""
    names = ("dialect", "scheme", "normalise", "chunks", "match", "clip_skip", "null", "embeddings")
    said = {name: value for name, value in base.given.items() if name in names}
    return {f"--{name.replace('_', '-')}": value for name, value in said.items()}


def _loading(loading: Loading) -> dict[str, str | None]:
    """What is loaded beside the model, where it is not as usual."""
    names = [field.name for field in fields(Loading) if field.name != "loras"]
    given = {name: getattr(loading, name) for name in names}
    usual = {name: getattr(NOTHING_BESIDE, name) for name in names}
    said = {name: value for name, value in given.items() if value != usual[name]}
    return {f"--{name.replace('_', '-')}": value for name, value in said.items()}


def to_csv(report: Report) -> str:
    """One row for each term, comparison and thing that was looked for."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(
        ("term", "verdict", "more_seeds", "comparison", "what", "n", "without", "with", "effect",
         "lo", "hi", "corrected", "corrected_lo", "corrected_hi", "lost", "gained", "p", "e")
    )  # fmt: skip
    for term in report.terms:
        head = (term.text, term.verdict, "" if term.more is None else term.more)
        for name in ("alone", "within", "together"):
            found: Comparison = getattr(term, name)
            changes = [found.counted.concept, *found.counted.kept]
            rows.writerows((*head, name, *_change_row(change)) for change in changes if change)
            measures = {"moved": found.moved, "collateral": found.collateral,
                        "traits": found.traits, "variety": found.variety}  # fmt: skip
            for what, interval in measures.items():
                if interval is not None:
                    size = (_digits(v) for v in (interval.rate, interval.lo, interval.hi))
                    rows.writerow((*head, name, what, found.counted.n, "", "", *size, *[""] * 7))
    return out.getvalue()


def _change_row(change: Change) -> tuple[object, ...]:
    pairs, effect, right = change.pairs, change.effect, change.corrected
    put_right = ("", "", "") if right is None else (right.rate, right.lo, right.hi)
    numbers = (pairs.without.rate, pairs.steered.rate, effect.rate, effect.lo, effect.hi)
    tail = (pairs.lost, pairs.gained, _digits(change.p_value), _digits(change.e_value))
    right_cells = (_digits(v) if v != "" else "" for v in put_right)
    return (change.thing, pairs.n, *map(_digits, numbers), *right_cells, *tail)


def _term(term: TermFinding) -> dict[str, Any]:
    return {
        "term": term.text,
        "weight": term.weight,
        "verdict": term.verdict,
        "reason": term.reason,
        "more_seeds": term.more,
        "alone": _comparison(term.alone),
        "within": _comparison(term.within),
        "together": _comparison(term.together),
    }


def _comparison(found: Comparison) -> dict[str, Any]:
    counted = found.counted
    return {
        "without": counted.without.name,
        "with": counted.steered.name,
        "n": counted.n,
        "concept": None if counted.concept is None else _change(counted.concept),
        "kept": [_change(change) for change in counted.kept],
        "moved": _interval(found.moved),
        "collateral": _interval(found.collateral),
        "clean_pairs": found.clean,
        "traits": _interval(found.traits),
        "variety": _interval(found.variety),
        "push": None if found.push is None else float(_digits(found.push)),
    }


def _change(change: Change) -> dict[str, Any]:
    pairs = change.pairs
    return {
        "thing": change.thing,
        "without": _interval(pairs.without),
        "with": _interval(pairs.steered),
        "effect": _interval(change.effect),
        "corrected": _interval(change.corrected),
        "labels": change.labels,
        "lost": pairs.lost,
        "gained": pairs.gained,
        "n": pairs.n,
        "abstained": change.abstained,
        "p": float(_digits(change.p_value)),
        "e": float(_digits(change.e_value)),
        "bounds": _interval(change.bounds),
    }


def _interval(interval: Interval | None) -> dict[str, float | None] | None:
    """An interval; an end that is not bounded is null, which JSON can say."""
    if interval is None:
        return None
    ends = interval.to_json().items()
    return {n: float(_digits(v)) if abs(v) != float("inf") else None for n, v in ends}


def _digits(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def dumped(report: Report) -> str:
    """The JSON as text."""
    return json.dumps(to_json(report), indent=1, ensure_ascii=False) + "\n"
