"""What encoding produces: embeddings that still know which words they came from."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from negprompt.errors import Notice, Span

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class TokenWeight:
    """One token of a prompt. Begin, end and padding tokens are not among them."""

    id: int
    text: str
    """The characters that the token stands for."""
    weight: float
    span: Span
    """Where these characters stand in the prompt's source."""
    chunk: int
    """Which chunk of the embedding the token is in, from 0."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """One prompt as a denoiser takes it."""

    embeds: "Tensor"
    """``[1, t, d]``, ``t`` = chunks × tokens of a chunk (77 for CLIP)."""
    pooled: "Tensor | None"
    """``[1, p]`` for models that take one, from the first chunk, unweighted."""
    tokens: tuple[TokenWeight, ...] = ()


@dataclass(frozen=True, slots=True)
class Conditioning:
    """Everything one run is conditioned on; all embeddings have the same length."""

    positive: Encoded
    negatives: tuple[Encoded, ...]
    null: Encoded
    """No prompt at all: the empty text, or zeros for models trained that way."""
    notices: tuple[Notice, ...]
    chunks: int
    """Chunks that every embedding was brought to."""
