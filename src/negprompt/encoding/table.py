"""A prompt before a tokenizer → a table: which token stands where, and which terms come too late.

Knows what a chunk holds, not what an encoder makes of it.  No tensors.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from negprompt.encoding.choices import known
from negprompt.encoding.chunking import CHUNKINGS, MAX_CHUNKS
from negprompt.encoding.names import Names
from negprompt.encoding.tokens import NO_NAMES, Limits, missing, tokenize
from negprompt.encoding.types import TokenWeight
from negprompt.errors import Span
from negprompt.language import Prompt
from negprompt.policy.plan import Term, terms


@dataclass(frozen=True, slots=True)
class Row:
    """One token.  Chunks count from 1; position 0 of each is the token of the beginning."""

    chunk: int
    position: int
    id: int
    token: str
    """As the vocabulary spells it, ``cat</w>``; of an inversion its file and which vector."""
    weight: float
    text: str
    span: Span
    term: int | None
    """Which of the table's terms it belongs to; None for commas."""


@dataclass(frozen=True, slots=True)
class Table:
    """The tokens of one prompt."""

    rows: tuple[Row, ...]
    chunks: int
    room: int
    """Tokens of text in a chunk."""
    terms: tuple[Term, ...]
    past: tuple[int, ...]
    """Terms with a token past the first chunk, which tools that read one chunk cut off."""
    missing: tuple[tuple[str, Span], ...] = ()
    """Textual inversions that are called and that no file has."""

    @property
    def too_long(self) -> bool:
        """Whether it has more chunks than are ever encoded."""
        return self.chunks > MAX_CHUNKS


def table(
    prompt: Prompt, tokenizer: Any, *, chunks: str = "a1111", names: Names = NO_NAMES
) -> Table:
    """Return the tokens of ``prompt``, cut by the rule ``chunks``.

    Raises RequestError ``chunking-unknown``, and what ``tokenize`` raises.
    """
    known(chunks, CHUNKINGS, "chunking", code="chunking-unknown")
    limits = Limits.of(tokenizer)
    tokens = tuple(tokenize(prompt, tokenizer, names))
    cut = CHUNKINGS[chunks](tokens, limits, tokenizer.convert_ids_to_tokens)
    named = terms(prompt)
    starts = [term.span.start for term in named]
    rows = tuple(
        Row(
            chunk=place,
            position=position,
            id=token.id,
            token=_spelled(token, tokenizer),
            weight=token.weight,
            text=token.text,
            span=token.span,
            term=_term(token, named, starts),
        )
        for place, chunk in enumerate(cut, 1)
        for position, token in enumerate(chunk.tokens, 1)
    )
    late = {row.term for row in rows if row.chunk > 1 and row.term is not None}
    absent = tuple(missing(prompt, names))
    return Table(rows, len(cut), limits.room, named, tuple(sorted(late)), absent)


def _spelled(token: TokenWeight, tokenizer: Any) -> str:
    if token.vector is None:
        return str(tokenizer.convert_ids_to_tokens(token.id))
    return f"{token.vector.file} {token.vector.index + 1}/{token.vector.of}"


def _term(token: TokenWeight, named: Sequence[Term], starts: Sequence[int]) -> int | None:
    """Return the term that holds the start of a token."""
    place = bisect_right(starts, token.span.start) - 1
    return place if place >= 0 and token.span.start < named[place].span.stop else None
