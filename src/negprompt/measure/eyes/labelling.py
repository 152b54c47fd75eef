"""A folder of pictures and terms → a person's labels, kept after every answer."""

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from negprompt.errors import RequestError, shown
from negprompt.measure.corrected import LEAST
from negprompt.measure.eyes.blind import pictures
from negprompt.measure.labels import Label, read, save

COUNT: Final = LEAST
"""Pictures a term."""
CHOICES: Final = {"yes": True, "no": False, "unsure": None}


@dataclass(slots=True)
class Labelling:
    """A session: one picture and one term at a time, terms one after the other."""

    file: Path
    tasks: tuple[tuple[Path, str], ...]
    """Pictures with the term that is asked of each."""
    labels: list[Label] = field(default_factory=list)
    """All labels of the file."""
    over: threading.Event = field(default_factory=threading.Event)
    _history: list[int] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        """End at once where nothing is left to ask."""
        if self.task is None:
            self.over.set()

    @property
    def task(self) -> int | None:
        """The number of the task that is asked now."""
        done = {(label.image, label.term) for label in self.labels}
        return next((k for k, task in enumerate(self.tasks) if task not in done), None)

    def state(self) -> dict[str, Any]:
        """What the page shows."""
        with self._lock:
            number = self.task
            done = len(self.tasks) if number is None else number
            said: dict[str, Any] = {"number": number, "done": done, "most": len(self.tasks)}
            if number is None:
                return {**said, "over": True, "text": self.sentence()}
            return {**said, "over": False, "picture": str(number), "term": self.tasks[number][1]}

    def answer(self, said: Mapping[str, Any]) -> None:
        """Take ``{"number": n, "choice": "yes" | "no" | "unsure" | "back"}``.

        ValueError for a choice that is none.
        """
        choice = said["choice"]
        if choice not in (*CHOICES, "back"):
            raise ValueError(f"there is no choice {choice!r}")
        with self._lock:
            if choice == "back":
                self._back()
                return
            number = self.task
            if number is None or said["number"] != number:
                return
            image, term = self.tasks[number]
            self.labels.append(Label(image, term, CHOICES[choice]))
            self._history.append(number)
            save(self.file, self.labels)
            if self.task is None:
                self.over.set()

    def picture(self, name: str) -> Path | None:
        """The file behind a task's number."""
        inside = name.isdecimal() and int(name) < len(self.tasks)
        return self.tasks[int(name)][0] if inside else None

    def sentence(self) -> str:
        """How many labels there are, by term."""
        terms = dict.fromkeys(term for _, term in self.tasks)
        counts = {
            t: sum(lab.term == t and lab.present is not None for lab in self.labels) for t in terms
        }
        each = ", ".join(f"{term} {count}" for term, count in counts.items())
        few = [term for term, count in counts.items() if count < LEAST]
        more = f"; {LEAST} of a term are needed to correct a figure" if few else ""
        return f"labels: {each}{more}"

    def _back(self) -> None:
        """Ask the last one again."""
        if self._history:
            task = self.tasks[self._history.pop()]
            self.labels = [lab for lab in self.labels if (lab.image, lab.term) != task]
            save(self.file, self.labels)
            self.over.clear()


def labelling(
    folder: Path, terms: Sequence[str] = (), count: int = COUNT, seed: int = 0
) -> Labelling:
    """The session of a folder: pictures by chance, in an order that does not tell arms apart.

    Of an ablation's folder both pictures of ``count / 2`` pairs without and with each term; of any
    other, ``count`` of its pictures. Labels that ``labels.csv`` holds are not asked again.

    Raises RequestError ``terms-missing`` where no term is named and the folder is no ablation's,
    OutputError ``folder-unreadable``, ``labels-unreadable``.
    """
    folder = folder.resolve()
    random = Random(seed)
    tasks: list[tuple[Path, str]] = []
    ablation = _ablation(folder)
    for term in terms or ablation:
        pairs = ablation.get(term, [])
        if pairs:
            chosen = random.sample(pairs, min(len(pairs), -(-count // 2)))
            asked = [path for pair in chosen for path in pair]
        else:
            every = [path.resolve() for path in pictures(folder)]
            asked = random.sample(every, min(len(every), count))
        random.shuffle(asked)
        tasks += [(path, term) for path in dict.fromkeys(asked)]
    if not tasks:
        raise RequestError(
            f"there is nothing to ask about {shown(str(folder))}",
            code="terms-missing",
            cure="give a folder with pictures, and --term for each thing to look for",
        )
    file = folder / "labels.csv"
    return Labelling(file, tuple(tasks), read(file) if file.exists() else [])


def _ablation(folder: Path) -> dict[str, list[tuple[Path, Path]]]:
    """The pairs without and with each term alone that an ablation left; none of another folder."""
    try:
        report = json.loads((folder / "ablate.json").read_bytes())
        arms = {n: arm["pictures"] for arm in report["arms"] for n in arm["names"]}
        return {
            term["term"]: [
                ((folder / a).resolve(), (folder / b).resolve())
                for a, b in zip(
                    arms[term["alone"]["without"]], arms[term["alone"]["with"]], strict=False
                )
            ]
            for term in report["terms"]
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}
