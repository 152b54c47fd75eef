"""Rules for chunks: what holds for all of them, and what sets each apart. Full CLIP vocabulary."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.encoding.full_clip import full_clip

from negprompt.encoding.chunking import CHUNKINGS, comfy, compel, groups
from negprompt.encoding.names import Names, by_tokens
from negprompt.encoding.tokens import Limits, tokenize
from negprompt.encoding.types import TokenWeight, Vector
from negprompt.errors import PromptError, Span
from negprompt.language import parse

LIMITS = Limits(bos=0, eos=1, pad=1, comma=2, room=12)
SPELLED = {2: ",</w>", 3: ".</w>", 4: "in", 5: "word</w>"}


def token(number: int, word: int = 1, vector: Vector | None = None) -> TokenWeight:
    return TokenWeight(number, "", 1.0, Span(0, 0), 0, word, vector)


def inversion(count: int, word: int) -> list[TokenWeight]:
    return [token(0, word, Vector("file", index, count)) for index in range(count)]


pieces = st.lists(
    st.none()
    | st.lists(st.sampled_from([2, 3, 4, 5]), min_size=1, max_size=20)
    | st.integers(1, 12),
    max_size=12,
)


def stream(drawn: Sequence[list[int] | int | None]) -> list[TokenWeight | None]:
    """BREAK for None, a run of tokens for a list, an inversion of so many vectors for a number."""
    tokens: list[TokenWeight | None] = []
    for word, piece in enumerate(drawn, 1):
        if piece is None:
            tokens.append(None)
        elif isinstance(piece, int):
            tokens += inversion(piece, word)
        else:
            tokens += [token(number, word) for number in piece]
    return tokens


@pytest.mark.parametrize("rule", CHUNKINGS)
@settings(max_examples=60)
@given(drawn=pieces)
def test_no_token_is_lost_and_no_inversion_split(
    rule: str, drawn: Sequence[list[int] | int | None]
) -> None:
    tokens = stream(drawn)
    chunks = CHUNKINGS[rule](tokens, LIMITS, SPELLED.__getitem__)
    read = [(t.id, t.word, t.vector) for chunk in chunks for t in chunk.tokens]
    assert read == [(t.id, t.word, t.vector) for t in tokens if t is not None]
    assert chunks
    for place, chunk in enumerate(chunks):
        assert len(chunk.tokens) <= LIMITS.room
        assert all(t.chunk == place for t in chunk.tokens)
        for first, t in enumerate(chunk.tokens):
            if t.vector is not None and t.vector.index == 0:
                run = chunk.tokens[first : first + t.vector.of]
                assert [v.vector.index for v in run if v.vector] == list(range(t.vector.of))


def sizes(text: str, rule: str, dialect: str = "a1111") -> list[int]:
    clip = full_clip()
    tokens = tokenize(parse(text, dialect), clip)
    chunks = CHUNKINGS[rule](tokens, Limits.of(clip), clip.convert_ids_to_tokens)
    return [len(chunk.tokens) for chunk in chunks]


def test_each_rule_cuts_elsewhere() -> None:
    text = "cat " * 60 + ", " + "dog " * 12 + "(bird " + "bird " * 4 + ":1.2)"
    assert sizes(text, "a1111") == [61, 17]
    assert sizes(text, "comfy") == [73, 5]
    assert sizes(text, "groups") == [75, 3]
    assert sizes(text, "compel") == [61, 17]


def test_compel_prefers_sentences_then_phrases_then_words() -> None:
    assert sizes("cat " * 50 + ". " + "cat, " * 10 + "cat " * 10, "compel") == [51, 30]
    clip = full_clip()
    long = [
        token(n) for n in clip("supercalifragilistic " * 12, add_special_tokens=False).input_ids
    ]
    whole = compel(long, clip.convert_ids_to_tokens)
    assert all(clip.convert_ids_to_tokens(c.tokens[-1].id).endswith("</w>") for c in whole)
    brutal = compel(long, clip.convert_ids_to_tokens, mode="brutal")
    assert [len(c.tokens) for c in brutal] == [len(c.tokens) for c in groups(long)]


def test_comfy_moves_a_short_run_and_cuts_a_long_one() -> None:
    short = [token(5, 1)] * 70 + [token(5, 2)] * 7
    long = [token(5, 1)] * 70 + [token(5, 2)] * 8
    assert [len(chunk.tokens) for chunk in comfy(short)] == [70, 7]
    assert [len(chunk.tokens) for chunk in comfy(long)] == [75, 3]


NAMES = {"EasyNegative.safetensors": 8, "sub/bad hands.safetensors": 75}


def names(**more: int) -> Names:
    clip, files = full_clip(), NAMES | {f"{name}.safetensors": n for name, n in more.items()}
    stems = {file: file.rsplit("/", 1)[-1].removesuffix(".safetensors") for file in files}
    ids = {f: clip(stem, add_special_tokens=False).input_ids for f, stem in stems.items()}
    return Names(tuple(files), lambda file: range(files[file]), by_tokens(ids))


def vectors(text: str, dialect: str = "a1111", **more: int) -> dict[str, int]:
    """How many vectors of each file a prompt reads."""
    found: dict[str, int] = {}
    for read in tokenize(parse(text, dialect), full_clip(), names(**more)):
        if read is not None and read.vector is not None:
            found[read.vector.file] = found.get(read.vector.file, 0) + 1
    return found


@pytest.mark.parametrize("text", ["easynegative", "x, (EASYnegative:1.2) y", "EasyNegative."])
def test_a1111_calls_by_bare_name_in_any_case(text: str) -> None:
    assert vectors(text) == {"EasyNegative.safetensors": 8}


def test_the_longest_bare_name_counts() -> None:
    assert vectors("easynegativev2", EasyNegativeV2=16) == {"EasyNegativeV2.safetensors": 16}
    assert vectors("a bad hands b") == {"sub/bad hands.safetensors": 75}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("embedding:EasyNegative", 8),
        ("embedding:EasyNegative.safetensors", 8),
        ("blurry, embedding:EasyNegative, x", 8),
        ("(embedding:EasyNegative:1.2) embedding:EasyNegative", 16),
        ("blurry,embedding:EasyNegative", 0),
        ("embedding:easynegative", 0),
        ("EasyNegative", 0),
        ("embedding:", 0),
    ],
)
def test_comfy_calls_by_embedding_and_exact_name(text: str, count: int) -> None:
    assert sum(vectors(text, "comfy").values()) == count


@pytest.mark.parametrize(
    ("text", "dialect", "count"),
    [
        ("a <EasyNegative>1.2", "plain", 8),
        ("a (<EasyNegative>)1.2 b", "compel", 8),
        ("a <easynegative> EasyNegative <no>", "compel", 0),
        ("a (EasyNegative:1.2)", "sdnext", 8),
        ("EasyNegative", "novelai", 0),
    ],
)
def test_other_dialects_call_in_their_own_way(text: str, dialect: str, count: int) -> None:
    assert sum(vectors(text, dialect).values()) == count


def test_a_path_finds_a_file_in_any_folder_the_outermost_first() -> None:
    files = ("a/X.pt", "a/b/X.safetensors", "Y.bin", "Y.safetensors", "a/Y.safetensors", "Y.pt")
    found = Names(files).find
    assert [found(name) for name in ("X", "b/X", "a/b/X")] == ["a/X.pt", *["a/b/X.safetensors"] * 2]
    assert [found(name) for name in ("Y", "a/Y", "Y.bin")] == [
        "Y.safetensors",
        "a/Y.safetensors",
        "Y.bin",
    ]
    assert found("x") is found("../Y") is found("/Y") is None


def test_comfys_comma_stays_text() -> None:
    read = list(tokenize(parse("embedding:EasyNegative, x", "comfy"), full_clip(), names()))
    rest = [t for t in read if t is not None and t.vector is None]
    assert [t.text for t in rest] == [",", "x"]
    assert [t.word for t in rest] == [2, 2]


def test_an_inversion_keeps_its_weight_and_place() -> None:
    source = "a (EasyNegative:1.2), b"
    read = list(tokenize(parse(source), full_clip(), names()))
    called = [t for t in read if t is not None and t.vector is not None]
    assert {t.weight for t in called} == {1.2}
    assert {source[t.span.start : t.span.stop] for t in called} == {"EasyNegative"}


def test_one_longer_than_a_chunk_is_refused() -> None:
    with pytest.raises(PromptError) as caught:
        vectors("a, toolong", toolong=76)
    assert caught.value.code == "embedding-too-long"
    assert caught.value.span == Span(3, 10)
