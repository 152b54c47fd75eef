"""The table of complaints, its drafts, and how an answer is counted."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.policy.house import house

from negprompt.engine import Request
from negprompt.feedback import Critique, Draft, critique, draft_of
from negprompt.policy import Layer

FILE: Final = Path(__file__).parent / "complaints.txt"
FLOOR: Final = house("always", "low quality", "artifacts", "watermark", "blurry", rank="floor")
BRAND: Final = house("enforced", "cartoon", "logo")
ACTIONS: Final = {
    "add": "add", "strengthen": "up", "weaken": "down", "remove": "drop", "protect": "keep",
    "scale": "scale", "undo": "undo",
}  # fmt: skip


def draft(positive: str, negative: str | None = None, *policies: Layer) -> Draft:
    typed = None if negative is None else (negative,)
    return draft_of(Request(prompt=positive, negative=typed, policies=policies))


DRAFTS: Final = {
    "plain": draft("a woman with a red hat in a garden"),
    "busy": draft(
        "a portrait of a man in a snowy town, oil painting", "text, watermark, (blurry:1.2), hat"
    ),
    "house": draft("a cat on a beach", None, FLOOR, BRAND),
}


@dataclass(frozen=True)
class Complaint:
    """One row."""

    half: str
    draft: str
    text: str
    expected: tuple[frozenset[tuple[str, str]], ...]
    """For each edit the answers that are right."""

    def answered(self) -> set[tuple[str, str]]:
        """What critique makes of it, in the table's words."""
        return set(_answer(critique(self.text, DRAFTS[self.draft])))


def complaints() -> tuple[Complaint, ...]:
    lines = FILE.read_text("utf-8").splitlines()
    rows = (line.split(" | ") for line in lines if line and not line.startswith("#"))
    return tuple(
        Complaint(half.strip(), draft, text, tuple(_expected(edits.strip())))
        for half, draft, text, edits in rows
    )


def _expected(edits: str) -> Iterator[frozenset[tuple[str, str]]]:
    for edit in edits.split("; ") if edits != "-" else ():
        action, _, terms = edit.partition(" ")
        yield frozenset(_alternative(action, term) for term in terms.split("/"))


def _alternative(action: str, term: str) -> tuple[str, str]:
    """``want photo`` after a slash has an action of its own."""
    first, _, rest = term.partition(" ")
    return (first, rest) if rest and first in ("add", "want", "lose") else (action, term)


def _answer(said: Critique) -> Iterator[tuple[str, str]]:
    for edit in said.edits:
        if edit.action != "positive":
            yield ACTIONS[edit.action], edit.term
            continue
        yield from [("lose", edit.without)] if edit.without else []
        yield from [("want", edit.term)] if edit.term else []
    if said.is_content:
        yield "content", ""
    if any(notice.code == "critique-sarcasm" for notice in said.notices):
        yield "out", ""


@dataclass(frozen=True)
class Score:
    """Edits that were right, wrong, and not found."""

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.wrong)

    @property
    def recall(self) -> float:
        return self.right / (self.right + self.missed)


def score(rows: tuple[Complaint, ...]) -> Score:
    """Count edits, "content" and "out" among them; each expected one is right once."""
    right = wrong = missed = 0
    for row in rows:
        left = row.answered()
        for alternatives in row.expected:
            found = left & alternatives
            right, missed = right + bool(found), missed + (not found)
            left -= found
        wrong += len(left)
    return Score(right, wrong, missed)


if __name__ == "__main__":
    table = complaints()
    for half in ("dev", "test"):
        some = tuple(row for row in table if row.half == half)
        found = score(some)
        print(  # noqa: T201 - a table to read
            f"{half}: {len(some)} sentences, precision {found.precision:.3f}, "
            f"recall {found.recall:.3f} ({found})"
        )
