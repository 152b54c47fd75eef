"""Forty terms whose effect is known: whether ``ablate`` tells them apart and ``prune`` keeps it.

``make bench-planted``, or ``python benchmarks/planted.py --estimate`` to hear what it takes.  Two
parts on the pocket model, each with its bars:

1. ``ablate`` with early stopping is to give at least 95 % of the terms the verdict of their class;
2. ``prune`` is to find a list whose avoidance, on seeds that chose nothing, is within 3 points of
   the full one, with at most 30 % of the pictures that leaving out each term takes.

A term's class follows from the world's table (``negprompt.world.factors``) and from pictures
without a negative, on seeds that neither part sees:

- useful: the canonical word of a concept that captions name in 30 % or more, that judges can be
  believed on, and that is in 15 to 85 % of the pictures without a negative.  It is to help.
- harmful by overlap: its words name what the prompt asks for, and that needs guidance: without any
  (scale 1) it is there in 20 points fewer of the pictures.  Of ``p(x) p(c|x)^s / p(n|x)^(s-1)``
  overlap leaves what both name unguided, no less.  It is to harm.
- dead: words of which no caption holds any part, so their naming rate is 0.  It is to do nothing to
  the concept that a reader would take them for, nor to what the prompt asks for.

No class is taken from a picture with a negative.  ``--scout`` prints, for several prompts and
scales, what is there to remove and what needs guidance, to choose ``--spot`` and ``--scale`` by.
Pictures are kept in the folder, so the same command goes on where it was killed.  The exit status
is 1 where a bar is missed, 2 where a class has too few terms.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any, Final

from PIL.Image import Image

from negprompt.engine import BATCH, Request, loaded, run
from negprompt.engine.written import write
from negprompt.measure.ablate import Look, Question, Report, ablate, gallery
from negprompt.measure.ablate.findings import SEEN_FROM
from negprompt.measure.ablate.gallery import Gallery, Reader
from negprompt.measure.arms import batches
from negprompt.measure.compare import concept_of
from negprompt.measure.probes.asking import Probe
from negprompt.measure.probes.judged import judged
from negprompt.measure.protocol.cases import NAMED, Spot
from negprompt.measure.prune import Pruned, Trial, prune
from negprompt.measure.suite import UNMEASURABLE
from negprompt.world.captions import vocabulary
from negprompt.world.factors import COLOURS, CONCEPTS, PLACE_WORDS, SUBJECT_WORDS

RIGHT, LOST, SHARE = 0.95, 0.03, 0.30  # the bars
NUMBER: Final = 40
OCCURS: Final = (0.15, 0.85)
NEEDS: Final = 0.20
"""Points by which a thing falls without guidance, for overlap to be taken for harmful."""
APART: Final = 10_000_000
"""First seed of the pictures that classes are taken from."""
LOOKED: Final = 64
EXPECTED: Final[Mapping[str, str]] = {"useful": "helps", "dead": "nothing", "harmful": "harms"}
SCOUTED: Final = (
    Spot("red", "person", "beach"), Spot("blue", "cat", "room"), Spot("blue", "boat", "beach"),
    Spot("purple", "mushroom", "meadow"), Spot("yellow", "hand", "studio"),
    Spot("green", "person", "forest"),
)  # fmt: skip
SCALES: Final = (1.5, 2.0, 3.0)
DEAD: Final[Mapping[str, str]] = {
    "border": "border", "stamp": "watermark", "typography": "text", "emblem": "logo",
    "gaudy": "oversaturated", "beret": "hat", "fluorescent": "neon", "edges": "border",
    "copyright": "watermark", "caption": "text", "badge": "logo", "lurid": "oversaturated",
    "helmet": "hat", "psychedelic": "neon", "margin": "border", "trademark": "watermark",
    "slogan": "text", "monogram": "logo", "hdr": "oversaturated", "fedora": "hat",
    "glowing": "neon", "vignette": "border", "username": "watermark", "graffiti": "text",
    "brand": "logo", "vivid": "oversaturated", "turban": "hat", "contour": "border",
    "url": "text", "crest": "logo", "cap": "hat", "banner": "text", "dayglo": "neon",
    "mat": "border", "hashtag": "text", "hood": "hat",
}  # fmt: skip
"""Words that no caption holds, and the concept that a reader would take each for."""


@dataclass(frozen=True, slots=True)
class Planted:
    """One term, and what it is known to be."""

    text: str
    kind: str
    concept: str | None
    """What the judge is asked for; None where it knows no such thing."""


@dataclass(frozen=True, slots=True)
class Bare:
    """How often things are in the pictures without a negative: guided, and without guidance."""

    guided: Mapping[str, float]
    alone: Mapping[str, float]

    def needs(self, thing: str) -> bool:
        """Whether a thing is there by guidance."""
        return self.guided[thing] - self.alone[thing] >= NEEDS

    def occurs(self, concept: str) -> bool:
        """Whether there is something to remove."""
        return OCCURS[0] <= self.guided[concept] <= OCCURS[1]


def named() -> list[str]:
    """Concepts that captions name and judges can be believed on."""
    return [
        concept.name for concept in CONCEPTS.values()
        if concept.naming_rate >= NAMED and not {concept.name, *concept.members} & UNMEASURABLE
    ]  # fmt: skip


def overlapping(spot: Spot) -> dict[str, str]:
    """Terms that name what a prompt asks for, and which of subject, colour, place that is."""
    subject, place = spot.subject, PLACE_WORDS[spot.place]
    words = [*SUBJECT_WORDS[subject], f"a {subject}", f"{spot.colour} {subject}",
             f"{subject} {place[0]}", f"one {subject}"]  # fmt: skip
    return (
        dict.fromkeys(words, subject) | {spot.colour: spot.colour}
        | dict.fromkeys(place[:2], spot.place)
    )  # fmt: skip


def planted(spot: Spot, bare: Bare, number: int = NUMBER) -> tuple[Planted, ...]:
    """All useful and harmful terms, and as many dead ones as fill the list, in turn.

    ValueError for a dead word that some caption holds.
    """
    if any(set(word.split()) & vocabulary() for word in DEAD):
        raise ValueError("a dead word is in some caption")
    useful = [Planted(CONCEPTS[name].words[0], "useful", name) for name in named()
              if bare.occurs(name)]  # fmt: skip
    harmful = [Planted(text, "harmful", concept_of(text))
               for text, thing in overlapping(spot).items() if bare.needs(thing)]  # fmt: skip
    dead = [Planted(text, "dead", concept) for text, concept in DEAD.items()]
    groups = useful, harmful, dead[: number - len(useful) - len(harmful)]
    places = [(k / len(group), term) for group in groups for k, term in enumerate(group)]
    return tuple(term for _, term in sorted(places, key=lambda one: one[0]))


def looked(spot: Spot, scale: float, asked: argparse.Namespace, place: Gallery) -> Bare:
    """Pictures of a prompt without a negative, on seeds of their own."""
    things = [*named(), spot.subject, spot.colour, spot.place]
    reader, found = Reader(judged(asked.judge), place.folder), []
    for cfg in (scale, 1.0):
        seen: dict[str, list[float]] = {thing: [] for thing in things}
        for seed, count in batches(APART, asked.looked):
            request = Request(prompt=spot.text, model=asked.model, cfg=cfg, steps=asked.steps,
                              seed=seed, count=count)  # fmt: skip
            for thing, said in reader.answers(place.batch(request), things).items():
                seen[thing] += [float((p or 0) > SEEN_FROM) for p in said]
        found.append({thing: mean(values) for thing, values in seen.items()})
    return Bare(*found)


def scout(asked: argparse.Namespace, place: Gallery) -> None:
    """What there is to remove and what needs guidance, by prompt and scale."""
    for spot in SCOUTED:
        for scale in SCALES:
            bare = looked(spot, scale, asked, place)
            kinds = Counter(term.kind for term in planted(spot, bare))
            rates = ", ".join(f"{thing} {bare.guided[thing]:.2f} ({bare.alone[thing]:.2f})"
                              for thing in bare.guided)  # fmt: skip
            print(f"{spot.text}, scale {scale:g}: {dict(kinds)}\n  {rates}", flush=True)


def probe_of(terms: Sequence[Planted], which: Any) -> Probe:
    """The judge, asked for each term's own concept."""
    judge = judged(which)
    concepts = {term.text: term.concept or term.text for term in terms}

    def ask(images: Sequence[Image], term: str) -> Sequence[float | None]:
        return judge.ask(images, concepts.get(term, term))

    return replace(judge, ask=ask, mark=f"{judge.mark} {sorted(concepts.items())}")


def question_of(terms: Sequence[Planted], asked: argparse.Namespace, seeds: int) -> Question:
    """All terms as one negative of one prompt."""
    spot = asked.spot
    base = Request(
        prompt=spot.text, negative=(", ".join(term.text for term in terms),), model=asked.model,
        cfg=asked.scale, steps=asked.steps, seed=asked.seed,
    )  # fmt: skip
    keeps = (spot.subject, spot.colour, spot.place)
    return Question((spot.text,), base, seeds, keeps, asked.margin)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both parts; 1 where a bar is missed, 2 where a class has too few terms."""
    asked = _arguments(arguments)
    place = gallery(loaded(asked.model), asked.out)
    if asked.scout:
        scout(asked, place)
        return 0
    bare = looked(asked.spot, asked.scale, asked, place)
    terms = planted(asked.spot, bare)
    counts = Counter(term.kind for term in terms)
    say(f"{asked.spot.text}, scale {asked.scale:g}: {dict(counts)}")
    if len(counts) < len(EXPECTED) or len(terms) < NUMBER:
        say("a class has too few terms: see --scout for another --spot or --scale")
        return 2
    long, short = (question_of(terms, asked, n) for n in (asked.seeds, asked.prune_seeds))
    most = long.pictures + (len(terms) + 2) * asked.prune_seeds
    minutes = most * _seconds(long, place) / 60
    say(f"at most {most} pictures, prune's among them: {minutes:.0f} minutes, as busy as it is now")
    if asked.estimate:
        return 0
    data = _measured(terms, (long, short), asked, place) | {
        "bare": {"guided": bare.guided, "alone": bare.alone}, "weights": place.mark,
    }  # fmt: skip
    text = "\n".join(_table(data))
    write(asked.out / "planted.json", (json.dumps(data, indent=1) + "\n").encode())
    write(asked.out / "planted.md", f"{text}\n".encode())
    print(text)
    return 0 if all(bar["held"] for bar in data["bars"]) else 1


def _measured(
    terms: Sequence[Planted],
    questions: tuple[Question, Question],
    asked: argparse.Namespace,
    place: Gallery,
) -> dict[str, Any]:
    probe = probe_of(terms, asked.judge)
    report = ablate(questions[0], place, probe, on_look=_looked)
    pruned = prune(questions[1], place, probe, on_trial=_tried)
    return _data(asked, terms, report, pruned)


def _spot(text: str) -> Spot:
    colour, subject, where = text.split(",")
    if colour not in COLOURS or subject not in SUBJECT_WORDS or where not in PLACE_WORDS:
        raise argparse.ArgumentTypeError(f"{text} is no colour,subject,place of the world")
    return Spot(colour, subject, where)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Forty planted terms on the pocket model.")
    parser.add_argument("--spot", type=_spot, default=SCOUTED[0], help="colour,subject,place")
    parser.add_argument("--scale", type=float, default=2.0)
    parser.add_argument("--seeds", type=int, default=160, help="most seeds of ablate")
    parser.add_argument("--prune-seeds", type=int, default=384, help="seeds of a test of prune")
    parser.add_argument("--looked", type=int, default=LOOKED, help="pictures for the classes")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--margin", type=float, default=0.2, help="what is smaller is nothing")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--judge", choices=("first", "second"), default="first")
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--out", type=Path, default=Path("out/planted"))
    parser.add_argument("--scout", action="store_true", help="print what prompts and scales offer")
    parser.add_argument("--estimate", action="store_true", help="say what it takes, and stop")
    return parser.parse_args(arguments)


def _seconds(question: Question, place: Gallery) -> float:
    """Seconds a picture: of one batch, after a step to warm up."""
    asked = replace(question.base, count=BATCH)
    run(replace(asked, steps=1), model=place.model)
    start = time.monotonic()
    run(asked, model=place.model)
    return (time.monotonic() - start) / BATCH


def _data(
    asked: argparse.Namespace, terms: Sequence[Planted], report: Report, pruned: Pruned
) -> dict[str, Any]:
    rows = [
        {"term": term.text, "kind": term.kind, "concept": term.concept, "verdict": found.verdict,
         "right": found.verdict == EXPECTED[term.kind], "reason": found.reason,
         "seeds": found.alone.counted.n, "more_seeds": found.more}
        for term, found in zip(terms, report.terms, strict=True)
    ]  # fmt: skip
    taken = sum(map(len, report.tally.columns.values()))
    right = mean(bool(row["right"]) for row in rows)
    full, short = pruned.avoidance
    share = pruned.pictures / pruned.leave_one_out
    lost = pruned.loss
    concepts = {term.text: term.concept for term in terms}
    bars = [
        {"bar": f"at least {RIGHT:.0%} classified rightly", "figure": right,
         "held": right >= RIGHT},
        {"bar": f"avoidance of a shorter list within {100 * LOST:g} points", "figure": full - short,
         "held": abs(full - short) <= LOST and len(pruned.kept) < len(terms)},
        {"bar": f"at most {SHARE:.0%} of leave-one-out", "figure": share, "held": share <= SHARE},
    ]  # fmt: skip
    return {
        "prompt": asked.spot.text, "negative": report.question.base.negative,
        "settings": {k: v for k, v in vars(asked).items()
                     if k not in ("out", "estimate", "scout", "spot")},
        "bars": bars, "terms": rows,
        "ablate": {"pictures": taken, "at_most": report.question.pictures},
        "prune": {
            "kept": [pruned.question.text(k) for k in pruned.kept], "removes": list(pruned.acting),
            "avoidance": {"full": full, "pruned": short}, "pictures": pruned.pictures,
            "leave_one_out": pruned.leave_one_out,
            "lost": None if lost is None else [lost.rate, lost.lo, lost.hi],
            "there": {
                concepts.get(one.thing) or one.thing:
                {"full": one.pairs.without.rate, "pruned": one.pairs.steered.rate}
                for one in (*pruned.removed, *pruned.stays)
            },
        },
    }  # fmt: skip


def _table(data: Mapping[str, Any]) -> list[str]:
    """Classes by verdicts, what was wrong, and the bars."""
    verdicts = ["helps", "nothing", "harms", "cannot tell yet"]
    lines = [f"| class | {' | '.join(verdicts)} |", "|---" * (len(verdicts) + 1) + "|"]
    for kind in EXPECTED:
        found = Counter(row["verdict"] for row in data["terms"] if row["kind"] == kind)
        lines.append(f"| {kind} | {' | '.join(str(found[verdict]) for verdict in verdicts)} |")
    lines.append("")
    lines += [
        f"- {row['term']} ({row['kind']}): {row['verdict']} after {row['seeds']} seeds; "
        f"{row['reason']}"
        for row in data["terms"]
        if not row["right"]
    ]
    made, pruned = data["ablate"], data["prune"]
    kept = pruned["kept"]
    lines.append(
        f"\nablate took {made['pictures']} of at most {made['at_most']} pictures; prune "
        f"{pruned['pictures']} of {pruned['leave_one_out']}, and keeps {len(kept)}: "
        f"{', '.join(kept)}\n"
    )
    lines += [
        f"- {thing} is there in {rate['full']:.1%} with the full list, {rate['pruned']:.1%} with it"
        for thing, rate in pruned["there"].items()
    ]
    lines.append("")
    lines += [
        f"- {bar['bar']}: {bar['figure']:.3f}, {'held' if bar['held'] else 'MISSED'}"
        for bar in data["bars"]
    ]
    return lines


def _looked(look: Look) -> None:
    found = Counter(ruling.verdict for ruling in look.rulings)
    left = "" if look.seconds is None else f", about {look.seconds / 60:.0f} minutes"
    say(f"{look.seeds} seeds: {dict(found)}; at most {look.pictures} pictures left{left}")


def _tried(trial: Trial) -> None:
    verdict = "keeps the effect" if trial.accepted else "does not"
    names = ", ".join(trial.kept)
    say(f"with {len(trial.kept)}: {verdict}, {100 * trial.loss:+.1f} points lost; {names}")


def say(text: str) -> None:
    """Progress, on standard error."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
