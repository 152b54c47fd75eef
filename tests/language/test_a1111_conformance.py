"""Every recorded and asserted case of A1111's attention parser, read where it lies."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from negprompt.errors import PromptError
from negprompt.language import parse

SUITES = {
    "a1111_parse_prompt_attention_doctest": 6,
    "recorded_a1111_attention": 546,
    "misc_a1111_attention_tests": 26,
    "diffusion_prompt_embedder_tests": 13,
}
# One case of the mixed suite is about AND, which A1111 splits before it reads emphasis.
NOT_EMPHASIS = {"hero AND villain:0.7 AND skyline"}


def cases(shared: Path, suite: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        (shared / "conformance" / f"{suite}.json").read_text(encoding="utf-8")
    )["cases"]
    return [case for case in found if case["input"] not in NOT_EMPHASIS]


def agrees(got: list[tuple[str, float]], expected: list[list[Any]], tolerance: float) -> bool:
    """Whether text and weights agree; a BREAK in a group keeps weight -1 here, on purpose."""
    return len(got) == len(expected) and all(
        text == wanted
        and (
            (text == "BREAK" and math.isclose(weight, -1.0))
            or math.isclose(weight, want, rel_tol=tolerance)
        )
        for (text, weight), (wanted, want) in zip(got, expected, strict=True)
    )


@pytest.mark.parametrize("suite", SUITES)
def test_reads_as_the_reference_does(shared: Path, suite: str) -> None:
    failed = []
    checked = cases(shared, suite)
    for case in checked:
        if isinstance(case["expected"], dict):
            with pytest.raises(PromptError):  # the reference crashes there
                parse(case["input"])
            continue
        got = parse(case["input"]).weighted()
        if not agrees(got, case["expected"], case.get("tol", 1e-9)):
            failed.append((case["input"], got, case["expected"]))
    assert not failed
    assert len(checked) >= SUITES[suite] - len(NOT_EMPHASIS)


def test_the_documented_examples_are_exact_to_the_last_bit(shared: Path) -> None:
    for case in cases(shared, "a1111_parse_prompt_attention_doctest"):
        assert [list(pair) for pair in parse(case["input"]).weighted()] == case["expected"]
