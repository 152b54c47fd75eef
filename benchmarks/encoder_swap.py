"""A limited text encoder in place of the pocket model's own: whether scale or negatives make up.

``make bench-encoder``, or ``python -m benchmarks.encoder_swap --estimate`` to hear what it takes.

An artist's essay holds that the first Stable Diffusion needed high scales and many negatives
because its text encoder understood little, and that a better encoder is the direct cure.  Here one
U-Net draws the same prompts from the same noise with two encoders:

- the full one, which was trained with the U-Net;
- a student of one layer, one head and a narrow feed-forward, which knows ``WORDS`` alone: every
  other token has the embedding of one unknown token.  It is distilled here: from captions of the
  world it learns to give the full one's states, by their squared error.  It is the folder of a
  ``CLIPTextModel``, which ``--text-encoder`` of any command puts in the model.

The U-Net saw the full encoder alone in training: these are not two encoders each with a U-Net.

Prompts name subject, colour, place and style, and nothing else.  Fidelity is the share of pictures
in which a judge finds all that the student has words for (subject, colour, place), or all four.
There are no bars.  The full encoder's fidelity at scale 1 and at scale 2 is what the student is to
match: at which scale does it first (straight lines between those measured), without a negative and
with the first 1, 4 and 10 of ``TERMS`` as one?  The full encoder with the same negatives at scale 2
is the control.  At scale 1 no negative acts, so all lines of an encoder start at one point.

Writes ``encoder-swap.json``, the figure, and the text between the marks of ``docs/encoder.md``.
Student and readings are kept in the cache: after ``kill -9`` the same command goes on.
"""

import argparse
import io
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from benchmarks.encoder_student import ASKED, WORDS, say, taught
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from negprompt.engine import Request, loaded, run
from negprompt.engine.written import write
from negprompt.measure.arms import Bench
from negprompt.measure.card import FIRST, sentence
from negprompt.measure.memory import Readings, joined, memory
from negprompt.measure.statistics import Interval, change, pairs, wilson
from negprompt.models.choices import Loading
from negprompt.world.judge import CLASSES, Reading, load
from negprompt.world.scenes import Scene, sample

TERMS: Final = (
    "blurry", "noise", "watermark", "extra fingers", "low quality", "artifacts", "jpeg artifacts",
    "low resolution", "text", "cropped",
)  # fmt: skip
"""The ten defects that captions name most, in that order; the student has words for four."""
COUNTS: Final = (1, 4, 10)
SCALES: Final = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
GUIDED: Final[Mapping[str, tuple[float, ...]]] = {"full": (2.0,), "student": (2.0, 4.0)}
"""The scales at which negatives are tried."""
TARGETS: Final = (1.0, 2.0)
"""The scales of the full encoder that the student is to match."""
MEASURES: Final[Mapping[str, tuple[str, ...]]] = {
    "subject, colour and place": ("subject", "colour", "place"),
    "all four": ("subject", "colour", "place", "style"),
}
SCENES: Final = FIRST + 600_000
"""Seeds of the scenes that are asked for; no other measurement has them."""
CHUNK: Final = 16
"""Pictures whose readings are kept as one."""
MARKS: Final = ("<!-- encoder-swap -->", "<!-- end -->")
INK: Final = {"full": "#1f4e8c", "student": "#c2571a"}


@dataclass(frozen=True, slots=True)
class Arm:
    """One way in which every prompt is drawn."""

    encoder: str
    scale: float
    terms: int = 0

    @property
    def negative(self) -> tuple[str, ...] | None:
        """The first terms as one text; None for no negative."""
        return (", ".join(TERMS[: self.terms]),) if self.terms else None


ARMS: Final = tuple(
    Arm(encoder, scale, terms)
    for encoder in INK
    for terms in (0, *COUNTS)
    for scale in (GUIDED[encoder] if terms else SCALES)
)
Right = Mapping[str, Sequence[bool]]
"""Factor → whether a picture has it as its prompt says, prompt by prompt."""
Found = Mapping[Arm, Right]

# ------------------------------------------------------------------------------ the pictures


def draw(bench: Bench, arm: Arm, scenes: Sequence[Scene], steps: int) -> Readings:
    """One picture for each scene's prompt, read by both judges; the noise of prompt k is seed k."""
    parts = []
    for first in range(0, len(scenes), CHUNK):
        said = [sentence(one) for one in scenes[first : first + CHUNK]]
        requests = [
            Request(prompt=text, negative=arm.negative, cfg=arm.scale, steps=steps, seed=seed)
            for seed, text in enumerate(said, first)
        ]
        asked = {"encoder swap": said, "first seed": first, "negative": arm.negative,
                 "scale": arm.scale, "steps": steps}  # fmt: skip
        parts.append(bench.look(asked, partial(_pictures, bench, requests)))
    return joined(parts)


def _pictures(bench: Bench, requests: Sequence[Request]) -> list[Any]:
    return [image for one in requests for image in run(one, model=bench.model).images]


def right(reading: Reading, scenes: Sequence[Scene]) -> Right:
    """Which of the factors that the prompts name are in the pictures."""
    return {
        factor: [label == getattr(one, factor)
                 for label, one in zip(reading.label(factor), scenes, strict=True)]
        for factor in CLASSES
    }  # fmt: skip


def every(found: Right, names: Sequence[str]) -> list[bool]:
    """Whether all of these factors are right."""
    return [all(each) for each in zip(*(found[name] for name in names), strict=True)]


def share(found: Right, names: Sequence[str]) -> Interval:
    """How often they are."""
    each = every(found, names)
    return wilson(sum(each), len(each))


# ------------------------------------------------------------------------------- the answers


def line(
    found: Found, encoder: str, terms: int, names: Sequence[str]
) -> list[tuple[float, Interval]]:
    """Scale and share in the order of scales; with a negative it starts where all lines do."""
    arms = {arm.scale: arm for arm in found if arm.encoder == encoder and arm.terms == terms}
    arms.setdefault(1.0, Arm(encoder, 1.0))
    return [(scale, share(found[arms[scale]], names)) for scale in sorted(arms)]


def reached(points: Sequence[tuple[float, float]], aim: float) -> float | None:
    """The least scale at which straight lines through ``(scale, share)`` are at ``aim``, or None.

    ``s + (s' - s) (aim - f) / (f' - f)`` between two points.
    """
    if points[0][1] >= aim:
        return points[0][0]
    for (before, low), (after, high) in pairwise(points):
        if high >= aim:
            return before + (after - before) * (aim - low) / (high - low)
    return None


def answers(found: Found) -> list[dict[str, Any]]:
    """For both measures and both targets, what the student needs and how far it gets."""
    given = []
    for measure, names in MEASURES.items():
        students = [arm for arm in found if arm.encoder == "student"]
        best = max(students, key=lambda arm: share(found[arm], names).rate)
        lines = {n: line(found, "student", n, names) for n in (0, *COUNTS)}
        for target in TARGETS:
            full = found[Arm("full", target)]
            aim = share(full, names)
            same, most = (
                change(pairs(every(full, names), every(found[arm], names)))
                for arm in (Arm("student", target), best)
            )
            needs = {n: reached([(scale, i.rate) for scale, i in points], aim.rate)
                     for n, points in lines.items()}  # fmt: skip
            given.append({
                "measure": measure, "target": target, "full": aim.to_json(),
                "student_less_full": same.to_json(), "reached_at": needs,
                "best": {"scale": best.scale, "terms": best.terms,
                         "less_full": most.to_json()} | share(found[best], names).to_json(),
            })  # fmt: skip
    return given


def sentences(given: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The answers in words."""
    for one in given:
        best, needs = one["best"], one["reached_at"]
        ways = "; ".join(
            f"with {_terms(n)}, {'never within these' if s is None else f'at scale {s:.1f}'}"
            for n, s in needs.items()
        )
        yield (
            f"- **{one['measure'].capitalize()}, full encoder at scale {one['target']:g}: "
            f"{_interval(one['full'])}.** The student at that scale: "
            f"{_signed(one['student_less_full'])} on the same prompts and noise. It is there "
            f"{ways}. Its best of all is {best['rate']:.2f} (scale {best['scale']:g}, "
            f"{_terms(best['terms'])}), {_signed(best['less_full'])}. {_verdict(needs)}"
        )


def _verdict(needs: Mapping[int, float | None]) -> str:
    """What makes up for the limited encoder."""
    scale = needs[0]
    if scale == 1:
        return "There is nothing to make up for."
    if scale is not None:
        return "Scale alone makes up for it, at two passes a step in place of one."
    some = [n for n, at in needs.items() if at is not None]
    if some:
        return f"Scale alone does not make up for it, with {_terms(min(some))} it does."
    return "Nothing here makes up for it but the better encoder."


def table(judges: Mapping[str, Found]) -> Iterator[str]:
    """Every arm by the first judge, both measures by the second as well."""
    heads = [*CLASSES, *MEASURES, *(f"{measure}, second judge" for measure in MEASURES)]
    yield f"| encoder | scale | terms | {' | '.join(heads)} |"
    yield "|---" * (len(heads) + 3) + "|"
    for arm, factors in judges["first"].items():
        cells = [f"{share(factors, (factor,)).rate:.2f}" for factor in CLASSES]
        cells += [_interval(share(found[arm], names).to_json())
                  for found in judges.values() for names in MEASURES.values()]  # fmt: skip
        yield f"| {arm.encoder} | {arm.scale:g} | {arm.terms} | {' | '.join(cells)} |"


def _terms(count: int) -> str:
    return "no negative" if not count else f"{count} term{'s' * (count > 1)}"


def _interval(rate: Mapping[str, float]) -> str:
    return f"{rate['rate']:.2f} [{rate['lo']:.2f}, {rate['hi']:.2f}]"


def _signed(rate: Mapping[str, float]) -> str:
    return f"{rate['rate']:+.2f} [{rate['lo']:+.2f}, {rate['hi']:+.2f}]"


# --------------------------------------------------------------------------- figure and page


def png(found: Found) -> bytes:
    """Fidelity against scale, a panel for each measure; the same answers give the same bytes."""
    sheet = Figure(figsize=(11, 4.0), dpi=110, layout="constrained")
    FigureCanvasAgg(sheet)
    for k, (measure, names) in enumerate(MEASURES.items()):
        axes = sheet.add_subplot(1, 2, k + 1)
        _panel(axes, found, names)
        axes.set_title(f"{measure} right", fontsize=10)
    sheet.legend(*sheet.axes[0].get_legend_handles_labels(), loc="outside right upper", fontsize=8)
    out = io.BytesIO()
    sheet.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _panel(axes: Axes, found: Found, names: Sequence[str]) -> None:
    for encoder, ink in INK.items():
        scales, shares = zip(*line(found, encoder, 0, names), strict=True)
        axes.plot(scales, [i.rate for i in shares], "o-", color=ink, label=f"{encoder} encoder")
        lows, highs = [i.lo for i in shares], [i.hi for i in shares]
        axes.fill_between(scales, lows, highs, color=ink, alpha=0.15, linewidth=0)
    for count, mark in zip(COUNTS, "^sD", strict=True):
        scales, shares = zip(*line(found, "student", count, names), strict=True)
        axes.plot(scales, [i.rate for i in shares], f"{mark}:", color=INK["student"], alpha=0.7,
                  linewidth=1, markersize=5, label=f"student, {_terms(count)}")  # fmt: skip
    axes.set(ylim=(0, 1), xticks=SCALES, xlabel="guidance scale", ylabel="share of the pictures")
    axes.spines[["top", "right"]].set_visible(False)


def block(judges: Mapping[str, Found], lost: Mapping[str, float], asked: argparse.Namespace) -> str:
    """What stands between the marks of the page."""
    settings = (
        f"{asked.prompts} prompts, one picture each way, {asked.steps} steps; first judge, 95 % "
        f"intervals. Of what the full encoder says of {len(ASKED)} held-out captions the student "
        f"misses {lost['words']:.0%} at words and {lost['ends']:.0%} at the end token and the "
        "padding (squared error; 100 % is as far off as the empty prompt)."
    )
    figure = "![Fidelity against scale with both encoders](figures/encoder-swap.png)"
    told = "\n".join(sentences(answers(judges["first"])))
    return "\n\n".join(("", figure, settings, told, "\n".join(table(judges)), ""))


def put(page: Path, text: str) -> None:
    """Write a text between the marks of a page; ValueError where it lacks them."""
    before, mark, rest = page.read_text("utf-8").partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not end:
        raise ValueError(f"{page} has no {' … '.join(MARKS)}")
    write(page, f"{before}{mark}{text}{end}{after}".encode())


# --------------------------------------------------------------------------------------- main


def main(arguments: Sequence[str] | None = None) -> int:
    """Teach, draw, read, write, and say the answers."""
    asked = _arguments(arguments)
    if asked.estimate:
        print(_estimate(asked))
        return 0
    asked.out.mkdir(parents=True, exist_ok=True)
    folder = taught(asked, WORDS)
    lost = json.loads((folder / "missed.json").read_text("utf-8"))
    say(f"the student, --text-encoder {folder}, misses {lost['words']:.0%} at words, "
        f"{lost['ends']:.0%} at ends")  # fmt: skip
    eyes, seen = {name: load(name) for name in ("first", "second")}, _progress(asked.prompts)
    models = {
        "full": loaded(asked.model),
        "student": loaded(asked.model, Loading(text_encoder=str(folder))),
    }
    benches = {name: Bench(model, eyes, memory(model.pipe, eyes), on_images=seen)
               for name, model in models.items()}  # fmt: skip
    scenes = [sample(SCENES + k) for k in range(asked.prompts)]
    read = {arm: draw(benches[arm.encoder], arm, scenes, asked.steps) for arm in ARMS}
    judges = {name: {arm: right(one[name], scenes) for arm, one in read.items()} for name in eyes}
    data = json.dumps(_data(judges, lost, asked))
    write(asked.out / "encoder-swap.json", f"{data}\n".encode())
    write(asked.docs / "figures" / "encoder-swap.png", png(judges["first"]))
    text = block(judges, lost, asked)
    put(asked.docs / "encoder.md", text)
    print(text)
    return 0


def _data(
    judges: Mapping[str, Found], lost: Mapping[str, float], asked: argparse.Namespace
) -> dict[str, Any]:
    arms = [
        {"encoder": arm.encoder, "scale": arm.scale, "negative": arm.negative,
         "right": {name: found[arm] for name, found in judges.items()}}
        for arm in ARMS
    ]  # fmt: skip
    settings = {k: v for k, v in vars(asked).items() if k not in ("out", "docs", "estimate")}
    given = {name: answers(found) for name, found in judges.items()}
    return {"settings": settings, "words": WORDS, "missed": lost, "answers": given, "arms": arms}


def _estimate(asked: argparse.Namespace) -> str:
    """Time one picture without guidance and one with it, and say what all take."""
    model, minutes = loaded(asked.model), 0.0
    for scale, arms in ((1.0, len(INK)), (2.0, len(ARMS) - len(INK))):
        request = Request(prompt="a red cat in a meadow", cfg=scale, steps=asked.steps)
        run(request, model=model)
        start = time.monotonic()
        run(request, model=model)
        minutes += arms * asked.prompts * (time.monotonic() - start) / 60
    return (
        f"{len(ARMS) * asked.prompts} pictures: {minutes:.0f} minutes as busy as it is now; before "
        f"them {asked.train_steps} steps of {asked.batch} captions for the student"
    )


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A limited text encoder beside the full one.")
    parser.add_argument("--prompts", type=int, default=72, help="pictures each way")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--train-steps", type=int, default=1500, help="of the student")
    parser.add_argument("--batch", type=int, default=32, help="captions a step")
    parser.add_argument("--rate", type=float, default=2e-3, help="peak learning rate")
    parser.add_argument("--seed", type=int, default=0, help="of the student's training")
    parser.add_argument("--model", default="pocket", help="pocket, or the folder of a model")
    parser.add_argument("--out", type=Path, default=Path("out/encoder-swap"))
    parser.add_argument("--docs", type=Path, default=Path("docs"), help="of page and figure")
    parser.add_argument("--estimate", action="store_true", help="say what it takes, and stop")
    asked = parser.parse_args(arguments)
    if not (asked.docs / "encoder.md").is_file():
        parser.error(f"{asked.docs} holds no encoder.md; give its folder with --docs")
    return asked


def _progress(prompts: int) -> Callable[[int], None]:
    """Say how many pictures are done, and how long the rest takes at the pace so far."""
    start, done, total = time.monotonic(), 0, prompts * len(ARMS)

    def seen(count: int) -> None:
        nonlocal done
        done += count
        if done % prompts == 0:
            left = (time.monotonic() - start) * (total - done) / done / 60
            say(f"{done} of {total} pictures, about {left:.0f} minutes left")

    return seen


if __name__ == "__main__":
    sys.exit(main())
