"""Infotext: what A1111 reads, and nothing lost of what was typed."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negprompt.metadata import RAW_NEGATIVE, Parameters, read, write
from negprompt.metadata.infotext import quote, unquote

FIELDS: dict[str, str | int | float] = {
    "Steps": 25,
    "Sampler": "ddim",
    "CFG scale": 4.0,
    "Seed": 7,
    "Size": "128x128",
}


def test_written_as_a1111_does() -> None:
    raw = 'blurry, "bad"\nhands'
    made = Parameters(
        "a cat,\nin snow", "low quality, blurry", {RAW_NEGATIVE: raw, "Model": "pocket", **FIELDS}
    )
    assert write(made) == (
        "a cat,\nin snow\n"
        "Negative prompt: low quality, blurry\n"
        "Steps: 25, Sampler: ddim, CFG scale: 4.0, Seed: 7, Size: 128x128, Model: pocket, "
        'Raw negative prompt: "blurry, \\"bad\\"\\nhands"'
    )
    again = read(write(made))
    assert (again.positive, again.negative) == (made.positive, made.negative)
    assert again.fields[RAW_NEGATIVE] == raw
    assert again.fields["Size"] == "128x128"


def test_no_negative_no_line_and_an_empty_raw_one_is_quoted() -> None:
    text = write(Parameters("a", "", {**FIELDS, RAW_NEGATIVE: ""}))
    assert "\nNegative prompt:" not in text
    assert text.endswith('Raw negative prompt: ""')
    assert read(text).fields[RAW_NEGATIVE] == ""


def test_prompts_only() -> None:
    assert write(Parameters("a", "b")) == "a\nNegative prompt: b"
    assert read("a\nNegative prompt: b") == Parameters("a", "b")
    assert read("") == Parameters("")


def test_fewer_than_three_fields_are_prompt() -> None:
    assert read("a\nSteps: 20, Sampler: Euler") == Parameters("a\nSteps: 20, Sampler: Euler")


def test_a_name_that_would_not_read_back_is_refused() -> None:
    with pytest.raises(ValueError, match="a, b"):
        write(Parameters("a", "", {"a, b": 1}))


stripped = st.text(
    alphabet=st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Zs"]), max_size=30
).filter(lambda text: not text.startswith("Negative prompt:"))
names = st.text(alphabet="abcXYZ09_ /-", min_size=2, max_size=12).filter(
    lambda name: name[0] not in " -/" and name[-1] != " "
)


@given(stripped, stripped, st.dictionaries(names, st.text(max_size=30), min_size=3, max_size=6))
def test_what_is_written_reads_back(positive: str, negative: str, fields: dict[str, str]) -> None:
    made = Parameters(positive, negative, fields)
    again = read(write(made))
    assert again.positive == positive
    assert again.negative == negative
    assert again.fields == fields


@given(st.text(), st.text(), st.text())
def test_the_raw_negative_survives_any_neighbours(positive: str, negative: str, raw: str) -> None:
    made = Parameters(positive, negative, {**FIELDS, RAW_NEGATIVE: raw})
    again = read(write(made)).fields
    assert again[RAW_NEGATIVE] == raw
    assert again["Seed"] == "7"


@given(st.text() | st.text(alphabet='ab:, "\\\n', max_size=60))
def test_any_text_is_an_infotext(text: str) -> None:
    read(text)


def test_a_megabyte_is_read_in_linear_time() -> None:
    for piece in ("a", "ab: ", ":", "ab:", 'ab: "', 'ab: "\\",', " ", "- ", "aa: 1, "):
        read(piece * (1_000_000 // len(piece)))


def test_quoting_as_recorded(shared: Path) -> None:
    recorded = (shared / "conformance" / "recorded_a1111_infotext_quote.json").read_text("utf-8")
    for case in json.loads(recorded)["cases"]:
        operation = {"quote": quote, "unquote": unquote}[case["op"]]
        assert operation(case["input"]) == case["expected"]
