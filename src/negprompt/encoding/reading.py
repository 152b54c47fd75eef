"""One prompt before one encoder: what a weighting scheme may look at, and ask the encoder for."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from negprompt.encoding.tokens import Chunk, Limits
from negprompt.encoding.types import TokenWeight

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Reading:
    """The tokens of a prompt, their chunks, and an encoder that reads chunks one by one."""

    tokens: tuple[TokenWeight | None, ...]
    """The whole prompt, also what a limit cut off."""
    chunks: Sequence[Chunk]
    """What ``cut`` makes of them."""
    cut: Callable[[Iterable[TokenWeight | None]], Sequence[Chunk]]
    """How tokens become chunks."""
    limits: Limits
    states: "Callable[[Chunk, frozenset[int]], Tensor]"
    """Hidden states ``[t, d]`` of a chunk in float32 or wider, some positions not attended to."""
    z0: "Tensor"
    """``[t, d]`` of the empty prompt."""

    def z(self, chunk: Chunk) -> "Tensor":
        """Hidden states of a chunk, ``[t, d]``."""
        return self.states(chunk, frozenset())

    def column(self, values: Sequence[float]) -> "Tensor":
        """Numbers, one a position, as ``[t, 1]`` beside the states."""
        return self.z0.new_tensor(values)[:, None]

    def w(self, chunk: Chunk) -> "Tensor":
        """Weights of a chunk, ``[t, 1]``: 1 at begin, end and padding."""
        return self.column(chunk.weights(self.limits))

    def less(self, chunk: Chunk, leaves: Callable[[TokenWeight], bool]) -> Chunk:
        """The chunk with a ``+`` in place of every token that ``leaves``."""
        plus = self.limits.eos if self.limits.plus is None else self.limits.plus
        return Chunk(
            tuple(
                replace(token, id=plus, vector=None) if leaves(token) else token
                for token in chunk.tokens
            )
        )

    def fainter(self, chunks: Sequence[Chunk], level: float) -> list[Chunk]:
        """The chunks with a ``+`` in place of every token of weight ``level`` or less."""
        return [self.less(chunk, lambda token: token.weight <= level) for chunk in chunks]
