"""Adapters for the suites of weighted embeddings, under the encoder of toy.py."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeAlias

import torch
from tests.conformance import toy
from tests.conformance.suites import Case, Deviation, Refused, Suite, near
from torch import Tensor

from negprompt.encoding import chunking
from negprompt.encoding.compose import blended, conjoined, pad_empty
from negprompt.encoding.normalising import NORMALISATIONS
from negprompt.encoding.reading import Reading
from negprompt.encoding.tokens import Chunk, Limits, tokenize
from negprompt.encoding.types import TokenWeight
from negprompt.encoding.weighting import weigh
from negprompt.errors import Span
from negprompt.language import parse
from negprompt.language.conjunctions import Blend, Line, Swap, conjunction

Stream: TypeAlias = Iterable[TokenWeight | None]
Tokens: TypeAlias = tuple[TokenWeight | None, ...]
Cut: TypeAlias = Callable[[Stream], Sequence[Chunk]]
Rows: TypeAlias = list[list[float]]

_EXACT: Final = 2e-6
_HALF: Final = 2e-3  # the reference casts weights to float16


def _token(number: int, weight: float, word: int) -> TokenWeight:
    return TokenWeight(number, "", weight, Span(0, 0), chunk=0, word=word)


def _reading(tokens: Tokens, cut: Cut, bounds: Limits) -> Reading:
    states = toy.States(bounds)
    return Reading(tokens, cut(tokens), cut, bounds, states, states(Chunk(), frozenset()))


def _rows(tensors: Sequence[Tensor]) -> Rows:
    return [[float(number) for number in row] for row in torch.cat(list(tensors))]


# ------------------------------------------------------------------- chunks that a case spells out


def _given(chunks: Sequence[Any], pad: int, normalisation: str = "none") -> Reading:
    """Chunks as rows of id, weight and word; word 0 is begin, end or padding."""
    bounds = toy.limits(len(chunks[0]), pad)
    made = [Chunk(tuple(_token(*row) for row in rows if row[2])) for rows in chunks]
    if [chunk.ids(bounds) for chunk in made] != [[row[0] for row in rows] for rows in chunks]:
        raise ValueError("the rows are no chunks of begin, text, end and padding")
    sizes = [len(chunk.tokens) for chunk in made]

    def cut(stream: Stream) -> list[Chunk]:
        left = iter([token for token in stream if token is not None])
        return [Chunk(tuple(next(left) for _ in range(size))) for size in sizes]

    tokens = tuple(token for chunk in made for token in chunk.tokens)
    return _reading(NORMALISATIONS[normalisation](tokens), cut, bounds)


def _weighed(case: Case, scheme: str) -> Any:
    """The rows under a scheme; the pooled vector is that of the first chunk, unweighted."""
    reading = _given(case["input"]["chunks"], case["args"]["pad"])
    first = reading.chunks[0]
    pooled = reading.z(first)[first.ids(reading.limits).index(toy.EOS)]
    return {"embedding": _rows(weigh(reading, scheme)), "pooled": pooled.tolist()}


_EMPHASIS: Final = {"Original": "a1111", "No norm": "a1111-no-norm", "Ignore": "ignore"}


def _a1111(case: Case) -> Any:
    scheme = _EMPHASIS[case["args"]["emphasis"]]
    if "chunks" in case["input"]:
        return _weighed(case, scheme)
    pad = case["args"]["pad"]
    each = [weigh(_given(chunks, pad), scheme) for chunks in case["input"]["batch"]]
    return {"embedding_batch": [_rows(made) for made in each]}


def _shared_mean(case: Case, answer: Any) -> bool:
    """A1111 takes one mean over all prompts of a batch: each prompt comes out by one factor off."""
    if isinstance(answer, Refused) or "batch" not in case["input"]:
        return False
    pairs = zip(answer["embedding_batch"], case["expected"]["embedding_batch"], strict=True)
    return case["args"]["emphasis"] == "Original" and all(_scaled(a, e) for a, e in pairs)


def _scaled(answer: Rows, expected: Rows) -> bool:
    """Whether all numbers are those of the answer times one factor above 0."""
    a, e = torch.tensor(answer).double(), torch.tensor(expected).double()
    factor = float((a * e).sum() / (a * a).sum())
    return factor > 0 and near((a * factor).tolist(), expected, within=_EXACT)


def _comfy(case: Case) -> Any:
    return _weighed(case, "comfy")


def _fooocus(case: Case) -> Any:
    return _weighed(case, "fooocus")


# ------------------------------------------------------------------------------------ ADV_CLIP_emb


@dataclass(frozen=True)
class _AsRecorded(Reading):
    """A reading whose weak words are hidden at the places where the recording hides them.

    ADV_CLIP_emb takes the places from ``np.unique(weights, return_inverse=True)`` on the weights
    ``[chunks, t]``, which was flat before numpy 2 and has that shape since.  Recorded under numpy
    2, the reference hides the places numbered like the *chunks* that hold a weak word, in the first
    chunk: a fault of the recording, not a rule.  The project hides the words; with the recorded
    places put in, the formulas are compared.
    """

    def fainter(self, chunks: Sequence[Chunk], level: float) -> list[Chunk]:
        """The chunks with a ``+`` at the recorded places."""
        places = frozenset(
            number
            for number, chunk in enumerate(chunks)
            if any(token.weight <= level for token in chunk.tokens)
        )
        return [_PlusAt(chunks[0].tokens, places), *chunks[1:]]


@dataclass(frozen=True)
class _PlusAt(Chunk):
    """A chunk with a ``+`` of weight 1 at some places, begin and end among them."""

    places: frozenset[int] = field(default_factory=frozenset)

    def ids(self, limits: Limits) -> list[int]:
        plain = Chunk(self.tokens).ids(limits)
        return [toy.MASKING if i in self.places else number for i, number in enumerate(plain)]

    def weights(self, limits: Limits) -> list[float]:
        plain = Chunk(self.tokens).weights(limits)
        return [1.0 if i in self.places else weight for i, weight in enumerate(plain)]


_ADVANCED: Final = {
    "A1111": "lpw",
    "comfy": "comfy",
    "comfy++": "comfy++",
    "compel": "compel-adv",
    "down_weight": "down-weight",
}


def _advanced(case: Case) -> Any:
    args = case["args"]
    r = _given(case["input"]["chunks"], toy.EOS, args["token_normalization"])
    recorded = _AsRecorded(r.tokens, r.chunks, r.cut, r.limits, r.states, r.z0)
    return {"embedding": _rows(weigh(recorded, _ADVANCED[args["weight_interpretation"]]))}


# ------------------------------------------------------------------------------------ lpw, sd_embed


def _tokens(text: str, length: int, dialect: str = "a1111") -> Tokens:
    return tuple(tokenize(parse(text, dialect), toy.NumberedWords(length)))


def _lpw(case: Case) -> Any:
    """Lpw reads both prompts at the length of the longer one, in at most so many chunks."""
    args, asked = case["args"], case["input"]
    length = args["chunk_length"]
    most = args["max_embeddings_multiples"] * (length - 2)
    both = [_tokens(asked[key], length) for key in ("prompt", "negative_prompt")]
    kept = [tokens[:most] for tokens in both]
    chunks = max(1, *(-(-len(tokens) // (length - 2)) for tokens in kept))
    encode = _lpw_joined if args["no_boseos_middle"] else _lpw_apart
    made = [encode(tokens, chunks, length) for tokens in kept]
    return {
        "embedding": made[0],
        "negative_embedding": made[1],
        "truncated": any(len(tokens) > most for tokens in both),
    }


def _lpw_apart(tokens: Tokens, chunks: int, length: int) -> Rows:
    """Each chunk with its begin and end, and chunks of padding behind a shorter prompt."""

    def cut(stream: Stream) -> list[Chunk]:
        made = chunking.groups(stream, room=length - 2)
        return [*made, *[Chunk()] * (chunks - len(made))]

    return _rows(weigh(_reading(tokens, cut, toy.limits(length)), "lpw"))


def _lpw_joined(tokens: Tokens, chunks: int, length: int) -> Rows:
    """One long chunk that the encoder reads piece by piece; begin and end stand at its ends."""
    step = length - 2
    bounds = toy.limits(chunks * step + 2)

    def states(chunk: Chunk, hidden: frozenset[int]) -> Tensor:
        ids = chunk.ids(bounds)
        pieces = []
        for place in range(chunks):
            inside = ids[place * step + 1 : (place + 1) * step + 1]
            z = toy.read([toy.BOS, *inside, toy.EOS], hidden)
            pieces.append(z[int(place > 0) : length - int(place < chunks - 1)])
        return torch.cat(pieces)

    def cut(stream: Stream) -> list[Chunk]:
        return [Chunk(tuple(token for token in stream if token is not None))]

    z0 = states(Chunk(), frozenset())
    return _rows(weigh(Reading(tokens, cut(tokens), cut, bounds, states, z0), "lpw"))


def _sd_embed(case: Case) -> Any:
    """sd_embed reads "" as the word "empty" and continues the shorter text with end tokens."""
    args, asked = case["args"], case["input"]
    length, rows = args["chunk_length"], case["expected"]["rows"]
    texts = [asked[key] or "empty" for key in ("prompt", "negative_prompt")]
    both = [[t for t in _tokens(text, length) if t is not None] for text in texts]
    longest = max(len(tokens) for tokens in both)
    made = []
    for tokens in both:
        ends = [_token(toy.EOS, 1.0, 0)] * (longest - len(tokens))
        chunks = chunking.groups([*tokens, *ends], room=length - 2)
        made.append([row for chunk in chunks for row in _alone(chunk, args)])
    return {
        "length": len(made[0]),
        "rows": rows,
        "embedding": [made[0][row] for row in rows],
        "negative_embedding": [made[1][row] for row in rows],
    }


def _alone(chunk: Chunk, args: Any) -> Rows:
    """One chunk without normalisation, padded or as long as it is."""
    length = args["chunk_length"] if args["pad_last_block"] else len(chunk.tokens) + 2
    reading = _reading(chunk.tokens, lambda _: [chunk], toy.limits(length))
    return _rows(weigh(reading, "a1111-no-norm"))


# ------------------------------------------------------------------------------------------ compel


def _compel(case: Case) -> Any:
    asked, args = case["input"], case["args"]
    encode = partial(_fragments, args=args)
    if "prompt" in asked:
        return {"embedding": _rows([_conjunction(asked["prompt"], args)])}
    if "fragments" in asked:
        return {"embedding": _rows([encode(asked["fragments"])])}
    plain = [encode([[_ids(text), 1.0]])[None] for text in asked["prompts"]]
    if "weights" in asked:
        mixed = blended(plain, asked["weights"], normalise=asked["normalize"])
        return {"embedding": _rows([mixed[0]])}
    longest = max(z.shape[1] for z in plain)
    empty = encode([])[None]
    even = [pad_empty(z, longest - z.shape[1], empty) for z in plain]
    return {"embedding_pair": [_rows([z[0]]) for z in even]}


def _ids(text: str) -> list[int]:
    return list(toy.NumberedWords(0)(text)["input_ids"])


def _fragments(fragments: Sequence[Any], args: Any) -> Tensor:
    """Fragments of token ids with weights, as compel encodes them: ``[t, 4]``."""
    words = enumerate(fragments, 1)
    tokens = tuple(_token(number, w, word) for word, (ids, w) in words for number in ids)
    bounds = toy.limits(args["chunk_length"])

    def cut(stream: Stream) -> list[Chunk]:
        if args.get("truncate", True):
            return chunking.groups(stream, room=bounds.room)[:1]
        return chunking.compel(stream, lambda number: f"t{number}</w>", room=bounds.room)

    scheme = {"MASK": "compel", "REMOVE": "compel-remove"}[args.get("downweight_mode", "MASK")]
    return torch.cat(weigh(_reading(tokens, cut, bounds), scheme))


def _conjunction(text: str, args: Any) -> Tensor:
    """A compel prompt: its parts, each a line or a blend of lines, one behind the other."""
    found = conjunction(parse(text, "compel"))
    parts = [_part(part, args)[None] for part in found.parts]
    return conjoined(parts, found.weights, _fragments([], args)[None])[0]


def _part(part: Line | Blend, args: Any) -> Tensor:
    if isinstance(part, Blend):
        lines = [_part(line, args)[None] for line in part.lines]
        return blended(lines, part.weights, normalise=part.normalize)[0]
    words = [one for item in part for one in (item.original if isinstance(item, Swap) else [item])]
    return _fragments([[_ids(one.text), one.weight] for one in words], args)


def _removed_chunk(case: Case, answer: Any) -> bool:
    """Compel crashes where the prompt without a word has fewer chunks; it is read here."""
    error = str(case["expected"].get("error", ""))
    removed = case["args"].get("downweight_mode") == "REMOVE"
    return removed and error.startswith("RuntimeError") and not isinstance(answer, Refused)


def _agrees(answer: Any, expected: Any, case: Case) -> bool:
    return near(answer, expected, within=_EXACT)


def _agrees_in_half(answer: Any, expected: Any, case: Case) -> bool:
    return near(answer, expected, within=_HALF)


EMBEDDING: Final[dict[str, Suite]] = {
    "recorded_embed_a1111": Suite(_a1111, _agrees, (Deviation("batch-mean", _shared_mean),)),
    "recorded_embed_adv_clip_emb": Suite(_advanced, _agrees),
    "recorded_embed_comfyui": Suite(_comfy, _agrees),
    "recorded_embed_compel": Suite(_compel, _agrees, (Deviation("removed-chunk", _removed_chunk),)),
    "recorded_embed_diffusers_lpw": Suite(_lpw, _agrees),
    "recorded_embed_fooocus": Suite(_fooocus, _agrees),
    "recorded_embed_sd_embed_sd15": Suite(_sd_embed, _agrees_in_half),
}
