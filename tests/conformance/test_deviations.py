"""Deviations name what differs on purpose, and nothing that differs beside it."""

from copy import deepcopy
from importlib.util import find_spec
from typing import Any

import pytest
from tests.conformance.scope import SUITES


def verdict(stem: str, case: dict[str, Any], expected: Any) -> str:
    return SUITES[stem].judge({**case, "expected": expected}).verdict


def test_an_inversion_that_a1111_leaves_behind() -> None:
    stem, words = "recorded_chunking_a1111", [*[1] * 60, 267, 2, 2, 18308, 8869, *[3] * 10]
    case = {
        "input": "x",
        "segments": [["x", words]],
        "args": {"comma_padding_backtrack": 20, "embeddings": [["Easy", 8, [18308, 8869]]]},
    }
    moved: Any = SUITES[stem].answer({**case, "expected": None})
    assert [chunk["embeddings"] for chunk in moved["chunks"]] == [[], [[2, "Easy"]]]
    left = deepcopy(moved)
    left["chunks"][0]["embeddings"], left["chunks"][1]["embeddings"] = [[63, "Easy"]], []
    assert verdict(stem, case, moved) == "passed"
    assert verdict(stem, case, left) == "inversion-left-behind"
    left["chunks"][0]["multipliers"][5] = 1.1
    assert verdict(stem, case, left) == "failed"


@pytest.mark.skipif(find_spec("open_clip") is None, reason="needs the vocabulary of CLIP")
def test_an_inversion_that_comfyui_cuts() -> None:
    stem = "recorded_chunking_comfyui"
    case = {
        "input": " ".join(["cat"] * 70) + " embedding:easy",
        "args": {"pad": 0, "embedding_files": {"easy.safetensors": 8}},
    }
    whole: Any = SUITES[stem].answer({**case, "expected": None})
    assert [chunk["tokens"].count("E") for chunk in whole["chunks"]] == [0, 8]
    cut = deepcopy(whole)
    first, second = cut["chunks"]
    for key, vector, end in (("tokens", "E", 49407), ("weights", 1.0, 1.0), ("segment_ids", 2, 0)):
        pad = 0 if key == "tokens" else end
        first[key][71:] = [*[vector] * 5, end]
        second[key][1:] = [*[vector] * 3, end, *[pad] * 72]
    assert verdict(stem, case, whole) == "passed"
    assert verdict(stem, case, cut) == "inversion-split"
    second["weights"][1] = 1.1
    assert verdict(stem, case, cut) == "failed"


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        ([["a", 1.0], ["BREAK(", -1], ["x", 1.1]], "break-glued"),
        ([["a", 1.0], ["BREAK(", -1], ["x", 1.2]], "failed"),
        ([["a", 1.0], ["BREAK", -1], ["(", 1.0], ["x", 1.1]], "passed"),
    ],
)
def test_a_break_that_sdnext_makes_a_word_of(expected: list[Any], found: str) -> None:
    case = {"input": r"a BREAK\((x)", "args": {"prompt_attention": "native"}}
    assert verdict("recorded_sdnext_attention", case, expected) == found
