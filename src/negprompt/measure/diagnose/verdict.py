"""What a diagnosis is: six questions with their answers, one verdict, and what to change next."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

Area = Literal["workflow", "policy", "encoder", "training data", "guidance"]
Kind = Literal[
    "inert", "truncated", "wrong-dialect", "wrong-layer", "not-named", "unknown-word",
    "cannot-draw", "too-weak", "asked-for", "residual", "undecided",
]  # fmt: skip

AREAS: Final[Mapping[Kind, Area]] = MappingProxyType(
    {
        "inert": "guidance",
        "truncated": "workflow",
        "wrong-dialect": "workflow",
        "wrong-layer": "policy",
        "not-named": "workflow",
        "unknown-word": "encoder",
        "cannot-draw": "training data",
        "too-weak": "guidance",
        "asked-for": "workflow",
        "residual": "workflow",
        "undecided": "workflow",
    }
)
"""Where the next change is to be made."""

QUESTIONS: Final = (
    "did the term arrive",
    "was the right layer chosen",
    "does the encoder tell it apart",
    "can the model draw it when asked",
    "does strength change it",
    "did it appear because of something else",
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to blame, said in words, and the next action."""

    kind: Kind
    what: str
    cure: str

    @property
    def area(self) -> Area:
        """Where the next change is to be made."""
        return AREAS[self.kind]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found out about one of QUESTIONS, by its number from 1."""

    number: int
    said: str

    @property
    def question(self) -> str:
        """Its words."""
        return QUESTIONS[self.number - 1]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The verdict on one flaw, and the answers that led there, in the order of the questions."""

    flaw: str
    verdict: Verdict
    answers: tuple[Answer, ...]


@dataclass(slots=True)
class Inquiry:
    """The answers so far."""

    flaw: str
    answers: list[Answer]

    def note(self, number: int, said: str) -> None:
        """Keep an answer that leads to no verdict."""
        self.answers.append(Answer(number, said))

    def end(self, number: int, kind: Kind, what: str, cure: str) -> Diagnosis:
        """Return the diagnosis that the answer to this question gives."""
        self.note(number, what)
        told = tuple(sorted(self.answers, key=lambda answer: answer.number))
        return Diagnosis(self.flaw, Verdict(kind, what, cure), told)
