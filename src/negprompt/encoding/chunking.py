"""Tokens → chunks that are encoded one by one, as each tool cuts a long prompt.

A CLIP encoder reads 77 tokens at once: begin, 75 of text, end. All rules here share two laws: no
token is lost or moved past another, and a textual inversion is never split over two chunks. BREAK,
which stands as None in a stream of tokens, starts a new chunk at once (except in ``groups``).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from negprompt.encoding.tokens import Chunk, Limits
from negprompt.encoding.types import TokenWeight

Stream = Iterable[TokenWeight | None]

BACKTRACK: Final = 20
"""Tokens that a comma may lie back for a full chunk to be cut there (A1111's default)."""

LARGE: Final = 8
"""Tokens from which ComfyUI cuts a run of text anywhere instead of moving it whole."""

MAX_CHUNKS: Final = 40
"""Chunks of one prompt: 3,000 tokens of CLIP, far more than any model can tell apart."""


def a1111(
    tokens: Stream, *, room: int = 75, comma: int | None = None, backtrack: int = BACKTRACK
) -> list[Chunk]:
    """Fill chunks of ``room`` tokens, cut at a near comma. Never empty.

    A full chunk whose last comma lies at most ``backtrack`` tokens back keeps what stands before
    and at the comma, and the rest moves on. A comma that would itself open the next chunk counts
    as that chunk's text but not as a place to cut. An inversion that does not fit moves whole.
    AUTOMATIC1111/stable-diffusion-webui, ``tokenize_line``.
    """
    chunks: list[Chunk] = []
    filling: list[TokenWeight] = []
    cut: int | None = None  # length of the chunk up to and with its last comma
    for token in tokens:
        if token is None:
            chunks.append(Chunk(tuple(filling)))
            filling, cut = [], None
            continue
        full = len(filling) == room
        if full:
            near = cut is not None and room - cut < backtrack and token.id != comma
            keep = cut if near else room
            chunks.append(Chunk(tuple(filling[:keep])))
            filling, cut = filling[keep:], None
        if token.vector and token.vector.index == 0 and len(filling) + token.vector.of > room:
            chunks.append(Chunk(tuple(filling)))
            filling, cut = [], None
        filling.append(token)
        if token.id == comma and not full:
            cut = len(filling)
    if filling or not chunks:
        chunks.append(Chunk(tuple(filling)))
    return _numbered(chunks)


def comfy(tokens: Stream, *, room: int = 75) -> list[Chunk]:
    """Fill chunks run by run: one that does not fit moves whole if it is short. Never empty.

    A run is the text between two changes of weight, or an inversion. One of ``LARGE`` tokens or
    more is cut where the chunk is full; ComfyUI does so with inversions too, here they stay whole.
    Comfy-Org/ComfyUI, ``SDTokenizer.tokenize_with_weights``.
    """
    chunks: list[Chunk] = []
    filling: list[TokenWeight] = []
    for run in _runs(tokens):
        if not run:
            chunks.append(Chunk(tuple(filling)))
            filling = []
            continue
        rest, whole = run, len(run) < LARGE or run[0].vector is not None
        while len(filling) + len(rest) > room:
            keep = 0 if whole and filling else room - len(filling)
            chunks.append(Chunk((*filling, *rest[:keep])))
            filling, rest = [], rest[keep:]
        filling += rest
    if filling or not chunks:
        chunks.append(Chunk(tuple(filling)))
    return _numbered(chunks)


def compel(
    tokens: Stream, spelled: Callable[[int], str], *, room: int = 75, mode: str = "sentences"
) -> list[Chunk]:
    """Cut behind the last end of a ``mode`` that a chunk can hold. Never empty.

    ``mode``: ``sentences`` end with ``.``, ``phrases`` with one of ``. , ; :``, ``words`` where
    the vocabulary says so (``spelled(id)`` ends with ``</w>``). A chunk without an end of the mode
    falls back to the next in this order, and at last to a cut behind ``room`` tokens.
    damian0815/compel 2.5, ``_find_next_best_split_point``.
    """
    chunks: list[Chunk] = []
    modes = list(_ENDS)[list(_ENDS).index(mode) :]
    for run in _parts(tokens):
        rest = run
        while len(rest) > room:
            found = (_last(rest[:room], spelled, _ENDS[m]) for m in modes)
            keep = next((cut for cut in found if cut), room)
            vector = rest[keep].vector
            keep -= vector.index if vector and vector.index < keep else 0
            chunks.append(Chunk(tuple(rest[:keep])))
            rest = rest[keep:]
        chunks.append(Chunk(tuple(rest)))
    return _numbered(chunks)


def groups(tokens: Stream, *, room: int = 75) -> list[Chunk]:
    """Cut behind every ``room`` tokens, whatever stands there; BREAK is passed over. Never empty.

    diffusers' lpw pipelines, xhinker/sd_embed, compel's ``BRUTAL`` mode. Only an inversion, which
    these cut too, moves whole.
    """
    return a1111((token for token in tokens if token is not None), room=room)


Cut = Callable[[Stream, Limits, Callable[[int], str]], list[Chunk]]

CHUNKINGS: Final[Mapping[str, Cut]] = MappingProxyType(
    {
        "a1111": lambda tokens, limits, _: a1111(tokens, room=limits.room, comma=limits.comma),
        "comfy": lambda tokens, limits, _: comfy(tokens, room=limits.room),
        "compel": lambda tokens, limits, spelled: compel(tokens, spelled, room=limits.room),
        "groups": lambda tokens, limits, _: groups(tokens, room=limits.room),
    }
)
"""Every rule by the name under which it is asked for."""

_ENDS: Final[Mapping[str, Callable[[str], bool]]] = MappingProxyType(
    {
        "sentences": lambda spelled: spelled == ".</w>",
        "phrases": lambda spelled: spelled in {".</w>", ",</w>", ";</w>", ":</w>"},
        "words": lambda spelled: spelled.endswith("</w>"),
        "brutal": lambda spelled: False,
    }
)


def _last(
    tokens: Sequence[TokenWeight], spelled: Callable[[int], str], ends: Callable[[str], bool]
) -> int:
    """How many tokens there are up to and with the last that is such an end; 0 where none is."""
    for index in range(len(tokens) - 1, -1, -1):
        vector = tokens[index].vector
        inside = vector is not None and vector.index < vector.of - 1
        if not inside and ends(spelled(tokens[index].id) if vector is None else "</w>"):
            return index + 1
    return 0


def _parts(tokens: Stream) -> list[list[TokenWeight]]:
    """The tokens between two breaks; at least one list."""
    parts: list[list[TokenWeight]] = [[]]
    for token in tokens:
        if token is None:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts if parts[-1] or len(parts) == 1 else parts[:-1]


def _runs(tokens: Stream) -> Iterator[list[TokenWeight]]:
    """Tokens of one word, the vectors of one inversion, or nothing where BREAK stands."""
    run: list[TokenWeight] = []
    for token in tokens:
        if run and (token is None or not _follows(token, run[-1])):
            yield run
            run = []
        if token is None:
            yield []
        else:
            run.append(token)
    if run:
        yield run


def _follows(token: TokenWeight, before: TokenWeight) -> bool:
    if token.vector is not None:
        return token.vector.index > 0
    return before.vector is None and token.word == before.word


def _numbered(chunks: Iterable[Chunk]) -> list[Chunk]:
    """Tell every token which chunk it is in."""
    return [
        Chunk(tuple(replace(token, chunk=place) for token in chunk.tokens))
        for place, chunk in enumerate(chunks)
    ]
