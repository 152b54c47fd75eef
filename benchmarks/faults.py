"""Twenty faults of each kind, made for real: whether ``diagnose`` names them.

``python -m benchmarks.faults [KIND …] [--faults N] [--seeds N] [--folder FOLDER]``, in the
repository.  A fault is a picture that ``generate`` made of a request with one thing wrong, and the
flaw that the user sees; the kind is known because it was put there:

- inert: scale 1, the prompt as its own negative, a distilled model without true guidance;
- truncated: past what T5 reads (Flux.1 at tiny size), or in a schedule that cuts it off;
- wrong-dialect: the weights, brackets and schedules of another tool;
- wrong-layer: a policy that is not active, for another family, opted out of, or expired;
- not-named: other things are named, the flaw is not;
- unknown-word: a synonym that no caption holds, and words of things that the world has not;
- cannot-draw: the border, which is in the pictures and in no caption (naming rate 0);
- too-weak: a scale just above 1, or a weight near 0;
- asked-for: the flaw's own name in the prompt, or another word for it that only the judge knows;
- residual: nothing is wrong, the negative acts; that the picture has the flaw all the same is taken
  from the user.

Only cannot-draw, too-weak and residual are drawn and looked at, on ``--seeds`` seeds at ``STEPS``
steps.  Pictures and verdicts are kept in the folder: the same command goes on where it was killed.
Prints the confusion matrix; the exit status is 1 where less than 90 % of a kind are named rightly.
"""

import argparse
import contextlib
import io
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice, product
from pathlib import Path
from typing import Any, Final

from tests.tiny_models import tiny_flux

from negprompt.cli import main as negprompt
from negprompt.engine.written import write
from negprompt.measure.diagnose import AREAS

STEPS: Final = 8
RIGHT: Final = 0.9
SCENES: Final = tuple(
    f"a {colour} {subject} {place}"
    for colour, (subject, place) in zip(
        cycle(("red", "yellow", "green", "blue", "purple", "white")),
        product(("house", "fish", "mushroom", "star", "tree"),
                ("in a forest", "in a meadow", "in a room", "in a studio")),
        strict=False,
    )
)  # fmt: skip
"""Twenty prompts that name subject, colour and place."""
FLAWS: Final = ("watermark", "noise", "text", "blurry", "neon", "low quality", "cartoon", "sketch",
                "jpeg artifacts", "oversaturated")  # fmt: skip
POLICY: Final = """name = "{name}"
version = "1.0.0"
layer = "brand"
mode = "{mode}"
{more}
[[terms]]
text = "{text}"
"""


@dataclass(frozen=True, slots=True)
class Fault:
    """What ``generate`` is given, and the flaw."""

    flaw: str
    prompt: str
    options: Mapping[str, Any] = field(default_factory=dict)
    policies: Mapping[str, str] = field(default_factory=dict)
    """Policies that lie in ``policies/``: name → the file's text."""


def inert(_folder: Path) -> Iterator[Fault]:
    """A negative that cannot act."""
    for flaw, scene in zip(FLAWS, SCENES, strict=False):
        yield Fault(flaw, scene, {"negative": f"{flaw}, hat", "cfg": 1})
    for flaw in FLAWS[:5]:
        yield Fault(flaw, f"a star, {flaw}", {"negative": f"a star, {flaw}"})
    for flaw in FLAWS[:5]:
        yield Fault(flaw, "a cat", {"negative": flaw, "model": "flux", "cfg": 1, "size": "16x16"})


def truncated(_folder: Path) -> Iterator[Fault]:
    """A term that is cut off, by the length of the text or by the steps."""
    for number, flaw in enumerate(FLAWS):
        long = "a dog, " * (250 + 10 * number) + flaw
        yield Fault(flaw, "a cat", {"negative": long, "model": "flux", "cfg": 2, "size": "16x16"})
    for number, (flaw, scene) in enumerate(zip(FLAWS, SCENES, strict=False)):
        late = (f"[{flaw}:8]", f"hat, [{flaw}::2]", f"[hat:{flaw}:0.9]")[number % 3]
        yield Fault(flaw, scene, {"negative": late, "steps": 10})


def wrong_dialect(_folder: Path) -> Iterator[Fault]:
    """What is written for one tool, read as another's."""
    spelled = (
        ("a1111", "{0}++"), ("a1111", "{{{0}}}"), ("a1111", "({0})1.4"), ("a1111", "{0}::2"),
        ("a1111", "1.4::{0}::"), ("comfy", "[{0}]"), ("comfy", "[hat:{0}:0.5]"), ("comfy", "{0}++"),
        ("compel", "({0}:1.4)"), ("compel", "(({0}))"),
    )  # fmt: skip
    for number, (flaw, scene) in enumerate(zip(FLAWS * 2, SCENES, strict=True)):
        dialect, form = spelled[(number * 3 + number // 10) % len(spelled)]
        yield Fault(flaw, scene, {"negative": f"hat, {form.format(flaw)}", "dialect": dialect})


def wrong_layer(_folder: Path) -> Iterator[Fault]:
    """A policy that names the flaw and did not act."""
    for number, (flaw, scene) in enumerate(zip(FLAWS * 2, SCENES, strict=True)):
        mode, more, options = (
            ("enforced", "", {}),
            ("always", 'applies_to = ["sdxl"]', {"policy": "house"}),
            ("default", "", {"policy": "house", "negative": "hat"}),
            ("always", "", {"policy": "house", "negative": ""}),
            ("always", "expires = 2001-01-01", {"policy": "house"}),
        )[number % 5]
        file = POLICY.format(name="house", mode=mode, more=more, text=f"{flaw}, hat")
        yield Fault(flaw, scene, options, {"house": file})


def not_named(_folder: Path) -> Iterator[Fault]:
    """A negative, or a policy, that is about other things."""
    others = {"house": POLICY.format(name="house", mode="always", more="", text="hat, scarf")}
    for number, (flaw, scene) in enumerate(zip(FLAWS * 2, SCENES, strict=True)):
        another = FLAWS[(number + 1 + number // 10) % len(FLAWS)]
        options = ({}, {"negative": another}, {"policy": "house"}, {"negative": ""})[number % 4]
        yield Fault(flaw, scene, options, others if number % 4 == 2 else {})


def unknown_word(_folder: Path) -> Iterator[Fault]:
    """A word that the model's captions never held."""
    words = ("watermarked", "username", "lettering", "typography", "subtitles", "emblem",
             "trademark", "blurred", "unfocused", "grain", "oversaturation", "disfigured",
             "hideous", "sketchy", "busy background", "moustache", "chromatic aberration",
             "glasses", "barcode", "smoke")  # fmt: skip
    for word, scene in zip(words, SCENES, strict=True):
        yield Fault(word, scene, {"negative": f"hat, {word}"})


def cannot_draw(_folder: Path) -> Iterator[Fault]:
    """A thing that is in the pictures and in no caption."""
    for scene in SCENES:
        yield Fault("border", scene, {"negative": "border", "cfg": 2, "steps": STEPS})


def too_weak(_folder: Path) -> Iterator[Fault]:
    """A scale just above 1, or next to no weight."""
    for number, scene in enumerate(SCENES):
        flaw = ("low quality", "blurry")[number % 2]
        scale, negative = ((1.05, flaw), (1.1, f"hat, {flaw}"))[number // 2 % 2]
        yield Fault(flaw, scene, {"negative": negative, "cfg": scale, "steps": STEPS})


def asked_for(_folder: Path) -> Iterator[Fault]:
    """The flaw in the prompt: by a name that tables list, by one that they do not."""
    for flaw, scene in zip(FLAWS, SCENES, strict=False):
        yield Fault(flaw, f"{scene}, {flaw}", {"negative": flaw, "cfg": 2})
    unlisted = (("text", "letters"), ("watermark", "signature"), ("oversaturated", "garish"),
                ("low quality", "ugly"), ("parasol", "umbrella"))  # fmt: skip
    for scene, (flaw, word) in zip(SCENES[10:], cycle(unlisted), strict=False):
        yield Fault(flaw, f"{scene} with {word}", {"negative": flaw, "cfg": 2})


def residual(_folder: Path) -> Iterator[Fault]:
    """Nothing: the negative acts as well as it can."""
    for number, scene in enumerate(SCENES):
        flaw = ("watermark", "noise", "text", "neon")[number % 4]
        yield Fault(flaw, scene, {"negative": flaw, "cfg": 3, "steps": STEPS})


KINDS: Final = {
    "inert": inert, "truncated": truncated, "wrong-dialect": wrong_dialect,
    "wrong-layer": wrong_layer, "not-named": not_named, "unknown-word": unknown_word,
    "cannot-draw": cannot_draw, "too-weak": too_weak, "asked-for": asked_for, "residual": residual,
}  # fmt: skip


def said(*command: str) -> dict[str, Any]:
    """What a command prints with ``--json``, run as a user runs it."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()) as error:
        status = negprompt([*command, "--json"])
    if status:
        raise SystemExit(f"{' '.join(command)}: {error.getvalue()}")
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def verdict(fault: Fault, folder: Path, seeds: int) -> str:
    """Make the picture of a fault and diagnose it."""
    policies = folder / "policies"
    policies.mkdir(exist_ok=True)
    for file in policies.iterdir():
        file.unlink()
    for name, text in fault.policies.items():
        (policies / f"{name}.toml").write_text(text, "utf-8")
    options = {"steps": 1, **fault.options}
    options |= {"model": str(folder / "flux")} if "model" in options else {}
    given = [f"--{name}={value}" for name, value in options.items()]
    made = said("generate", fault.prompt, *given)
    picture = made["images"][0]["path"]
    found = said("diagnose", picture, f"--flaw={fault.flaw}", f"--seeds={seeds}")
    print(f"  {fault.flaw!r} → {found['verdict']}: {found['what'][:110]}", file=sys.stderr)
    return str(found["verdict"])


def counted(kind: str, most: int, folder: Path, seeds: int) -> Counter[str]:
    """The verdicts on the faults of a kind, those that are kept among them."""
    kept = folder / f"{kind}.json"
    verdicts: list[str] = json.loads(kept.read_text("utf-8")) if kept.exists() else []
    for fault in islice(KINDS[kind](folder), len(verdicts), most):
        verdicts.append(verdict(fault, folder, seeds))
        write(kept, json.dumps(verdicts).encode())
    return Counter(verdicts[:most])


def table(found: Mapping[str, Counter[str]]) -> Iterator[str]:
    """The confusion matrix as Markdown: what was wrong, and what was said."""
    columns = [kind for kind in AREAS if any(counts[kind] for counts in found.values())]
    yield f"| fault | {' | '.join(columns)} | right |"
    yield "|---" * (len(columns) + 2) + "|"
    for kind, counts in found.items():
        cells = [str(counts[column] or "") for column in columns]
        yield f"| `{kind}` | {' | '.join(cells)} | {counts[kind]} of {counts.total()} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the faults; 1 where a kind is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--faults", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--folder", type=Path, default=Path("out/faults"))
    asked = parser.parse_args(arguments)
    folder = asked.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "flux").exists():
        tiny_flux().save_pretrained(folder / "flux")
    os.environ["NEGPROMPT_HISTORY"] = "off"
    with contextlib.chdir(folder):
        found = {kind: counted(kind, asked.faults, folder, asked.seeds)
                 for kind in asked.kinds or KINDS}  # fmt: skip
    print("\n".join(table(found)))
    return int(any(counts[kind] < RIGHT * counts.total() for kind, counts in found.items()))


if __name__ == "__main__":
    sys.exit(main())
