"""Tokens into chunks: A1111's recorded cases, and what must hold for any stream of tokens."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negprompt.encoding.chunking import a1111 as split
from negprompt.encoding.tokens import Chunk, Limits
from negprompt.encoding.types import TokenWeight
from negprompt.errors import Span
from negprompt.language import parse, remarks

CLIP = Limits(bos=49406, eos=49407, pad=49407, comma=267, room=75)
COMMA = 267


def token(number: int, weight: float = 1.0) -> TokenWeight:
    return TokenWeight(number, "", weight, Span(0, 0), 0)


def stream(case: dict[str, Any]) -> list[TokenWeight | None]:
    """The tokens of a recorded case, weighted as the language says."""
    weighted = parse(case["input"]).weighted()
    assert [text for text, _ in weighted] == [text for text, _ in case["segments"]]
    tokens: list[TokenWeight | None] = []
    for (text, weight), (_, ids) in zip(weighted, case["segments"], strict=True):
        if text == "BREAK" and weight == -1:
            tokens.append(None)
        else:
            tokens += [token(number, weight) for number in ids]
    return tokens


def cases(shared: Path) -> list[dict[str, Any]]:
    """Recorded cases, without textual inversions (not read yet) and without BREAK in brackets.

    There A1111 reads the word "break", a bug of its own; here it is a break, with a notice.
    """
    path = shared / "conformance" / "recorded_chunking_a1111.json"
    every: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["cases"]
    plain = [c for c in every if not any(k["embeddings"] for k in c["expected"]["chunks"])]
    return [c for c in plain if "break-in-group" not in said(c["input"])]


def said(text: str) -> set[str]:
    return {notice.code for notice in remarks(parse(text))}


def test_chunks_are_a1111s(shared: Path) -> None:
    recorded = cases(shared)
    assert len(recorded) >= 30
    for case in recorded:
        backtrack = case["args"]["comma_padding_backtrack"]
        chunks = split(stream(case), room=75, comma=COMMA, backtrack=backtrack)
        expected = case["expected"]["chunks"]
        made = [chunk.ids(CLIP) for chunk in chunks]
        assert made == [c["tokens"] for c in expected], case["input"]
        for chunk, wanted in zip(chunks, expected, strict=True):
            assert chunk.weights(CLIP) == pytest.approx(wanted["multipliers"], rel=1e-9)


streams = st.lists(st.none() | st.sampled_from([1, 2, COMMA]).map(token), max_size=300)


@given(streams, st.integers(0, 20))
def test_no_token_is_lost_moved_or_doubled(
    tokens: list[TokenWeight | None], backtrack: int
) -> None:
    chunks = split(tokens, room=75, comma=COMMA, backtrack=backtrack)
    kept = [t.id for chunk in chunks for t in chunk.tokens]
    assert kept == [t.id for t in tokens if t is not None]
    assert all(len(chunk.tokens) <= 75 for chunk in chunks)
    assert [t.chunk for chunk in chunks for t in chunk.tokens] == [
        place for place, chunk in enumerate(chunks) for _ in chunk.tokens
    ]


def test_a_break_starts_a_chunk_and_an_empty_prompt_has_one() -> None:
    chunks = split([token(1), None, token(2)])
    assert [[t.id for t in chunk.tokens] for chunk in chunks] == [[1], [2]]
    assert split([]) == [Chunk()]
    assert [len(chunk.tokens) for chunk in split([None, token(1)])] == [0, 1]


def test_a_chunk_is_begin_text_end_padding() -> None:
    limits = Limits(bos=1, eos=2, pad=0, comma=None, room=4)
    chunk = Chunk((token(7, 1.5), token(8)))
    assert chunk.ids(limits) == [1, 7, 8, 2, 0, 0]
    assert chunk.weights(limits) == [1, 1.5, 1, 1, 1, 1]
