"""Weighted text → chunks of weighted tokens, as A1111 fills them. No tensors, no encoder.

A CLIP encoder reads 77 tokens at once: begin, 75 of text, end. Longer prompts are cut into chunks
of 75 that are encoded one by one; a chunk that fills up shortly after a comma is cut at that comma,
and BREAK starts a new chunk at once.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

from negprompt.encoding.types import TokenWeight
from negprompt.language import Prompt

BACKTRACK = 20
"""Tokens that a comma may lie back for a full chunk to be cut there (A1111's default)."""

MAX_CHUNKS = 40
"""Chunks of one prompt: 3,000 tokens of CLIP, far more than any model can tell apart."""


class Tokenizer(Protocol):
    """What is used of a CLIP tokenizer of transformers."""

    model_max_length: int
    bos_token_id: int
    eos_token_id: int
    pad_token_id: int

    def __call__(self, text: str, **settings: Any) -> Any:
        """Token ids, and with ``return_offsets_mapping`` where they stand in the text."""
        ...

    def convert_tokens_to_ids(self, tokens: str) -> int:
        """The id of one token, that of the unknown token if there is no such token."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How the tokenizer of a model bounds a chunk."""

    bos: int
    eos: int
    pad: int
    comma: int | None
    """Id of the token ``,``; None where the vocabulary has none."""
    room: int
    """Tokens of text in a chunk: 75 for CLIP."""

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> "Limits":
        """Read them from the tokenizer itself."""
        comma = tokenizer.convert_tokens_to_ids(",</w>")
        unknown = getattr(tokenizer, "unk_token_id", None)
        return cls(
            bos=tokenizer.bos_token_id,
            eos=tokenizer.eos_token_id,
            pad=tokenizer.pad_token_id,
            comma=None if comma in (None, unknown) else comma,
            room=tokenizer.model_max_length - 2,
        )


@dataclass(frozen=True, slots=True)
class Chunk:
    """Tokens of text that are encoded together; at most ``Limits.room``."""

    tokens: tuple[TokenWeight, ...] = ()

    def ids(self, limits: Limits) -> list[int]:
        """Begin, text, end, padding: ``room + 2`` ids."""
        text = [token.id for token in self.tokens]
        padding = [limits.pad] * (limits.room - len(text))
        return [limits.bos, *text, limits.eos, *padding]

    def weights(self, limits: Limits) -> list[float]:
        """One weight per id: 1 at begin, end and padding."""
        text = [token.weight for token in self.tokens]
        return [1.0, *text, *[1.0] * (limits.room + 1 - len(text))]


def tokenize(prompt: Prompt, tokenizer: Tokenizer) -> Iterator[TokenWeight | None]:
    """The tokens of a prompt in order, each with weight and span; None where BREAK stands."""
    for segment in prompt.segments():
        if segment.is_break:
            yield None
            continue
        read = tokenizer(
            segment.text, add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )
        for number, (start, stop) in zip(read["input_ids"], read["offset_mapping"], strict=True):
            yield TokenWeight(
                id=number,
                text=segment.text[start:stop],
                weight=segment.weight,
                span=segment.locate(start, stop),
                chunk=0,
            )


def split(
    tokens: Iterable[TokenWeight | None],
    *,
    room: int = 75,
    comma: int | None = None,
    backtrack: int = BACKTRACK,
) -> list[Chunk]:
    """Fill chunks of ``room`` tokens; None in the stream starts a new one. Never empty.

    A full chunk whose last comma lies at most ``backtrack`` tokens back keeps what stands before
    and at the comma, and the rest moves on. A comma that would itself open the next chunk counts
    as that chunk's text but not as a place to cut.
    """
    chunks: list[Chunk] = []
    filling: list[TokenWeight] = []
    cut: int | None = None  # length of the chunk up to and with its last comma
    for token in tokens:
        if token is None:
            chunks.append(Chunk(tuple(filling)))
            filling, cut = [], None
        elif len(filling) == room:
            near = cut is not None and room - cut < backtrack and token.id != comma
            keep = cut if near else room
            chunks.append(Chunk(tuple(filling[:keep])))
            filling, cut = [*filling[keep:], token], None
        else:
            filling.append(token)
            cut = len(filling) if token.id == comma else cut
    if filling or not chunks:
        chunks.append(Chunk(tuple(filling)))
    return [
        Chunk(tuple(replace(token, chunk=place) for token in chunk.tokens))
        for place, chunk in enumerate(chunks)
    ]
