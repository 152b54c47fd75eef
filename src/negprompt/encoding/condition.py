"""Plan → Conditioning: encodes each text, weighs it, and brings all to one length."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

import torch
from torch import Tensor

from negprompt.encoding.clip import Hidden, TextEncoder
from negprompt.encoding.tokens import MAX_CHUNKS, Chunk, split, tokenize
from negprompt.encoding.types import Conditioning, Encoded
from negprompt.encoding.weighting import SCHEMES
from negprompt.errors import Notice, PromptError, shown
from negprompt.language import Prompt
from negprompt.policy.plan import Plan

Null = Literal["empty", "zeros"]

_WORD = re.compile(r"(?<![^\W_])(?<![^\W_]['’])[^\W_]+")
_LOUDEST = 1000.0  # times the empty prompt's largest number


@dataclass(frozen=True, slots=True)
class Encoders:
    """The text encoders of one model; their hidden states stand side by side in an embedding."""

    each: tuple[TextEncoder, ...]
    _empty: list[tuple[Hidden, ...]] = field(default_factory=list, repr=False)

    @property
    def empty(self) -> tuple[Hidden, ...]:
        """What each encoder says of the empty text; computed once."""
        if not self._empty:
            self._empty.append(tuple(encoder(Chunk()) for encoder in self.each))
        return self._empty[0]

    def encode(self, prompt: Prompt, scheme: str = "a1111") -> Encoded:
        """One prompt at its own length, its weights applied as ``scheme`` says.

        Raises PromptError ``prompt-too-long`` beyond MAX_CHUNKS chunks and ``weight-too-large``
        where weights leave numbers that no model can use.
        """
        columns, pooled = [], None
        tokens: list[Chunk] = []
        for encoder, empty in zip(self.each, self.empty, strict=True):
            chunks = _chunks(prompt, encoder)
            hidden = [encoder(chunk) for chunk in chunks]
            weighed = [
                _weigh(h.states, chunk.weights(encoder.limits), empty.states, scheme)
                for h, chunk in zip(hidden, chunks, strict=True)
            ]
            columns.append(torch.cat(weighed, dim=1))  # [1, chunks·77, d]
            pooled = hidden[0].pooled if hidden[0].pooled is not None else pooled
            tokens = tokens or chunks
        embeds = _side_by_side(columns, [h.states for h in self.empty])
        loudest = _LOUDEST * max(float(hidden.states.abs().max()) for hidden in self.empty)
        if not float(embeds.abs().max()) <= loudest:
            raise PromptError(
                f"the weights of {shown(prompt.source)} blow its embedding up beyond reason",
                code="weight-too-large",
                cure="use weights between about 0.3 and 2, or the scheme comfy",
                source=prompt.source,
            )
        return Encoded(embeds, pooled, tuple(token for chunk in tokens for token in chunk.tokens))

    def null(self, kind: Null) -> Encoded:
        """No prompt: the empty text encoded, or zeros of its shape."""
        embeds = torch.cat([h.states for h in self.empty], dim=-1)
        pooled = [h.pooled for h in self.empty if h.pooled is not None]
        if kind == "zeros":
            embeds, pooled = torch.zeros_like(embeds), [torch.zeros_like(p) for p in pooled]
        return Encoded(embeds, pooled[-1] if pooled else None)


def condition(
    plan: Plan,
    encoders: Encoders,
    *,
    scheme: str = "a1111",
    null: Null = "empty",
    vocabulary: Collection[str] | None = None,
) -> Conditioning:
    """Encode positive, negatives and null, and bring them to one length.

    ``vocabulary`` holds the words that the model was trained on, in lower case, where these are
    known: each other word gives the notice ``term-unknown``. Raises PromptError as
    ``Encoders.encode`` does.
    """
    positive = encoders.encode(plan.positive, scheme)
    negatives = [encoders.encode(negative.prompt, scheme) for negative in plan.negatives]
    nothing = encoders.null(null)
    chunk = nothing.embeds.shape[1]
    empty = encoders.null("empty").embeds
    length = max(e.embeds.shape[1] for e in (positive, *negatives))
    return Conditioning(
        positive=lengthen(positive, length, empty),
        negatives=tuple(lengthen(negative, length, empty) for negative in negatives),
        null=lengthen(nothing, length, nothing.embeds),
        notices=tuple(_unknown(plan, vocabulary)) if vocabulary is not None else (),
        chunks=length // chunk,
    )


def lengthen(encoded: Encoded, length: int, empty: Tensor) -> Encoded:
    """Append chunks of the empty prompt ``[1, t, d]`` until an embedding is ``length`` long."""
    missing = (length - encoded.embeds.shape[1]) // empty.shape[1]
    if missing <= 0:
        return encoded
    embeds = torch.cat([encoded.embeds, *[empty] * missing], dim=1)
    return Encoded(embeds, encoded.pooled, encoded.tokens)


def _chunks(prompt: Prompt, encoder: TextEncoder) -> list[Chunk]:
    limits = encoder.limits
    enough = MAX_CHUNKS * limits.room + 1  # no text of so many tokens and breaks is within bounds
    tokens = list(islice(tokenize(prompt, encoder.tokenizer), enough))
    chunks = split(tokens, room=limits.room, comma=limits.comma)
    if len(chunks) > MAX_CHUNKS or len(tokens) == enough:
        raise PromptError(
            f"the prompt has more than {MAX_CHUNKS} chunks of {limits.room} tokens",
            code="prompt-too-long",
            cure="shorten it, or use fewer BREAKs",
            source=prompt.source,
            span=next((t.span for c in chunks[MAX_CHUNKS:] for t in c.tokens), None),
        )
    return chunks


def _weigh(z: Tensor, weights: list[float], z0: Tensor, scheme: str) -> Tensor:
    """One chunk ``[1, t, d]`` weighed in float32; untouched where every weight is 1."""
    if all(weight == 1 for weight in weights):
        return z
    w = torch.tensor(weights, device=z.device, dtype=torch.float32)[:, None]
    return SCHEMES[scheme](z[0].float(), w, z0[0].float())[None].to(z.dtype)


def _side_by_side(columns: list[Tensor], empties: list[Tensor]) -> Tensor:
    """Join encoders on the last axis, shorter ones lengthened by empty chunks: ``[1, t, Σ d]``."""
    length = max(column.shape[1] for column in columns)
    return torch.cat(
        [
            lengthen(Encoded(column, None), length, empty).embeds
            for column, empty in zip(columns, empties, strict=True)
        ],
        dim=-1,
    )


def _unknown(plan: Plan, vocabulary: Collection[str]) -> Iterator[Notice]:
    """One notice per word and side that the model never saw in training."""
    sides = {"prompt": [plan.positive], "negative": [n.prompt for n in plan.negatives]}
    for side, prompts in sides.items():
        words = [
            w for p in prompts for s in p.segments() if not s.is_break for w in words_of(s.text)
        ]
        for word in dict.fromkeys(words):
            if word not in vocabulary:
                yield Notice(
                    "term-unknown",
                    f"{word!r} in the {side} is no word that this model learned, "
                    "so what it does there is chance; `negprompt words` lists what it knows",
                )


def words_of(text: str) -> Sequence[str]:
    """The words of a text in lower case; the ``s`` of ``cat's`` is none."""
    return [word.lower() for word in _WORD.findall(text)]
