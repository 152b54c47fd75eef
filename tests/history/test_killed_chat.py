"""A chat killed at random moments: nothing that was finished is lost, and it goes on."""

import hashlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

import pytest
from PIL import Image
from tests.tiny_models import tiny_sd

KILLS = 20
LINES = ("no hat", "/seed", "the scarf should go", "/undo", "less text", "/keep cat", "no blur")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("tiny") / "model"
    tiny_sd().save_pretrained(folder)
    return str(folder)


def begun(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a chat as a user's program would."""
    return subprocess.Popen(
        [sys.executable, "-m", "negprompt", "chat", "--rounds", "1000", *arguments],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"NEGPROMPT_DATA": str(folder / "data"), "OMP_NUM_THREADS": "1"},
    )


def heard(pipe: IO[str], count: int) -> list[dict[str, Any]]:
    """So many objects of a chat."""
    said = [pipe.readline() for _ in range(count)]
    assert all(said), "the chat ended by itself"
    return [json.loads(line) for line in said]


def killed(chat: subprocess.Popen[str], dice: random.Random) -> list[dict[str, Any]]:
    """Talk, and kill the process while it works; what it had answered before."""
    assert chat.stdin is not None
    assert chat.stdout is not None
    said = heard(chat.stdout, 1)
    chat.stdin.write("".join(f"{dice.choice(LINES)}\n" for _ in range(12)))
    chat.stdin.flush()
    said += heard(chat.stdout, dice.randrange(4))
    time.sleep(dice.uniform(0, 0.5))
    chat.send_signal(signal.SIGKILL)
    chat.wait()
    whole = [line for line in chat.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    chat.stdin.close()
    chat.stdout.close()
    return said + [json.loads(line) for line in whole]


def is_whole(path: Path) -> bool:
    with Image.open(path) as picture:
        picture.load()
    return True


def examined(folder: Path) -> dict[str, str]:
    """Where each picture of the history was saved and its SHA-256, once all of it was looked at."""
    with sqlite3.connect(folder / "data" / "history.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert not database.execute("PRAGMA foreign_key_check").fetchall()
        rows = dict(database.execute("SELECT path, sha256 FROM images"))
    database.close()
    for digest in rows.values():
        kept = folder / "data" / "history-images" / digest[:2] / f"{digest}.png"
        assert hashlib.sha256(kept.read_bytes()).hexdigest() == digest
        assert is_whole(kept)
    assert all(is_whole(path) for path in (folder / "out" / "chat").glob("*.png"))
    return rows


@pytest.mark.slow
def test_nothing_finished_is_lost(model: str, tmp_path: Path) -> None:
    dice = random.Random(7)
    arguments = ["a cat", "--model", model, "--steps", "2", "--cfg", "3"]
    finished: dict[str, str] = {}
    for _ in range(KILLS):
        said = killed(begun(tmp_path, *arguments), dice)
        assert {answer.get("session") for answer in said if "error" not in answer} == {1}
        rows = examined(tmp_path)
        assert finished.items() <= rows.items()  # what was there once stays
        for answer in said:
            if answer.get("picture"):
                path = tmp_path / answer["picture"]
                assert hashlib.sha256(path.read_bytes()).hexdigest() == rows[str(path)]
        finished = rows
        arguments = ["--resume", "last"]
    chat = begun(tmp_path, *arguments, "--export", "chat.json")
    out, _ = chat.communicate("no bike\n/keep\n")
    assert chat.returncode == 0
    opened, bike, kept = map(json.loads, out.splitlines())
    assert opened["picture"]
    assert "bike" in bike["effective_negative"]
    assert kept["ended"]
    turns = json.loads((tmp_path / "chat.json").read_text())["turns"]
    assert len(examined(tmp_path)) == sum(len(turn["pictures"]) for turn in turns)
    assert [turn["number"] for turn in turns] == list(range(len(turns)))
    assert len(turns) > KILLS
