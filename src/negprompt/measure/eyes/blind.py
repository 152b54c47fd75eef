"""Pairs of pictures with hidden sides → whether a person can tell them apart, and prefers which.

The test may be looked at after every pair (``sequential.Preference``): it stops as soon as the
preference is beyond doubt, or when the pairs are used up.
"""

import re
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from negprompt.errors import OutputError, RequestError, shown
from negprompt.measure.sequential import Preference

PAIRS: Final = 24
SIDES: Final = {"left": 0, "right": 1}
KINDS: Final = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two pictures of the same seed; the first has what is asked about."""

    name: str
    first: Path
    second: Path


@dataclass(slots=True)
class Blind:
    """A session: pairs come in as they are made, answers as they are given."""

    prompt: str
    most: int = PAIRS
    sides: tuple[str, str] = ("with the negative", "without it")
    """What the two sides are called when all is said."""
    seed: int | None = None
    """Of the order of the sides; by chance where it is None."""
    found: Preference = field(default_factory=Preference)
    names: list[str] = field(default_factory=list)
    """Of the pairs that were answered."""
    over: threading.Event = field(default_factory=threading.Event)
    """Set when there is nothing left to ask."""
    _pairs: list[Pair] = field(default_factory=list)
    _flips: list[bool] = field(default_factory=list)
    _shown: dict[str, Path] = field(default_factory=dict)
    _tokens: list[tuple[str, str]] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _random: Random | None = None

    def add(self, pair: Pair) -> None:
        """Take a pair; which side it is shown on is tossed now."""
        with self._lock:
            self._random = self._random or (
                Random(self.seed) if self.seed is not None else secrets.SystemRandom()
            )
            flip = self._random.random() < 0.5
            tokens = (secrets.token_hex(8), secrets.token_hex(8))
            self._pairs.append(pair)
            self._flips.append(flip)
            self._tokens.append(tokens)
            left, right = (pair.second, pair.first) if flip else (pair.first, pair.second)
            self._shown |= {tokens[0]: left, tokens[1]: right}

    def state(self) -> dict[str, Any]:
        """What the page shows: nothing that tells the sides apart before the end."""
        with self._lock:
            number = len(self.found.said)
            said: dict[str, Any] = {"prompt": self.prompt, "number": number, "most": self.most}
            if self.over.is_set():
                return {**said, "over": True, "text": self.sentence()}
            ready = number < len(self._pairs)
            pictures = self._tokens[number] if ready else None
            return {**said, "over": False, "pictures": pictures}

    def answer(self, said: Mapping[str, Any]) -> None:
        """Take ``{"number": n, "choice": "left" | "right" | "neither"}``.

        An answer to another pair than the one that is asked counts for nothing: a key was pressed
        twice. ValueError for a choice that is none.
        """
        choice = said["choice"]
        if choice not in (*SIDES, "neither"):
            raise ValueError(f"there is no choice {choice!r}")
        with self._lock:
            number = len(self.found.said)
            if said["number"] != number or number >= len(self._pairs) or self.over.is_set():
                return
            value = 0
            if choice in SIDES:
                value = 1 if SIDES[choice] == self._flips[number] else -1
            self.found = Preference((*self.found.said, value))
            self.names.append(self._pairs[number].name)
            if self.found.told or len(self.found.said) >= self.most:
                self.over.set()

    def picture(self, name: str) -> Path | None:
        """The file behind a name that the page was given."""
        return self._shown.get(name)

    def sentence(self) -> str:
        """What was found, in words."""
        found, n = self.found, len(self.found.said)
        could = found.first + found.second
        if found.told:
            side, votes = (
                (self.sides[0], found.first) if found.told > 0 else (self.sides[1], found.second)
            )
            return (
                f"{_pairs(n)}: you prefer the pictures {side}, {votes} of the {could} that you "
                f"could tell apart (p {found.p_value:.2g}, looked at after each)"
            )
        if n >= self.most:
            return f"{_pairs(n)}: you cannot tell; drop it"
        return f"{_pairs(n)}: not settled (p {found.p_value:.2g})"

    def to_json(self) -> dict[str, Any]:
        """What ``blind --json`` prints."""
        words = {1: "first", -1: "second", 0: "neither"}
        answers = zip(self.names, self.found.said, strict=True)
        return {
            "prompt": self.prompt,
            "sides": {"first": self.sides[0], "second": self.sides[1]},
            "pairs": len(self.found.said),
            "first": self.found.first,
            "second": self.found.second,
            "p": self.found.p_value,
            "verdict": words[self.found.told] if self.found.told else "cannot tell",
            "text": self.sentence(),
            "answers": [{"pair": name, "preferred": words[value]} for name, value in answers],
        }


def _pairs(n: int) -> str:
    return f"{n} pair" if n == 1 else f"{n} pairs"


def from_folders(first: Path, second: Path) -> Iterator[Pair]:
    """Pairs of two folders from any tool: files of the same name, or else of the same seed.

    A seed is the last number of a name (``00003-17.png`` is 17). Raises OutputError
    ``folder-unreadable``, RequestError ``folders-unpaired``.
    """
    for key in (_name, _seed):
        left, right = ({key(path): path for path in pictures(f)} for f in (first, second))
        both = [name for name in left if name in right and name]
        if both:
            return iter([Pair(name, left[name], right[name]) for name in both])
    raise RequestError(
        f"no picture in {shown(str(first))} has a partner in {shown(str(second))}",
        code="folders-unpaired",
        cure="give the same file names in both, or names that end in the seed",
    )


def pictures(folder: Path) -> Sequence[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix.lower() in KINDS)
    except OSError as error:
        raise OutputError(
            f"the folder {shown(str(folder))} cannot be read: {error.strerror or error}",
            code="folder-unreadable",
            cure="give a folder with pictures",
        ) from error


def _name(path: Path) -> str:
    return path.stem


def _seed(path: Path) -> str:
    numbers = re.findall(r"\d+", path.stem)
    return str(int(numbers[-1])) if numbers else ""
