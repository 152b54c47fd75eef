"""Plan → Conditioning: encodes each text, weighs it, and brings all to one length."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from negprompt.encoding.choices import Null, check_names
from negprompt.encoding.clip import TextEncoder
from negprompt.encoding.encoders import Encoders, in_a_row, lengthen, longest
from negprompt.encoding.tokens import NO_NAMES, missing, tokenize
from negprompt.encoding.types import Conditioning, Course, Encoded, TokenWeight
from negprompt.errors import Notice, PromptError, RequestError, shown
from negprompt.language import Prompt, StagedPart
from negprompt.policy.heads import SCHEMES as HEAD_SCHEMES
from negprompt.policy.heads import Head
from negprompt.policy.learned import unknown, words_of
from negprompt.policy.plan import Negative, Plan


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
    at_least: list[int] = []
    if match == "pad-eos":
        counts = [[sum(t is not None for t in ts) for ts in encoders.tokens(p)] for p in prompts]
        at_least = [max(column) for column in zip(*counts, strict=True)]
    made = {
        p: encoders.encode(p, scheme, normalise=normalise, chunks=chunks, at_least=at_least)
        for p in prompts
    }
    nothing, empty = encoders.null(null), encoders.null("empty")
    said = {*_said(plan.parts), *_said(plan.negatives)}
    whole = {
        each: in_a_row([before[one] if isinstance(one, Head) else made[one] for one in each])
        for each in said
    }
    lengths = longest(whole.values())
    even = {each: lengthen(encoded, lengths, empty, match) for each, encoded in whole.items()}

    def course(side: StagedPart | Negative) -> Course:
        found = ((last, even[_spoken(side, prompt)]) for last, prompt in side.stretches)
        return Course(tuple(found), side.weight)

    return Conditioning(
        parts=tuple(course(part) for part in plan.parts),
        against=tuple(course(negative) for negative in plan.negatives),
        null=lengthen(nothing, lengths, nothing, match),
        notices=tuple(_notices(plan, encoders, vocabulary, clip_skip)),
        chunks=lengths[0] // nothing.lengths[0],
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


def _notices(
    plan: Plan,
    encoders: Encoders,
    vocabulary: Collection[str] | None,
    clip_skip: int | None,
) -> Iterator[Notice]:
    if clip_skip is not None and clip_skip != 1 and all(e.penultimate for e in encoders.each):
        yield Notice(
            "clip-skip-inert",
            f"clip skip {clip_skip} does nothing: this family reads a fixed layer of CLIP",
        )
    yield from _past(plan, encoders)
    read = [token for prompt in _texts(plan) for token in _named(prompt, encoders.each[0])]
    for text, file, of in {(t.text, t.vector.file, t.vector.of): 0 for t in read if t.vector}:
        yield Notice(
            "embedding-read", f"{shown(text)} is the textual inversion {file}, {of} vectors"
        )
    for name in dict.fromkeys(_missing(plan, encoders)):
        text = f"no textual inversion is called {shown(name)}, so the model reads nothing there"
        yield Notice("embedding-missing", text)
    if vocabulary is not None:
        names = {word for token in read for word in words_of(token.text)}
        yield from unknown(plan, frozenset(vocabulary) | names)


def _past(plan: Plan, encoders: Encoders) -> Iterator[Notice]:
    """One notice for each text that T5 does not read to its end."""
    if encoders.t5 is None:
        return
    heads = [head.prompt for negative in plan.negatives for head in negative.heads]
    does = "does nothing" if encoders.pooled_only else "reaches CLIP only"
    for prompt in dict.fromkeys((*_texts(plan), *heads)):
        past = encoders.t5.past(prompt)
        if past:
            what = "a standing negative" if prompt in heads else shown(prompt.source, 30)
            where = "" if prompt in heads else f", from {shown(past[0].text.strip())} on,"
            yield Notice(
                "text-cut",
                f"T5 reads {encoders.t5.length - 1} tokens of a text: the last {len(past)} of "
                f"{what}{where} fall past that, and what stands there {does}",
            )


def _named(prompt: Prompt, encoder: TextEncoder) -> list[TokenWeight]:
    """The tokens of a prompt that are vectors of textual inversions."""
    if encoder.names is NO_NAMES:
        return []
    tokens = tokenize(prompt, encoder.tokenizer, encoder.names)
    return [token for token in tokens if token is not None and token.vector is not None]


def _missing(plan: Plan, encoders: Encoders) -> Iterator[str]:
    """Names that are called and that no file has."""
    for prompt in _texts(plan):
        for name, _ in missing(prompt, encoders.each[0].names):
            yield name
