"""Megabytes, half a million brackets, marks that do not print: an answer or a clear error.

The bound on processor time is far above what linear work needs and far below what quadratic
work would take.
"""

import math
import time
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negprompt.errors import NegpromptError, PromptError, RequestError
from negprompt.language import parse, to_text
from negprompt.policy import plan

MEGABYTE = 1_000_000
SECONDS = 60.0

READABLE = {
    "letters": "a" * MEGABYTE,
    "spaces": " " * MEGABYTE,
    "spaces around a break": " " * (MEGABYTE // 2) + "BREAK" + "\n" * (MEGABYTE // 2),
    "almost breaks": "BREA " * (MEGABYTE // 5),
    "backslashes": "\\" * MEGABYTE,
    "colon and spaces": ":" + " " * MEGABYTE + ")",
    "colon and digits": "(" + ":1" * (MEGABYTE // 10),
    "stray closers": ":1)" * (MEGABYTE // 15),
    "NUL": "\0" * MEGABYTE,
    "right-to-left": "\u202e\u200fא" * (MEGABYTE // 3),
    "terms": "blurry, (noise:1.2), " * (MEGABYTE // 100),
    "nested in weight one": "(a" * 50_000 + ":1)" * 50_000,
    "crossing": "(" * 3_000 + "[" * 3_000 + "a)" * 3_000 + "b]" * 3_000,
    "round and square": "([" * 125_000 + "a" + "])" * 125_000,
    "square, never closed": "[" * 500_000 + "a",
    "round around nothing": "(" * 500_000,
    "long fraction": "(a:0." + "3" * MEGABYTE + ")",
}
REFUSED = {
    "10,000 brackets": "(" * 10_000 + "a" + ")" * 10_000,
    "500,000 brackets": "(" * 250_000 + "a" + ")" * 250_000,
    "500,000 never closed": "(" * 500_000 + "a",
    "long number": "(a:" + "1" * MEGABYTE + ")",
    "long non-number": "(a:" + "." * MEGABYTE + ")",
    "nested huge weights": "(" * 1_000 + "a" + (":" + "9" * 300 + ")") * 1_000,
}


LONG = {
    "nested in weight one", "round and square", "square, never closed", "round around nothing",
    "backslashes", "terms", "colon and digits", "crossing", "500,000 brackets",
    "500,000 never closed",
}  # fmt: skip
"""Four seconds to half a minute each; ``test_linear_time.py`` has the like of them, shorter."""


def _marked(texts: Iterable[str]) -> list[Any]:
    return [pytest.param(name, marks=pytest.mark.slow if name in LONG else ()) for name in texts]


@pytest.mark.parametrize("name", _marked(READABLE))
def test_answers_in_linear_time(name: str) -> None:
    begun = time.process_time()
    text = READABLE[name]
    planned = plan("a cat", [text])
    (negative,) = planned.negatives
    assert parse(to_text(negative.prompt)).nodes == negative.prompt.nodes
    assert planned.effective_negative == text
    assert time.process_time() - begun < SECONDS


@pytest.mark.parametrize("name", _marked(REFUSED))
def test_refuses_in_linear_time_and_few_words(name: str) -> None:
    begun = time.process_time()
    with pytest.raises(PromptError) as caught:
        parse(REFUSED[name])
    assert len(str(caught.value)) < 300
    assert all(len(line) < 300 for line in caught.value.caret().splitlines())
    assert time.process_time() - begun < SECONDS


hostile = st.text(st.characters(), max_size=80) | st.text(
    alphabet="()[]:\\.0123456789+-eE\0\u202e\u200f\ud800 nainfBREAK", max_size=80
)


@given(hostile, st.lists(hostile, max_size=3), st.lists(st.floats(), max_size=3) | st.none())
def test_any_texts_and_weights_give_a_plan_or_a_clear_error(
    positive: str, negatives: list[str], weights: list[float] | None
) -> None:
    try:
        planned = plan(positive, negatives, weights)
    except NegpromptError as error:
        told = error
    else:
        assert len(planned.negatives) == len(negatives)
        assert all(math.isfinite(term.weight) for n in planned.negatives for term in n.terms)
        return
    assert told.cure
    assert "\n" not in str(told)
    assert isinstance(told, RequestError) or told.source in (positive, *negatives)
    assert len(told.caret().split("\n")) == (1 if isinstance(told, RequestError) else 3)
