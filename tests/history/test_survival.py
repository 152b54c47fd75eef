"""A process that is killed, or a disk that is full, costs no earlier record and no whole image."""

import os
import random
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import URL, text

from negprompt.engine import Generation, save
from negprompt.history import looking, sessions
from negprompt.history.opening import History, open_at
from negprompt.history.place import DATA, Place
from negprompt.history.recording import kept, record

MOMENTS = 20


def forked(work: Callable[..., None], *arguments: Any) -> Any:
    """A process that has everything imported already, so that work begins at once."""
    process = get_context("fork").Process(target=work, args=arguments)
    process.start()
    return process


def history_of(data: Path) -> History:
    """The history that is in a data folder."""
    url = URL.create("sqlite", database=str(data / "history.db"))
    return open_at(Place(url, data / "history-images"))


def noise(made: Generation, rng: random.Random) -> Generation:
    """The generation with pictures that no other has, large enough to be caught half-written."""
    side = 256
    images = tuple(
        Image.frombytes("RGB", (side, side), rng.randbytes(3 * side * side)) for _ in made.images
    )
    return replace(made, images=images)


def write_on(data: Path, made: Generation, said: int, seed: int) -> None:
    """Chat without end: a run for every turn; each number of a run is written once it is kept."""
    history, rng = history_of(data), random.Random(seed)
    session = sessions.begin(history, "a cat", {"turn": 0})
    for turn in range(1, 10_000):
        sessions.turn(history, session, "darker", decision="applied", state={"turn": turn})
        new = noise(made, rng)
        paths = save(new, data / "out")
        number = record(history, new, paths, command="chat", session=session)
        os.write(said, number.to_bytes(8, "big"))


def check(data: Path, known: list[int]) -> None:
    """All that was said to be kept is there, every image is whole, and nothing is half there."""
    history = history_of(data)
    with history.reading() as connection:
        assert connection.scalar(text("PRAGMA integrity_check")) == "ok"
        assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
        numbers = set(connection.scalars(text("SELECT id FROM runs")))
    assert set(known) <= numbers
    for number in numbers:
        images = looking.run(history, number).images
        assert len(images) == 2
        assert {image.state for image in images} == {"whole"}
    for path in [*history.store.files(), *(data / "out").glob("*.png")]:
        if path.suffix == ".png":
            with Image.open(path) as picture:
                picture.load()


@pytest.mark.slow
def test_a_process_killed_at_twenty_moments_loses_nothing(made: Generation, tmp_path: Path) -> None:
    rng, known, cut_off = random.Random(0), list[int](), 0
    for moment in range(MOMENTS):
        reader, writer = os.pipe()
        process = forked(write_on, tmp_path, made, writer, moment)
        os.close(writer)
        known.append(int.from_bytes(os.read(reader, 8), "big"))  # it is at work
        time.sleep(rng.uniform(0, 0.5))
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert process.exitcode == -signal.SIGKILL
        while number := os.read(reader, 8):
            known.append(int.from_bytes(number, "big"))
        os.close(reader)
        check(tmp_path, known)
        session = sessions.session(history_of(tmp_path))
        assert session.state == {"turn": len(session.turns) - 1}
        assert all(turn.runs for turn in session.turns[1:-1])
        cut_off += session.turns[-1].runs == ()
    assert cut_off, "no moment fell into a turn: nothing was tested"


def fill(data: Path, made: Generation, limit: int, said: Any) -> None:
    """Record where no file may grow beyond a limit: every write past it fails as on a full disk."""
    paths = save(noise(made, random.Random(1)), data / "other")
    os.environ[DATA] = str(data)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    said.put([(notice.code, notice.text) for notice in kept(made, paths, command="generate")])


@pytest.mark.parametrize(
    ("limit", "reason", "files"),
    [
        pytest.param(100_000, "File too large", 4, id="no-room-for-an-image"),
        pytest.param(300_000, "disk", 6, id="room-for-images-and-half-a-journal"),
    ],
)
def test_a_full_disk_loses_no_earlier_record(
    made: Generation, tmp_path: Path, limit: int, reason: str, files: int
) -> None:
    history = history_of(tmp_path)
    before = [
        record(history, new, save(new, tmp_path / "out"), command="generate")
        for new in (noise(made, random.Random(seed)) for seed in (2, 3))
    ]
    long = replace(made.request, negative=(", ".join(f"term {n}" for n in range(3000)),))
    large = replace(made, request=long, plan=long.planned("sd1"))
    queue = get_context("fork").Queue()
    process = forked(fill, tmp_path, large, limit, queue)
    ((code, said),) = queue.get(timeout=60)
    process.join()
    assert code == "history-unwritten"
    assert reason in said
    check(tmp_path, before)
    assert [one.id for one in looking.newest(history_of(tmp_path))] == before[::-1]
    assert [path.suffix for path in history.store.files()] == [".png"] * files
    new = noise(made, random.Random(4))
    assert record(history, new, save(new, tmp_path / "out"), command="generate") == before[1] + 1
