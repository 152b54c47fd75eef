"""Weighted text → weighted tokens, textual inversions in their places. No tensors, no encoder."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from negprompt.encoding.names import BARE, Names, called
from negprompt.encoding.types import TokenWeight, Vector
from negprompt.errors import PromptError, Span, shown
from negprompt.language import Embedding, Prompt, Segment, Text

NO_NAMES = Names()


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

    bos: int | None
    """None where nothing stands before the text (T5)."""
    eos: int
    pad: int
    comma: int | None
    """Id of the token ``,``; None where the vocabulary has none."""
    room: int
    """Tokens of text in a chunk: 75 for CLIP."""
    plus: int | None = None
    """Id of the token ``+``, put in place of a word to read the rest without it; None: ``eos``."""

    @property
    def front(self) -> int:
        """Tokens before the text."""
        return int(self.bos is not None)

    @property
    def length(self) -> int:
        """Tokens of a chunk, those before and behind the text among them."""
        return self.front + self.room + 1

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> "Limits":
        """Read them from the tokenizer itself."""
        unknown = (None, getattr(tokenizer, "unk_token_id", None))
        comma = tokenizer.convert_tokens_to_ids(",</w>")
        plus = tokenizer.convert_tokens_to_ids("+</w>")
        return cls(
            bos=tokenizer.bos_token_id,
            eos=tokenizer.eos_token_id,
            pad=tokenizer.pad_token_id,
            comma=None if comma in unknown else comma,
            room=tokenizer.model_max_length - 2,
            plus=None if plus in unknown else plus,
        )


@dataclass(frozen=True, slots=True)
class Chunk:
    """Tokens of text that are encoded together; at most ``Limits.room``."""

    tokens: tuple[TokenWeight, ...] = ()

    def ids(self, limits: Limits) -> list[int]:
        """Begin, text, end, padding: ``limits.length`` ids."""
        begin = [] if limits.bos is None else [limits.bos]
        text = [token.id for token in self.tokens]
        padding = [limits.pad] * (limits.room - len(text))
        return [*begin, *text, limits.eos, *padding]

    def weights(self, limits: Limits) -> list[float]:
        """One weight per id: 1 at begin, end and padding."""
        text = [token.weight for token in self.tokens]
        return [*[1.0] * limits.front, *text, *[1.0] * (limits.room + 1 - len(text))]

    def words(self, limits: Limits) -> list[int]:
        """The word of each id: 0 at begin, end and padding."""
        text = [token.word for token in self.tokens]
        return [*[0] * limits.front, *text, *[0] * (limits.room + 1 - len(text))]


def tokenize(
    prompt: Prompt, tokenizer: Tokenizer, names: Names = NO_NAMES
) -> Iterator[TokenWeight | None]:
    """The tokens of a prompt in order, each with weight and span; None where BREAK stands.

    A textual inversion stands as its vectors, one token each. Raises ModelError where its file
    cannot be used and PromptError ``embedding-too-long`` where it is longer than a chunk.
    """
    room = tokenizer.model_max_length - 2
    for token in _tokens(prompt, tokenizer, names):
        if token is not None and token.vector is not None and token.vector.of > room:
            raise PromptError(
                f"the textual inversion {shown(token.vector.file)} has {token.vector.of} vectors, "
                f"and a chunk has room for {room}",
                code="embedding-too-long",
                cure="use one with fewer vectors",
                source=prompt.source,
                span=token.span,
            )
        yield token


def runs(prompt: Prompt) -> Iterator[Segment]:
    """The text in runs of one weight: A1111's, or ComfyUI's, which are not joined over brackets."""
    if prompt.dialect != "comfy":
        yield from prompt.segments()
        return
    run: Segment | None = None
    called = False
    for node, weight in prompt.pieces():
        text = node.text if isinstance(node, Text | Embedding) else "BREAK"
        anchors = node.anchors if isinstance(node, Text) else ((0, node.span.start),)
        joins = run is not None and run.span.stop == node.span.start
        if run is not None and joins and (called or isinstance(node, Embedding)):
            moved = tuple((at + len(run.text), source) for at, source in anchors)
            span = Span(run.span.start, node.span.stop)
            run = Segment(run.text + text, weight, span, (*run.anchors, *moved))
        else:
            if run is not None:
                yield run
            run = Segment(text, weight, node.span, anchors)
        called = isinstance(node, Embedding)
    if run is not None:
        yield run


def missing(prompt: Prompt, names: Names = NO_NAMES) -> Iterator[tuple[str, Span]]:
    """Yield the inversions that a prompt calls and that no file has: nothing stands for them."""
    for run in runs(prompt):
        for call in called(run.text, prompt.dialect, names):
            if call.file is None:
                yield call.name, run.locate(call.start, call.stop)


def with_inversions(tokens: Sequence[TokenWeight], names: Names) -> Iterator[TokenWeight]:
    """Tokens of one run with vectors where the tokens are the bare name of an inversion."""
    ids = [token.id for token in tokens]
    at = 0
    while at < len(tokens):
        found = names.match(ids, at)
        if found is None:
            yield tokens[at]
            at += 1
            continue
        count, file = found
        first, last = tokens[at], tokens[at + count - 1]
        text = "".join(token.text for token in tokens[at : at + count])
        whole = replace(first, id=0, text=text, span=Span(first.span.start, last.span.stop))
        yield from _vectors(whole, file, len(names.load(file)))
        at += count


def _tokens(prompt: Prompt, tokenizer: Tokenizer, names: Names) -> Iterator[TokenWeight | None]:
    word = 0
    for segment in runs(prompt):
        if segment.is_break:
            yield None
            continue
        for text, start, file in _pieces(segment.text, prompt.dialect, names):
            word += 1
            if file is None:
                tokens = list(_read(text, start, segment, word, tokenizer))
                yield from with_inversions(tokens, names) if prompt.dialect in BARE else tokens
            else:
                span = segment.locate(start, start + len(text))
                whole = TokenWeight(0, text, segment.weight, span, chunk=0, word=word)
                yield from _vectors(whole, file, len(names.load(file)))


def _pieces(text: str, dialect: str, names: Names) -> Iterator[tuple[str, int, str | None]]:
    """Pieces of a run, their places, their files: plain text, and calls by a spelled name.

    ComfyUI takes the space before a call for part of it, and text behind one without its spaces.
    """
    done = 0
    for call in called(text, dialect, names):
        before = text[done : call.start]
        if before.strip() if done else before[:-1]:
            yield before, done, None
        if call.file is not None:
            yield text[call.start : call.stop], call.start, call.file
        done = call.stop
    rest = text[done:]
    if rest.strip() if done else rest:
        yield rest, done, None


def _read(
    text: str, start: int, segment: Segment, word: int, tokenizer: Tokenizer
) -> Iterator[TokenWeight]:
    read = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    for number, (first, stop) in zip(read["input_ids"], read["offset_mapping"], strict=True):
        yield TokenWeight(
            id=number,
            text=text[first:stop],
            weight=segment.weight,
            span=segment.locate(start + first, start + stop),
            chunk=0,
            word=word,
        )


def _vectors(token: TokenWeight, file: str, count: int) -> Iterator[TokenWeight]:
    for index in range(count):
        yield replace(token, vector=Vector(file, index, count))
