"""Text encoders of one model: a prompt → an embedding at its own length, weights applied.

CLIP encoders read chunk by chunk and stand side by side.  T5, where a model has it, reads the text
as one: behind CLIP in Stable Diffusion 3, in its place in Flux, where CLIP gives the pooled
embedding only.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn.functional import pad

from negprompt.encoding.choices import Null
from negprompt.encoding.chunking import CHUNKINGS, MAX_CHUNKS
from negprompt.encoding.clip import Encoder, Hidden, TextEncoder
from negprompt.encoding.compose import MATCHES, blended, conjoined
from negprompt.encoding.inversion import names_in
from negprompt.encoding.normalising import NORMALISATIONS
from negprompt.encoding.reading import Reading
from negprompt.encoding.t5 import T5Encoder
from negprompt.encoding.tokens import Chunk, tokenize
from negprompt.encoding.types import Encoded, TokenWeight
from negprompt.encoding.weighting import weigh
from negprompt.errors import PromptError, Span, shown
from negprompt.language import Joint, Prompt, joints

Tokens = tuple[TokenWeight | None, ...]

MEMORY: Final = 32
"""Prompts that the encoders of a model remember: 4 MB each for Flux in bfloat16, 0.2 for SD1."""

_LOUDEST = 1000.0  # times the empty prompt's largest number


@dataclass(frozen=True, slots=True)
class Encoders:
    """The text encoders of one model."""

    each: tuple[TextEncoder, ...]
    """Those of CLIP; their hidden states stand side by side in an embedding."""
    t5: T5Encoder | None = None
    pooled_only: bool = False
    """Of CLIP only the pooled embedding is used, and T5 stands in its place (Flux)."""
    _empty: list[tuple[Hidden, ...]] = field(default_factory=list, repr=False)
    _said: dict[Any, Encoded] = field(default_factory=dict, repr=False)

    @property
    def empty(self) -> tuple[Hidden, ...]:
        """What each encoder says of the empty text, T5 last; computed once."""
        if not self._empty:
            every: list[Encoder] = [*self.each, *([self.t5] if self.t5 is not None else [])]
            self._empty.append(tuple(encoder(Chunk()) for encoder in every))
        return self._empty[0]

    def skipping(self, clip_skip: int) -> "Encoders":
        """The same encoders with A1111's "Clip skip". Raises RequestError out of its range."""
        each = tuple(encoder.skipping(clip_skip) for encoder in self.each)
        return replace(self, each=each, _empty=[], _said={})

    def with_inversions(self, folder: Path) -> "Encoders":
        """The same encoders with the textual inversions of a folder; see ``names_in``."""
        each = tuple(
            replace(encoder, names=names_in(folder, encoder.tokenizer, encoder.width))
            for encoder in self.each
        )
        return replace(self, each=each, _empty=[], _said={})

    def tokens(self, prompt: Prompt) -> tuple[Tokens, ...]:
        """What each encoder reads of a prompt, T5 last. Raises as ``tokenize`` does."""
        read = tuple(_tokens(prompt, encoder) for encoder in self.each)
        if self.t5 is None or self.t5.model is None:
            return read
        return (*read, self.t5.cut(self.t5.tokens(prompt))[0].tokens)

    def chunks(self, prompt: Prompt, rule: str = "a1111") -> tuple[list[Chunk], ...]:
        """The chunks of a prompt for each encoder, not encoded. Raises as ``encode`` does."""
        return tuple(_Cut(prompt, encoder, rule)(_tokens(prompt, encoder)) for encoder in self.each)

    def encode(
        self,
        prompt: Prompt,
        scheme: str = "a1111",
        *,
        normalise: str = "none",
        chunks: str = "a1111",
        at_least: Sequence[int] = (),
    ) -> Encoded:
        """One prompt at its own length, its weights applied as ``scheme`` says.

        What compel's ``.and()`` and ``.blend()`` join is encoded each for itself; the pooled
        embedding is that of the first. ``normalise`` is one of ``NORMALISATIONS``, ``chunks`` one
        of ``CHUNKINGS``; ``at_least`` has, for each encoder, how many tokens to continue the text
        to with end tokens. The last MEMORY prompts are remembered, whoever asks for them again.

        Raises PromptError ``prompt-too-long`` beyond MAX_CHUNKS chunks and ``weight-too-large``
        where weights leave numbers that no model can use, RequestError ``blend-weights-cancel``,
        and what ``tokenize`` raises.
        """
        key = (prompt, scheme, normalise, chunks, tuple(at_least))
        made = self._said.pop(key, None) or self._read(prompt, scheme, normalise, chunks, at_least)
        self._said[key] = made
        if len(self._said) > MEMORY:
            del self._said[next(iter(self._said))]
        return made

    def _read(
        self, prompt: Prompt, scheme: str, normalise: str, chunks: str, at_least: Sequence[int]
    ) -> Encoded:
        """One prompt, what compel joins in it each for itself."""
        found = joints(prompt) if prompt.dialect == "compel" else (Joint.of(prompt),)
        if found == (Joint.of(found[0].lines[0].prompt),):
            alone = found[0].lines[0].prompt
            return self._encode(alone, scheme, normalise, chunks, at_least)
        each = [
            [self._encode(line.prompt, scheme, normalise, chunks) for line in joint.lines]
            for joint in found
        ]
        empty, weights = self.null("empty"), [joint.weight for joint in found]
        parts = [_blend(lines, joint, empty) for lines, joint in zip(each, found, strict=True)]
        tails = [part.tail for part in parts if part.tail is not None]
        return Encoded(
            embeds=conjoined([part.embeds for part in parts], weights, empty.embeds),
            pooled=each[0][0].pooled,
            tokens=tuple(token for lines in each for line in lines for token in line.tokens),
            tail=None if empty.tail is None else conjoined(tails, weights, empty.tail),
        )

    def _encode(
        self,
        prompt: Prompt,
        scheme: str,
        normalise: str,
        chunks: str,
        at_least: Sequence[int] = (),
    ) -> Encoded:
        """One prompt in which nothing is joined."""
        parts: list[Encoded] = []
        for place, (encoder, empty) in enumerate(zip(self.each, self.empty, strict=False)):
            tokens = NORMALISATIONS[normalise](_tokens(prompt, encoder))
            if place < len(at_least):
                tokens = _continued(tokens, at_least[place], encoder.limits.eos)
            cut = _Cut(prompt, encoder, chunks)
            parts.append(embed(tokens, encoder, cut, scheme, empty))
        if self.t5 is not None:
            tokens = NORMALISATIONS[normalise](self.t5.tokens(prompt))
            parts.append(embed(tokens, self.t5, self.t5.cut, scheme, self.empty[-1]))
        made = self._joined(parts)
        loudest = _LOUDEST * max(float(hidden.states.abs().max()) for hidden in self.empty)
        if not float(made.whole.abs().max()) <= loudest:
            raise PromptError(
                f"the weights of {shown(prompt.source)} blow its embedding up beyond reason",
                code="weight-too-large",
                cure="use weights between about 0.3 and 2, or the scheme comfy",
                source=prompt.source,
            )
        return made

    def null(self, kind: Null) -> Encoded:
        """No prompt: the empty text encoded, or zeros of its shape."""
        empty = self._joined([Encoded(hidden.states, hidden.pooled) for hidden in self.empty])
        if kind == "empty":
            return empty
        tensors = (empty.embeds, empty.pooled, empty.tail)
        embeds, pooled, tail = (None if t is None else torch.zeros_like(t) for t in tensors)
        assert embeds is not None  # noqa: S101 - for the type checker
        return Encoded(embeds, pooled, tail=tail)

    def _joined(self, parts: Sequence[Encoded]) -> Encoded:
        """What the encoders say of one text as one, each family in its way."""
        clip = parts[: len(self.each)]
        pooled = [part.pooled for part in clip if part.pooled is not None]
        together = torch.cat(pooled, dim=-1) if pooled else None
        if self.t5 is not None and self.pooled_only:
            return replace(parts[-1], pooled=together)
        embeds = _side_by_side(
            [part.embeds for part in clip], [hidden.states for hidden in self.empty[: len(clip)]]
        )
        if self.t5 is None:
            return Encoded(embeds, together, parts[0].tokens)
        tail = parts[-1].embeds.to(embeds)
        embeds = pad(embeds, (0, tail.shape[-1] - embeds.shape[-1]))  # zeros up to T5's width
        return Encoded(embeds, together, parts[0].tokens, tail)


def in_a_row(encoded: Sequence[Encoded]) -> Encoded:
    """Embeddings one behind the other; the pooled one is that of the first."""
    if len(encoded) == 1:
        return encoded[0]
    tails = [one.tail for one in encoded if one.tail is not None]
    return Encoded(
        embeds=torch.cat([one.embeds for one in encoded], dim=1),
        pooled=encoded[0].pooled,
        tokens=tuple(token for one in encoded for token in one.tokens),
        tail=torch.cat(tails, dim=1) if tails else None,
    )


def longest(encoded: Iterable[Encoded]) -> tuple[int, int]:
    """The length that all can be brought to, see ``Encoded.lengths``."""
    embeds, tails = zip(*(one.lengths for one in encoded), strict=True)
    return max(embeds), max(tails)


def _blend(lines: Sequence[Encoded], joint: Joint, empty: Encoded) -> Encoded:
    """The lines of one joint as one embedding, shorter ones lengthened by empty chunks."""
    even = [lengthen(line, longest(lines), empty) for line in lines]
    weights = [line.weight for line in joint.lines]
    tails = [line.tail for line in even if line.tail is not None]
    return Encoded(
        blended([line.embeds for line in even], weights, normalise=joint.normalize),
        None,
        tail=blended(tails, weights, normalise=joint.normalize) if tails else None,
    )


def embed(
    tokens: Tokens, encoder: Encoder, cut: "_Cut | Any", scheme: str, empty: Hidden | None = None
) -> Encoded:
    """Tokens through one encoder: chunks that ``cut`` makes, weighed by ``scheme``, end to end.

    ``empty`` is what the encoder says of the empty prompt, where that is known already. No chunk is
    encoded twice, as long as few others come between.
    """
    empty = encoder(Chunk()) if empty is None else empty
    dtype = empty.states.dtype
    said: dict[Any, Hidden] = {((), frozenset()): empty}

    def hidden(chunk: Chunk, unseen: frozenset[int]) -> Hidden:
        key = (tuple((token.id, token.vector) for token in chunk.tokens), unseen)
        found = said.pop(key, None)
        if found is None:
            found = encoder(chunk, unseen) if unseen else encoder(chunk)
        if len(said) > 2 * MAX_CHUNKS:
            said.pop(next(iter(said)))
        said[key] = found
        return found

    chunks = cut(tokens)
    reading = Reading(
        tokens=tokens,
        chunks=chunks,
        cut=cut,
        limits=encoder.limits,
        states=lambda chunk, unseen: _wide(hidden(chunk, unseen).states[0]),
        z0=_wide(empty.states[0]),
    )
    embeds = torch.cat(weigh(reading, scheme))[None].to(dtype)  # [1, chunks·77, d]
    read = tuple(token for chunk in chunks for token in chunk.tokens if token.word)
    return Encoded(embeds, hidden(chunks[0], frozenset()).pooled, read)


def lengthen(
    encoded: Encoded, lengths: tuple[int, int], empty: Encoded, match: str = "pad-empty"
) -> Encoded:
    """Make an embedding as long as ``lengths`` says; by default with chunks of the empty prompt.

    The other ways are in ``MATCHES``.
    """
    missing, behind = (most - own for most, own in zip(lengths, encoded.lengths, strict=True))
    embeds, tail = encoded.embeds, encoded.tail
    if missing > 0:
        embeds = MATCHES[match](embeds, missing, empty.embeds)
    if behind > 0 and tail is not None and empty.tail is not None:
        tail = MATCHES[match](tail, behind, empty.tail)
    return replace(encoded, embeds=embeds, tail=tail)


@dataclass(frozen=True, slots=True)
class _Cut:
    """Tokens of a prompt into chunks for an encoder, by one of ``CHUNKINGS``."""

    prompt: Prompt
    encoder: TextEncoder
    rule: str

    def __call__(self, tokens: Any) -> list[Chunk]:
        """Cut. Raises PromptError ``prompt-too-long``."""
        tokens, limits = list(tokens), self.encoder.limits
        chunks = CHUNKINGS[self.rule](tokens, limits, self.encoder.spelled)
        if len(chunks) > MAX_CHUNKS or len(tokens) > MAX_CHUNKS * limits.room:
            raise PromptError(
                f"the prompt has more than {MAX_CHUNKS} chunks of {limits.room} tokens",
                code="prompt-too-long",
                cure="shorten it, or use fewer BREAKs",
                source=self.prompt.source,
                span=next((t.span for c in chunks[MAX_CHUNKS:] for t in c.tokens), None),
            )
        return chunks


def _tokens(prompt: Prompt, encoder: TextEncoder) -> Tokens:
    """The tokens of a prompt, cut off where no text is within bounds any more."""
    enough = MAX_CHUNKS * encoder.limits.room + 1
    return tuple(islice(tokenize(prompt, encoder.tokenizer, encoder.names), enough))


def _continued(tokens: Tokens, length: int, eos: int) -> Tokens:
    """Tokens continued to a length with end tokens, which belong to no word."""
    end = next((t.span.stop for t in reversed(tokens) if t is not None), 0)
    pad = TokenWeight(eos, "", 1.0, Span(end, end), chunk=0, word=0)
    return (*tokens, *[pad] * (length - sum(token is not None for token in tokens)))


def _wide(states: Tensor) -> Tensor:
    """States in float32, or in float64 if they are."""
    return states.float() if states.element_size() < torch.float32.itemsize else states


def _side_by_side(columns: list[Tensor], empties: list[Tensor]) -> Tensor:
    """Join encoders on the last axis, shorter ones lengthened by empty chunks: ``[1, t, Σ d]``."""
    length = max(column.shape[1] for column in columns)
    return torch.cat(
        [
            lengthen(Encoded(column, None), (length, 0), Encoded(empty, None)).embeds
            for column, empty in zip(columns, empties, strict=True)
        ],
        dim=-1,
    )
