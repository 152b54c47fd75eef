"""Plan → Conditioning: encodes each text, weighs it, and brings all to one length."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from negprompt.encoding.choices import check_names
from negprompt.encoding.chunking import CHUNKINGS, MAX_CHUNKS
from negprompt.encoding.clip import Encoder, Hidden, TextEncoder
from negprompt.encoding.compose import MATCHES, blended, conjoined
from negprompt.encoding.inversion import names_in
from negprompt.encoding.names import called
from negprompt.encoding.normalising import NORMALISATIONS
from negprompt.encoding.reading import Reading
from negprompt.encoding.tokens import Chunk, runs, tokenize
from negprompt.encoding.types import Conditioning, Course, Encoded, TokenWeight
from negprompt.encoding.weighting import weigh
from negprompt.errors import Notice, PromptError, RequestError, Span, shown
from negprompt.language import Joint, Prompt, StagedPart, joints
from negprompt.policy.heads import SCHEMES as HEAD_SCHEMES
from negprompt.policy.heads import Head
from negprompt.policy.plan import Negative, Plan

Null = Literal["empty", "zeros"]
Tokens = tuple[TokenWeight | None, ...]

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

    def skipping(self, clip_skip: int) -> "Encoders":
        """The same encoders with A1111's "Clip skip". Raises RequestError out of its range."""
        return Encoders(tuple(encoder.skipping(clip_skip) for encoder in self.each))

    def with_inversions(self, folder: Path) -> "Encoders":
        """The same encoders with the textual inversions of a folder; see ``names_in``."""
        return Encoders(
            tuple(
                replace(encoder, names=names_in(folder, encoder.tokenizer, encoder.width))
                for encoder in self.each
            )
        )

    def tokens(self, prompt: Prompt) -> tuple[Tokens, ...]:
        """What each encoder reads of a prompt. Raises as ``tokenize`` does."""
        return tuple(_tokens(prompt, encoder) for encoder in self.each)

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
        to with end tokens.

        Raises PromptError ``prompt-too-long`` beyond MAX_CHUNKS chunks and ``weight-too-large``
        where weights leave numbers that no model can use, RequestError ``blend-weights-cancel``,
        and what ``tokenize`` raises.
        """
        found = joints(prompt) if prompt.dialect == "compel" else (Joint.of(prompt),)
        if found == (Joint.of(found[0].lines[0].prompt),):
            alone = found[0].lines[0].prompt
            return self._encode(alone, scheme, normalise, chunks, at_least)
        each = [
            [self._encode(line.prompt, scheme, normalise, chunks) for line in joint.lines]
            for joint in found
        ]
        empty = self.null("empty").embeds
        parts = [_blend(lines, joint, empty) for lines, joint in zip(each, found, strict=True)]
        embeds = conjoined(parts, [joint.weight for joint in found], empty)
        tokens = tuple(token for lines in each for line in lines for token in line.tokens)
        return Encoded(embeds, each[0][0].pooled, tokens)

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
        for place, (encoder, empty) in enumerate(zip(self.each, self.empty, strict=True)):
            tokens = NORMALISATIONS[normalise](_tokens(prompt, encoder))
            if place < len(at_least):
                tokens = _continued(tokens, at_least[place], encoder.limits.eos)
            cut = _Cut(prompt, encoder, chunks)
            parts.append(embed(tokens, encoder, cut, scheme, empty))
        embeds = _side_by_side([part.embeds for part in parts], [h.states for h in self.empty])
        loudest = _LOUDEST * max(float(hidden.states.abs().max()) for hidden in self.empty)
        if not float(embeds.abs().max()) <= loudest:
            raise PromptError(
                f"the weights of {shown(prompt.source)} blow its embedding up beyond reason",
                code="weight-too-large",
                cure="use weights between about 0.3 and 2, or the scheme comfy",
                source=prompt.source,
            )
        pooled = [part.pooled for part in parts if part.pooled is not None]
        return Encoded(embeds, pooled[-1] if pooled else None, parts[0].tokens)

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
    normalise: str = "none",
    chunks: str = "a1111",
    match: str = "pad-empty",
    clip_skip: int | None = None,
    embeddings: Path | None = None,
) -> Conditioning:
    """Encode positive, negatives and null, each text once, and bring them to one length.

    ``vocabulary`` holds the words that the model was trained on, in lower case, where these are
    known: each other word gives the notice ``term-unknown``. ``match`` is one of ``MATCHES``,
    ``clip_skip`` A1111's, ``embeddings`` a folder of textual inversions: each that a prompt calls
    gives the notice ``embedding-read``, a name without a file ``embedding-missing``.

    The heads of a negative, which layers put there, are encoded by themselves and stand in front:
    scheme, normalisation, chunks, clip skip and inversions are for the texts behind them.

    Raises PromptError and ModelError as ``Encoders.encode`` does, RequestError for an unknown name
    or a clip skip out of range, and ``enforced-inert`` for an enforced term that has no tokens.
    """
    check_names(scheme=scheme, normalise=normalise, chunks=chunks, match=match)
    before = {head: _head(head, encoders) for n in plan.negatives for head in n.heads}
    if clip_skip is not None:
        encoders = encoders.skipping(clip_skip)
    if embeddings is not None:
        encoders = encoders.with_inversions(embeddings)
    prompts = _texts(plan)
    longest: list[int] = []
    if match == "pad-eos":
        counts = [[sum(t is not None for t in ts) for ts in encoders.tokens(p)] for p in prompts]
        longest = [max(column) for column in zip(*counts, strict=True)]
    made = {
        p: encoders.encode(p, scheme, normalise=normalise, chunks=chunks, at_least=longest)
        for p in prompts
    }
    nothing, empty = encoders.null(null), encoders.null("empty").embeds
    said = {*_said(plan.parts), *_said(plan.negatives)}
    whole = {
        each: in_a_row([before[one] if isinstance(one, Head) else made[one] for one in each])
        for each in said
    }
    length = max(encoded.embeds.shape[1] for encoded in whole.values())
    even = {each: lengthen(encoded, length, empty, match) for each, encoded in whole.items()}

    def course(side: StagedPart | Negative) -> Course:
        found = ((last, even[_spoken(side, prompt)]) for last, prompt in side.stretches)
        return Course(tuple(found), side.weight)

    return Conditioning(
        parts=tuple(course(part) for part in plan.parts),
        against=tuple(course(negative) for negative in plan.negatives),
        null=lengthen(nothing, length, nothing.embeds, match),
        notices=tuple(_notices(plan, encoders, list(made.values()), vocabulary, clip_skip)),
        chunks=length // nothing.embeds.shape[1],
    )


def _texts(plan: Plan) -> tuple[Prompt, ...]:
    """Every text of a request that acts at some step, each once, the positive's first."""
    said = (*_said(plan.parts), *_said(plan.negatives))
    return tuple(dict.fromkeys(one for each in said for one in each if isinstance(one, Prompt)))


def _said(sides: Sequence[StagedPart | Negative]) -> Iterator[tuple[Head | Prompt, ...]]:
    """What acts at some step: heads, and what was typed, one behind the other."""
    for side in sides:
        for acting in side.stretches:
            yield _spoken(side, acting.prompt)


def _spoken(side: StagedPart | Negative, prompt: Prompt) -> tuple[Head | Prompt, ...]:
    return side.said(prompt) if isinstance(side, Negative) else (prompt,)


def _head(head: Head, encoders: Encoders) -> Encoded:
    """Standing terms encoded; each enforced one must be read by every encoder."""
    for tokens in encoders.tokens(head.prompt):
        read = {token.span.start for token in tokens if token is not None}
        for term, span in zip(head.terms, head.spans, strict=True):
            if term.is_enforced and not read & {*range(span.start, span.stop)}:
                raise RequestError(
                    f"the enforced term {shown(term.name)} has no tokens in this model",
                    code="enforced-inert",
                    cure="choose words that the model can read",
                )
    try:
        return encoders.encode(head.prompt, HEAD_SCHEMES[head.prompt.dialect])
    except PromptError as error:  # its source may hold what only an owner may see
        layers = " + ".join(dict.fromkeys(o for term in head.terms for o in term.origins))
        raise RequestError(
            f"the terms of {layers} cannot be encoded",
            code=error.code,
            cure="use fewer policies, or smaller weights in them",
        ) from None


def in_a_row(encoded: Sequence[Encoded]) -> Encoded:
    """Embeddings one behind the other; the pooled one is that of the first."""
    if len(encoded) == 1:
        return encoded[0]
    embeds = torch.cat([one.embeds for one in encoded], dim=1)
    tokens = tuple(token for one in encoded for token in one.tokens)
    return Encoded(embeds, encoded[0].pooled, tokens)


def _blend(lines: Sequence[Encoded], joint: Joint, empty: Tensor) -> Tensor:
    """The lines of one joint as one embedding, shorter ones lengthened by empty chunks."""
    length = max(line.embeds.shape[1] for line in lines)
    even = [lengthen(line, length, empty).embeds for line in lines]
    weights = [line.weight for line in joint.lines]
    return blended(even, weights, normalise=joint.normalize)


def embed(
    tokens: Tokens, encoder: Encoder, cut: "_Cut | Any", scheme: str, empty: Hidden | None = None
) -> Encoded:
    """Tokens through one encoder: chunks that ``cut`` makes, weighed by ``scheme``, end to end.

    ``empty`` is what the encoder says of the empty prompt, where that is known already. No chunk is
    encoded twice, as long as few others come between.
    """
    empty = encoder(Chunk()) if empty is None else empty
    dtype = empty.states.dtype
    said: dict[Any, Hidden] = {}

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


def lengthen(encoded: Encoded, length: int, empty: Tensor, match: str = "pad-empty") -> Encoded:
    """Make an embedding ``length`` long; by default with chunks of the empty prompt ``[1, t, d]``.

    The other ways are in ``MATCHES``.
    """
    missing = length - encoded.embeds.shape[1]
    if missing <= 0:
        return encoded
    embeds = MATCHES[match](encoded.embeds, missing, empty)
    return Encoded(embeds, encoded.pooled, encoded.tokens)


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
            lengthen(Encoded(column, None), length, empty).embeds
            for column, empty in zip(columns, empties, strict=True)
        ],
        dim=-1,
    )


def _notices(
    plan: Plan,
    encoders: Encoders,
    made: Sequence[Encoded],
    vocabulary: Collection[str] | None,
    clip_skip: int | None,
) -> Iterator[Notice]:
    if clip_skip is not None and clip_skip != 1 and all(e.penultimate for e in encoders.each):
        yield Notice(
            "clip-skip-inert",
            f"clip skip {clip_skip} does nothing: this family reads the last layer but one anyway",
        )
    read = [token for encoded in made for token in encoded.tokens if token.vector is not None]
    for text, file, of in {(t.text, t.vector.file, t.vector.of): 0 for t in read if t.vector}:
        yield Notice(
            "embedding-read", f"{shown(text)} is the textual inversion {file}, {of} vectors"
        )
    for name in dict.fromkeys(_missing(plan, encoders)):
        text = f"no textual inversion is called {shown(name)}, so the model reads nothing there"
        yield Notice("embedding-missing", text)
    if vocabulary is not None:
        names = {word for token in read for word in words_of(token.text)}
        yield from _unknown(plan, frozenset(vocabulary) | names)


def _missing(plan: Plan, encoders: Encoders) -> Iterator[str]:
    """Names that are called and that no file has."""
    for prompt in _texts(plan):
        for run in runs(prompt):
            for call in called(run.text, prompt.dialect, encoders.each[0].names):
                if call.file is None:
                    yield call.name


def _unknown(plan: Plan, vocabulary: Collection[str]) -> Iterator[Notice]:
    """One notice per word and side that the model never saw in training."""
    typed = [a.prompt for negative in plan.negatives for a in negative.stretches]
    asked = [a.prompt for part in plan.parts for a in part.stretches]
    standing = [word for t in plan.standing if not t.is_hidden for word in words_of(t.text)]
    for side, prompts, others in (("prompt", asked, []), ("negative", typed, standing)):
        words = [
            w for p in prompts for s in p.segments() if not s.is_break for w in words_of(s.text)
        ]
        words += others
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
