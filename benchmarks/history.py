"""How long a search takes in a history of 100,000 runs.

``python benchmarks/history.py [--runs N] [--folder DIR]``.  A thousand runs are planned and
recorded by the code that records real ones, but for the denoising and the pictures: each has two to
eight of 200 usual terms, some far more usual than others, and every second one a policy.  SQL
copies them, and gives each copy one term more that no other run has.  Each question is asked twenty
times of an open history, then once as a user does, by a process of its own; both are told as time
that passed and as time of the processor, which is what a machine with nothing else to do takes.
The exit status is 1 where the median answer of an open history takes the processor 100 ms or more.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from sqlalchemy import text

from negprompt.engine import Cost, Generation, Request
from negprompt.history.looking import search
from negprompt.history.opening import History, open_at
from negprompt.history.place import place
from negprompt.history.recording import planned
from negprompt.policy.layers import Layer, LayerTerm

SLOWEST: Final = 100  # ms
ROUNDS: Final = 20
BASE: Final = 1000  # runs that are planned
KINDS: Final = (
    "blurry", "bad", "extra", "cropped", "neon", "ugly", "noisy", "rival", "dark", "odd",
)  # fmt: skip
THINGS: Final = (
    "hands", "fingers", "eyes", "logo", "text", "frame", "face", "scarf", "hat", "sky",
    "sea", "tree", "wall", "lamp", "boat", "road", "cat", "dog", "roof", "sign",
)  # fmt: skip
USUAL: Final = tuple(f"{kind} {thing}" for thing in THINGS for kind in KINDS)
QUESTIONS: Final[tuple[tuple[str, str, str | None], ...]] = (
    ("the most usual term", "blurry hands", None),
    ("a word of twenty terms", "blurry", None),
    ("a seldom term", "odd dog", None),
    ("a term of one run", "whim 47 11", None),
    ("a word of 99,000 terms", "whim", None),
    ("a term of no run", "unicorn", None),
    ("a policy's term", "rival logo", "brand@7"),
    ("a policy, any term", "", "brand@7"),
)
"""What is asked, the term, the policy."""
COPY: Final = """
INSERT INTO runs SELECT id + :by, feedback_id, made, command, folder, prompt, effective_negative,
  model, raw_negative, metadata, passes, seconds, request, layers, versions, notices
  FROM runs WHERE id <= :base;
INSERT INTO images (run_id, position, seed, sha256, pixels, path)
  SELECT run_id + :by, position, seed, sha256, pixels, path FROM images WHERE run_id <= :base;
INSERT INTO uses SELECT run_id + :by, position, layer_id, negative, text, weight
  FROM uses WHERE run_id <= :base;
INSERT INTO words SELECT words, run_id + :by, position, layer_id FROM words WHERE run_id <= :base;
INSERT INTO uses SELECT id + :by, 99, NULL, 1, 'whim ' || :copy || ' ' || id, 1
  FROM runs WHERE id <= :base;
INSERT INTO words SELECT 'whim', id + :by, 99, NULL FROM runs WHERE id <= :base;
INSERT INTO words SELECT 'whim ' || :copy, id + :by, 99, NULL FROM runs WHERE id <= :base;
INSERT INTO words SELECT :copy || ' ' || id, id + :by, 99, NULL FROM runs WHERE id <= :base
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question found and took, in milliseconds."""

    what: str
    found: int
    median: float
    slowest: float
    processor: float
    """The median."""


def runs() -> Iterator[Generation]:
    """Yield generations without images."""
    rng = random.Random(0)
    brands = [_brand(version) for version in ("6.0.0", "7.0.0", "7.1.0")]
    falling = [1 / (1 + place) for place in range(len(USUAL))]
    for number in range(BASE):
        terms = dict.fromkeys(rng.choices(USUAL, falling, k=rng.randint(2, 8)))
        request = Request(
            prompt=f"a {rng.choice(THINGS)} by the {rng.choice(THINGS)}",
            negative=(", ".join(terms),),
            seed=number,
            policies=(rng.choice(brands),) if number % 2 else (),
        )
        yield Generation((), (), request.planned("sd1"), Cost(50, 2, 1), (), (), request, "DDIM")


def fill(history: History, count: int) -> None:
    """Record the base, an image row each, and copy it until there are so many runs."""
    with history.writing() as connection:
        for one in runs():
            planned(connection, one, command="generate", metadata="full")
        made = "SELECT id, 0, id, hex(randomblob(32)), hex(randomblob(32)), 'out/' || id FROM runs"
        columns = "run_id, position, seed, sha256, pixels, path"
        connection.execute(text(f"INSERT INTO images ({columns}) {made}"))
        for copy in range(1, count // BASE):
            for statement in COPY.split(";"):
                given = {"by": copy * BASE, "base": BASE, "copy": str(copy)}
                connection.execute(text(statement), given)


def ask(history: History) -> Iterator[Answer]:
    """Ask every question, over and over."""
    for what, term, policy in QUESTIONS:
        search(history, term, policy=policy)
        walls, processor, found = [], [], 0
        for _ in range(ROUNDS):
            wall, spent = time.perf_counter(), time.process_time()
            found, _runs = search(history, term, policy=policy)
            walls.append(1e3 * (time.perf_counter() - wall))
            processor.append(1e3 * (time.process_time() - spent))
        yield Answer(what, found, median(walls), max(walls), median(processor))


def main() -> int:
    """Fill, ask, print a table; 1 where an answer is too slow."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, default=None)
    given = parser.parse_args()
    os.environ["NEGPROMPT_DATA"] = str(given.folder or tempfile.mkdtemp())
    os.environ["NEGPROMPT_HISTORY"] = ""
    where = place(Path(tempfile.gettempdir()))
    if where is None:
        raise SystemExit("a project file turns the history off")
    history = open_at(where)
    if search(history, "blurry")[0] == 0:
        fill(history, given.runs)
    print("| question | runs | median ms | slowest | processor | process s | its processor |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    answers = list(ask(history))
    for one, (_, term, policy) in zip(answers, QUESTIONS, strict=True):
        figures = f"{one.median:.1f} | {one.slowest:.1f} | {one.processor:.1f}"
        wall, spent = _as_a_user(term, policy)
        print(f"| {one.what} | {one.found} | {figures} | {wall:.2f} | {spent:.2f} |")
    return int(any(one.processor >= SLOWEST for one in answers))


def _brand(version: str) -> Layer:
    terms = tuple(LayerTerm(text) for text in ("rival logo", "neon", f"look of {version}"))
    return Layer(name="brand", version=version, rank="brand", mode="always", terms=terms)


def _as_a_user(term: str, policy: str | None) -> tuple[float, float]:
    """Seconds of a whole process: those that passed, those of the processor."""
    arguments = [term, *(() if policy is None else ("--policy", policy))]
    start, before = time.perf_counter(), _children()
    subprocess.run(  # noqa: S603 - this interpreter and nothing else
        [sys.executable, "-m", "negprompt", "history", "search", *arguments],
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - start, _children() - before


def _children() -> float:
    spent = os.times()
    return spent.children_user + spent.children_system


if __name__ == "__main__":
    sys.exit(main())
