"""ComfyUI's dialect: absolute weights, brackets that do not match, embeddings."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negprompt.errors import PromptError
from negprompt.language import Embedding, Text, parse, to_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("()", []),
        ("an (important) word", [("an ", 1.0), ("important", 1.1), (" word", 1.0)]),
        ("((x:1.5))", [("x", 1.5)]),
        ("((x:1.5):0.5)", [("x", 1.5)]),
        ("(a (b) c:2)", [("a ", 2.0), ("b", 2.2), (" c", 2.0)]),
        ("(a (b:1.5) c:2)", [("a ", 2.0), ("b", 1.5), (" c", 2.0)]),
        ("(x:1e2)", [("x", 100.0)]),
        ("(x:1_5)", [("x", 15.0)]),
        ("(x: 1.5 )", [("x", 1.5)]),
        ("(x:1,5)", [("x:1,5", 1.1)]),
        ("(:1.5)", [(":1.5", 1.1)]),
        ("(a:1.5:2)", [("a:1.5", 2.0)]),
        ("(unbalanced", [("(unbalanced", 1.0)]),
        ("((a)", [("(a", 1.1)]),
        ("(a (b:2)", [("a ", 2.0), ("(b", 2.0)]),
        ("a (b) (c (d) e", [("a ", 1.0), ("b", 1.1), (" ", 1.0), ("(c (d) e", 1.0)]),
        ("smile :) (happy:1.2)", [("smile :) (happy:1.2)", 1.0)]),
        ("a) ((b))", [("a) (", 1.0), ("b", 1.1), (")", 1.0)]),
        (r"\(a\) b\c [d] {e}", [(r"(a) b\c [d] {e}", 1.0)]),
        (r"\\(a)", [(r"\(a)", 1.0)]),
        ("a BREAK b AND c", [("a BREAK b AND c", 1.0)]),
    ],
)
def test_weights(text: str, expected: list[tuple[str, float]]) -> None:
    prompt = parse(text, "comfy")
    said = [(n.text, w) for n, w in prompt.pieces() if isinstance(n, Text | Embedding)]
    assert [words for words, _ in said] == [words for words, _ in expected]
    assert [weight for _, weight in said] == pytest.approx([weight for _, weight in expected])
    assert parse(to_text(prompt), "comfy").nodes == prompt.nodes


def test_embeddings_are_called_at_the_start_and_behind_spaces() -> None:
    prompt = parse("embedding:bad_1 a,embedding:x (embedding:y, b:1.2)", "comfy")
    names = [node.name for node in prompt.nodes if isinstance(node, Embedding)]
    assert names == ["bad_1", "y,"]
    assert prompt.weighted()[0] == ("embedding:bad_1 a,embedding:x ", 1.0)


@pytest.mark.parametrize("number", ["inf", "nan", "-Infinity", "1e999", "9" * 400])
def test_weights_that_are_not_finite_are_refused(number: str) -> None:
    with pytest.raises(PromptError) as caught:
        parse(f"a (b:{number})", "comfy")
    assert caught.value.code == "weight-not-finite"
    span = caught.value.span
    assert span is not None
    assert span.start == len("a (b:")


SPELLED = st.lists(
    st.sampled_from(
        ["(", ")", ":", "a", " ", "\\", "1.5", ":2)", ":.5)", "\\(", "\\)", "é", "embedding:x"]
    ),
    max_size=16,
).map("".join)


@given(SPELLED)
def test_round_trip_and_tiling(text: str) -> None:
    prompt = parse(text, "comfy")
    assert parse(to_text(prompt), "comfy").nodes == prompt.nodes
    place = 0
    for node in prompt.nodes:
        assert node.span.start == place
        place = node.span.stop
    assert place == len(text)


@given(SPELLED)
def test_one_pass_reads_as_the_naive_method(text: str) -> None:
    pieces = parse(text, "comfy").pieces()
    got = [(n.text, w) for n, w in pieces if isinstance(n, Text | Embedding)]
    joined = [(words, weight) for words, weight in naive(text, 1.0) if words]
    assert "".join(words for words, _ in got if words) == "".join(w for w, _ in joined)
    letters = [weight for words, weight in got for _ in words]
    wanted = [weight for words, weight in joined for _ in words]
    assert all(math.isclose(a, b) for a, b in zip(letters, wanted, strict=True))


def naive(text: str, weight: float) -> list[tuple[str, float]]:
    """Level by level: cut at the outermost brackets, then read what stands in them."""
    said: list[tuple[str, float]] = []
    for item in outermost(text):
        if len(item) > 1 and item[0] == "(" and item[-1] == ")" and item[-2:] != "\\)":
            inner, colon, number = item[1:-1].rpartition(":")
            try:
                said += naive(inner, float(number if colon and inner else "none"))
            except ValueError:
                said += naive(item[1:-1], weight * 1.1)
        else:
            said.append((item.replace("\\(", "(").replace("\\)", ")"), weight))
    return said


def outermost(text: str) -> list[str]:
    items = [""]
    level = 0
    for index, character in enumerate(text):
        free = character in "()" and text[index - 1 : index] != "\\"
        if free and character == "(":
            if level == 0:
                items.append("")
            level += 1
        items[-1] += character
        if free and character == ")":
            level -= 1
            if level == 0:
                items.append("")
    return [item for item in items if item]
