"""What the engine itself costs: whole processes beside diffusers' own pipeline and a bare Python.

``python benchmarks/process.py [--rounds N] [--prompts N] [--steps N] [--part NAME …]``.  Every
figure is a ratio of two processes that are started one after the other, round by round, so that
what else the machine does falls on both alike; the least of the rounds counts, of wall time and of
processor time each.  Both sides draw the pocket model's picture of the same prompt, negative, seed
and steps, and write a PNG.  The bars, on wall time:

    one        one picture with one negative       at most 1.00 times diffusers
    hundred    a hundred prompts, one negative     at most 0.90 times diffusers, called for each
    lists      the same                            at most 1.00 times diffusers, eight in a call
    import     ``import negprompt``                at most 60 ms above a bare Python
    help       ``negprompt --help``                at most 0.4 s above a bare Python

The exit status is 1 where one is missed.  On a busy machine wall time says little: look at the
processor time beside it.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

DIFFUSERS: Final = """
import sys
from importlib.resources import files
import torch
from diffusers import StableDiffusionPipeline
pipe = StableDiffusionPipeline.from_pretrained(files("negprompt") / "models" / "pocket")
pipe.set_progress_bar_config(disable=True)
folder, count, steps, size = sys.argv[1], *map(int, sys.argv[2:])
for first in range(0, count, size):
    numbers = range(first, min(first + size, count))
    images = pipe(
        [f"a cat on a beach, {number} boats" for number in numbers],
        negative_prompt=["parasol, blurry, watermark"] * len(numbers),
        guidance_scale=4.0, num_inference_steps=steps,
        generator=[torch.Generator("cpu").manual_seed(number) for number in numbers],
    ).images
    for number, image in zip(numbers, images):
        image.save(f"{folder}/{number}.png")
"""

NEGPROMPT: Final = """
import sys
import negprompt
folder, count, steps = sys.argv[1], *map(int, sys.argv[2:4])
each = negprompt.generate_each(
    (f"a cat on a beach, {number} boats" for number in range(count)),
    "parasol, blurry, watermark", seeds=range(count), cfg=4.0, steps=steps,
)
for number, made in enumerate(each):
    made.images[0].save(f"{folder}/{number}.png")
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds of one process."""

    wall: float
    processor: float


@dataclass(frozen=True, slots=True)
class Part:
    """Two processes, and how far the first may be from the second."""

    ours: Sequence[str]
    theirs: Sequence[str]
    most: float
    unit: str
    """``times`` for a ratio, ``seconds`` for a difference."""

    def of(self, ours: float, theirs: float) -> float:
        """The figure that the bar is for."""
        return ours / theirs if self.unit == "times" else ours - theirs


def parts(folder: str, prompts: int, steps: int) -> dict[str, Part]:
    """What is measured, by name."""
    python = sys.executable
    bare = [python, "-c", "pass"]

    def both(count: int, most: float, size: int = 1) -> Part:
        given = [folder, str(count), str(steps), str(size)]
        ours, theirs = [python, "-c", NEGPROMPT, *given], [python, "-c", DIFFUSERS, *given]
        return Part(ours, theirs, most, "times")

    return {
        "import": Part([python, "-c", "import negprompt"], bare, 0.060, "seconds"),
        "help": Part([python, "-m", "negprompt", "--help"], bare, 0.4, "seconds"),
        "one": both(1, 1.00),
        "hundred": both(prompts, 0.90),
        "lists": both(prompts, 1.00, 8),
    }


def taken(command: Sequence[str]) -> Taken:
    """Run a process to its end."""
    before, start = _processor(), time.perf_counter()
    subprocess.run(  # noqa: S603 - this interpreter and nothing else
        command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return Taken(time.perf_counter() - start, _processor() - before)


def _processor() -> float:
    """Seconds of all processes that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def compared(part: Part, rounds: int) -> Iterator[tuple[Taken, Taken]]:
    """Both processes in turn, the one that goes first changing every round."""
    for number in range(rounds):
        if number % 2:
            theirs = taken(part.theirs)
            yield taken(part.ours), theirs
        else:
            ours = taken(part.ours)
            yield ours, taken(part.theirs)


def main() -> int:
    """Measure, print a line a part, say which bars hold."""
    given = _arguments()
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        every = parts(folder, given.prompts, given.steps)
        for name in given.part or every:
            part = every[name]
            rounds = list(compared(part, given.rounds))
            wall = _least([(ours.wall, theirs.wall) for ours, theirs in rounds])
            processor = _least([(ours.processor, theirs.processor) for ours, theirs in rounds])
            held = part.of(*wall) <= part.most
            missed += not held
            print(
                f"{name:8} wall {wall[0]:7.2f} s beside {wall[1]:7.2f} s: {part.of(*wall):.3f}"
                f"   processor {processor[0]:7.2f} s beside {processor[1]:7.2f} s: "
                f"{part.of(*processor):.3f}   at most {part.most:g} {part.unit}: "
                f"{'held' if held else 'MISSED'}",
                flush=True,
            )
    return int(missed > 0)


def _least(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    ours, theirs = zip(*pairs, strict=True)
    return min(ours), min(theirs)


def _arguments() -> argparse.Namespace:
    reader = argparse.ArgumentParser(description="Measure what the engine itself costs.")
    reader.add_argument("--rounds", type=int, default=5)
    reader.add_argument("--prompts", type=int, default=100, help="of the parts hundred and lists")
    reader.add_argument("--steps", type=int, default=25)
    reader.add_argument("--part", nargs="+", choices=("import", "help", "one", "hundred", "lists"))
    return reader.parse_args()


if __name__ == "__main__":
    sys.exit(main())
