"""What encoding produces: embeddings that still know which words they came from."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from negprompt.errors import Notice, Span

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Vector:
    """One vector of a textual inversion, which stands where a token does."""

    file: str
    """The inversion's file, within the folder that inversions are read from."""
    index: int
    """Which of its vectors, from 0."""
    of: int
    """How many it has."""


@dataclass(frozen=True, slots=True)
class TokenWeight:
    """One token of a prompt. Begin, end and padding tokens are not among them."""

    id: int
    """Its number in the vocabulary; 0 for a vector."""
    text: str
    """The characters that the token stands for."""
    weight: float
    span: Span
    """Where these characters stand in the prompt's source."""
    chunk: int
    """Which chunk of the embedding the token is in, from 0."""
    word: int = 1
    """The run of text, between changes of weight, that it belongs to, from 1."""
    vector: Vector | None = None
    """The vector in its place, where a textual inversion is named."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """One prompt as a denoiser takes it."""

    embeds: "Tensor"
    """``[1, t, d]``, ``t`` = chunks × tokens of a chunk (77 for CLIP)."""
    pooled: "Tensor | None"
    """``[1, p]`` for models that take one, from the first chunk, unweighted."""
    tokens: tuple[TokenWeight, ...] = ()
    tail: "Tensor | None" = None
    """``[1, u, d]``: what a second kind of encoder says, behind all chunks of the first (SD3)."""

    @property
    def whole(self) -> "Tensor":
        """All that the denoiser takes, ``[1, t + u, d]``."""
        if self.tail is None:
            return self.embeds
        import torch

        return torch.cat([self.embeds, self.tail], dim=1)

    @property
    def lengths(self) -> tuple[int, int]:
        """``t`` and ``u``."""
        return self.embeds.shape[1], 0 if self.tail is None else self.tail.shape[1]


@dataclass(frozen=True, slots=True)
class Course:
    """One prompt over a run: what conditions it until which step, and its weight."""

    stretches: tuple[tuple[int, Encoded], ...]
    """Each acts up to and including a step, counted from 1; the last one also beyond it."""
    weight: float = 1.0

    def at(self, step: int) -> Encoded:
        """What acts at a step, counted from 1."""
        return next((e for last, e in self.stretches if step <= last), self.stretches[-1][1])


@dataclass(frozen=True, slots=True)
class Conditioning:
    """Everything one run is conditioned on; all embeddings have the same length."""

    parts: tuple[Course, ...]
    """The positive: one part, or several to be composed."""
    against: tuple[Course, ...]
    """The negatives."""
    null: Encoded
    """No prompt at all: the empty text, or zeros for models trained that way."""
    notices: tuple[Notice, ...]
    chunks: int
    """Chunks that every embedding was brought to."""

    @property
    def positive(self) -> Encoded:
        """The first part at the first step; without AND and schedules, all of the positive."""
        return self.parts[0].at(1)

    @property
    def negatives(self) -> tuple[Encoded, ...]:
        """The negatives at the first step."""
        return tuple(course.at(1) for course in self.against)
