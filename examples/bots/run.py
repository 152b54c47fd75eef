"""Each bot's conversation, its picture and its table.

``python -m examples.bots.run [NAME …] [--out FOLDER] [--seeds N] [--quick]``, in the repository.
Of each bot it writes, in a folder of its name: ``transcript.md`` and the pictures that it posted;
``picture.png``, what came of each line; ``table.md``, paired seeds without and with the bot.
``--quick`` is for a test that all of it runs: four steps and two seeds say nothing of a bot.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from examples.bots.bot import BOTS, Answer, Bot, bot, edited, posted, talk
from examples.bots.table import bench, table
from PIL import Image

from negprompt import run
from negprompt.engine import written
from negprompt.measure.arms import Bench, Setting
from negprompt.measure.sheet import Strip, draw, png

STEPS: Final = 25
SEEDS: Final = 16
QUICK: Final = {"steps": 4, "n": 2}
BLANK: Final = Image.new("RGB", (128, 128), (236, 235, 230))


@dataclass(frozen=True, slots=True)
class Cell:
    """A picture, and the words under it."""

    image: Image.Image
    words: str


def main() -> None:
    """Run the bots that are named, or all."""
    asked = argparse.ArgumentParser(description="Run the bots: transcript, picture, table.")
    asked.add_argument("names", nargs="*", default=BOTS, help=f"of {', '.join(BOTS)}; all")
    asked.add_argument("--out", type=Path, default=Path("out/bots"), help="where files go")
    asked.add_argument("--seeds", type=int, default=SEEDS, help=f"pairs a prompt; {SEEDS}")
    asked.add_argument("--quick", action="store_true", help="few steps, two seeds: a test")
    given = asked.parse_args()
    if unknown := [name for name in given.names if name not in BOTS]:
        asked.error(f"there is no bot {unknown[0]!r}; one of: {', '.join(BOTS)}")
    if given.seeds < 1:
        asked.error(f"--seeds is {given.seeds}; give 1 or more")
    extent = QUICK if given.quick else {"steps": STEPS, "n": given.seeds}
    measured = bench()
    for one in map(bot, given.names):
        setting = Setting(scale=one.cfg, **extent)
        for path in made(measured, one, setting, given.out / one.name):
            print(path, flush=True)


def made(bench: Bench, one: Bot, setting: Setting, out: Path) -> tuple[Path, Path, Path]:
    """Let a bot go through its conversation, draw it, measure it; the paths of what is written."""
    turns = list(talk(one, one.lines(), out, ("--steps", str(setting.steps))))
    said = "\n".join(posted(line, answer) for line, answer in turns)
    cells = [*_without(bench, one, turns, setting), *_cells(turns)]
    strip = Strip("", [cell.image for cell in cells], [cell.words for cell in cells])
    page = draw([strip], [f"The {one.name} bot, line by line, on one seed"], [])
    command = f"python -m examples.bots.run {one.name} --seeds {setting.n}"
    head = f"`{command}`, scale {setting.scale:g}, {setting.steps} steps."
    return (
        written.write(out / "transcript.md", f"# The {one.name} bot\n\n{said}".encode()),
        written.write(out / "picture.png", png(page.quantize(256, dither=Image.Dither.NONE))),
        written.write(out / "table.md", f"{head} {table(bench, one, setting)}".encode()),
    )


def _without(
    bench: Bench, one: Bot, turns: list[tuple[str, Answer]], setting: Setting
) -> list[Cell]:
    """The first picture as it would be without the policy."""
    if one.policy is None:
        return []
    first = next(answer for _, answer in turns if answer.get("picture"))
    made = run(setting.request(first["prompt"], None, one.seed, 1), model=bench.model)
    return [Cell(made.images[0], f"without the bot: {first['prompt']}")]


def _cells(turns: list[tuple[str, Answer]]) -> list[Cell]:
    """A cell for each line that made a picture, or after which one is refused or stays."""
    cells, last = [], BLANK
    for line, answer in turns:
        if answer.get("picture"):
            with Image.open(answer["picture"]) as image:
                last = image.convert("RGB")
        if "error" in answer or answer["picture"] or answer["notices"]:
            cells.append(Cell(last, f"“{line}” {_outcome(answer)}".strip()))
    return cells


def _outcome(answer: Answer) -> str:
    """What came of a line, in a few words."""
    if "error" in answer:
        return f"→ refused: {answer['error']['code']}"
    edits = [edited(edit).partition(":")[0].replace("*", "") for edit in answer["edits"]]
    said = [*edits, *(notice["code"] for notice in answer["notices"])]
    return f"→ {', '.join(said)}" if said else ""


if __name__ == "__main__":
    main()
