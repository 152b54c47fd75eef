"""A bot: each line that somebody says goes into ``negprompt chat``, what comes of it is posted.

``python -m examples.bots.bot brand`` reads lines from standard input and posts Markdown to standard
output; further options are those of ``negprompt chat``.  Joined to a chat platform, ``talk`` is
given the messages of a channel, and ``posted`` is what goes back into it.
"""

import argparse
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

BOTS: Final = ("quality", "brand", "medical", "iteration")
FOLDER: Final = Path(__file__).resolve().parent

Answer = dict[str, Any]
"""What ``negprompt chat`` prints for a line: docs/commands.md."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bot:
    """What a bot's ``bot.toml`` says."""

    name: str
    policy: str | None = None
    """A file of the bot's folder ``policies``, without its ending."""
    cfg: float
    seed: int
    prompts: tuple[str, ...] = ()
    """What its table is measured on."""

    @property
    def folder(self) -> Path:
        """Where everything that belongs to it lies."""
        return FOLDER / self.name

    def lines(self) -> list[str]:
        """Its scripted conversation."""
        return (self.folder / "conversation.txt").read_text("utf-8").splitlines()

    def command(self, out: Path) -> list[str]:
        """What starts its chat; in its folder, where the chat finds its policies."""
        options = ["--cfg", f"{self.cfg:g}", "--seed", str(self.seed), "--out", str(out.absolute())]
        policy = [] if self.policy is None else ["--policy", self.policy]
        return [sys.executable, "-m", "negprompt", "chat", *policy, *options]


def bot(name: str) -> Bot:
    """Read a bot's file."""
    said = tomllib.loads((FOLDER / name / "bot.toml").read_text("utf-8"))
    return Bot(name=name, **said | {"prompts": tuple(said.get("prompts", ()))})


def talk(
    one: Bot, said: Iterable[str], out: Path, more: Sequence[str] = ()
) -> Iterator[tuple[str, Answer]]:
    """Yield each line with its answer until the lines or the chat end; pictures go to ``out``.

    The first line is the prompt.  ``more`` are further options of ``negprompt chat``.  Raises
    CalledProcessError where the chat could not begin; it has said why on standard error.
    """
    command = [*one.command(out), *more]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=one.folder, stdin=pipe, stdout=pipe, text=True, encoding="utf-8", bufsize=1
    ) as chat:
        assert chat.stdin is not None
        assert chat.stdout is not None
        for line in said:
            print(line, file=chat.stdin, flush=True)
            if not (printed := chat.stdout.readline()):
                break
            answer = json.loads(printed)
            yield line, answer
            if answer.get("ended") is not None:
                break
    if chat.returncode:
        raise subprocess.CalledProcessError(chat.returncode, command)


def posted(line: str, answer: Answer) -> str:
    """One line and what came of it, in Markdown."""
    head = f"> {line}\n"
    if "error" in answer:
        error = answer["error"]
        return f"{head}\nRefused: {error['text']}; {error['cure']} (`{error['code']}`)\n"
    parts = [edited(edit) for edit in answer["edits"]]
    parts += [f"{notice['text']} (`{notice['code']}`)" for notice in answer["notices"]]
    parts += answer["said"]
    if answer["picture"] is not None:
        parts.append(f"negative: {answer['effective_negative'] or 'none'}")
    if answer["left"]:
        parts.append(f"still seen: {', '.join(answer['left'])}")
    if answer["ended"] is not None:
        parts.append(f"the chat ends: {answer['ended']}")
    rows = "".join(f"- {part}\n" for part in parts)
    shown = "" if answer["picture"] is None else f"\n![{line}]({Path(answer['picture']).name})\n"
    return f"{head}\n{rows}{shown}"


def edited(edit: dict[str, Any]) -> str:
    """An edit in words: ``add watermark 1.3: you said …``."""
    weight = "" if edit["weight"] is None else f" {edit['weight']:g}"
    term = f" {edit['term']}" if edit["term"] else ""
    return f"**{edit['action']}{term}{weight}**: {edit['reason']}"


def main() -> None:
    """Talk with a bot line by line."""
    asked = argparse.ArgumentParser(description="Talk with a bot; the first line is the prompt.")
    asked.add_argument("name", choices=BOTS)
    asked.add_argument("--out", type=Path, default=Path("out/bots"), help="where pictures go")
    given, more = asked.parse_known_args()
    lines = (line.rstrip("\n") for line in sys.stdin)
    try:
        for line, answer in talk(bot(given.name), lines, given.out / given.name, more):
            print(posted(line, answer), flush=True)
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)


if __name__ == "__main__":
    main()
