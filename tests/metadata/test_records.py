"""Texts of image files: what other tools wrote is read, and nothing that anybody writes crashes."""

import gzip
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from negprompt.metadata import RAW_NEGATIVE, Parameters, read_chunks, write
from negprompt.metadata import read as strict
from negprompt.metadata.exif import comment, labelled
from negprompt.metadata.loose import read as loose
from negprompt.metadata.stealth import ALPHA, COLOURS, hidden

SAMPLER = {"sampler_name": "euler", "steps": 20, "cfg": 7.0, "seed": 3, "model": ["4", 0]}
LOADER = {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "m.safetensors"}}


def text(words: str) -> dict[str, Any]:
    return {"class_type": "CLIPTextEncode", "inputs": {"text": words, "clip": ["4", 1]}}


def graph(**nodes: Any) -> dict[str, str]:
    named = {name.removeprefix("n"): node for name, node in nodes.items()}
    return {"prompt": json.dumps({"4": LOADER, **named})}


def sampled(**inputs: Any) -> dict[str, Any]:
    return {"class_type": "KSampler", "inputs": SAMPLER | inputs}


def test_a_graph_is_followed_from_its_sampler() -> None:
    through = {"class_type": "ControlNetApplyAdvanced", "inputs": {
        "positive": ["6", 0], "negative": ["7", 0], "image": ["9", 0]}}  # fmt: skip
    found = read_chunks(graph(
        n3=sampled(positive=["8", 0], negative=["8", 1]), n6=text("a cat"), n7=text("scarf"),
        n8=through, n9={"class_type": "LoadImage", "inputs": {"image": "pose.png"}},
    ))  # fmt: skip
    assert found is not None
    (sampling,) = found.samplings
    assert (sampling.positives, sampling.negatives) == (("a cat",), ("scarf",))
    assert (sampling.sampler, sampling.model) == ("euler", "m.safetensors")
    assert sampling.settings["cfg_scale"] == 7.0
    assert found.dialect == "comfy"


def test_a_newer_sampler_takes_its_parts_from_other_nodes() -> None:
    found = read_chunks(graph(
        n1={"class_type": "SamplerCustomAdvanced", "inputs": {
            "guider": ["2", 0], "sampler": ["3", 0], "sigmas": ["5", 0], "noise": ["6", 0]}},
        n2={"class_type": "CFGGuider", "inputs": {
            "model": ["4", 0], "positive": ["7", 0], "negative": ["8", 0], "cfg": 3.5}},
        n3={"class_type": "KSamplerSelect", "inputs": {"sampler_name": "heun"}},
        n5={"class_type": "BasicScheduler", "inputs": {"steps": 12, "scheduler": "simple"}},
        n6={"class_type": "RandomNoise", "inputs": {"noise_seed": 9}},
        n7=text("a boat"), n8=text("logo"),
    ))  # fmt: skip
    assert found is not None
    (sampling,) = found.samplings
    assert (sampling.positives, sampling.negatives) == (("a boat",), ("logo",))
    assert (sampling.sampler, sampling.settings["steps"], sampling.settings["seed"]) == (
        "heun", 12, 9,
    )  # fmt: skip


def test_a_zeroed_conditioning_is_no_negative() -> None:
    zero = {"class_type": "ConditioningZeroOut", "inputs": {"conditioning": ["6", 0]}}
    found = read_chunks(
        graph(n3=sampled(positive=["6", 0], negative=["7", 0]), n6=text("a"), n7=zero)
    )
    assert found is not None
    assert found.negative == ""


def test_a_circle_ends() -> None:
    round_ = {"class_type": "ConditioningCombine", "inputs": {"a": ["6", 0], "b": ["7", 0]}}
    found = read_chunks(
        graph(n3=sampled(positive=["6", 0], negative=["6", 0]), n6=round_, n7=round_)
    )
    assert found is not None
    assert found.positive == ""


def test_text_of_a_value_node_is_found() -> None:
    linked = {"class_type": "CLIPTextEncode", "inputs": {"text": ["9", 0], "clip": ["4", 1]}}
    value = {"class_type": "PrimitiveString", "inputs": {"value": "a house"}}
    found = read_chunks(
        graph(n3=sampled(positive=["6", 0], negative=["6", 0]), n6=linked, n9=value)
    )
    assert found is not None
    assert found.positive == "a house"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=12,
)
names = st.sampled_from(
    ["parameters", "prompt", "workflow", "invokeai_metadata", "sd-metadata", "Dream", "Comment"]
)
keys = st.sampled_from(
    ["inputs", "class_type", "image", "prompt", "model", "uc", "base_model", "1"]
)


@given(st.dictionaries(names, st.dictionaries(keys, json_values, max_size=4).map(json.dumps)))
def test_no_object_crashes_a_reader(chunks: dict[str, str]) -> None:
    read_chunks(chunks)


@given(
    st.dictionaries(names, st.text(alphabet='ab:,. "\\\n{}[]Steps1Negative prompt', max_size=60))
)
def test_no_text_crashes_a_reader(chunks: dict[str, str]) -> None:
    read_chunks(chunks)


@given(st.text(max_size=40), st.sampled_from(["utf-16-be", "utf-16-le", "utf-16"]))
def test_a_user_comment_of_latin_letters_is_read_in_either_order(words: str, code: str) -> None:
    words = "Steps: 4, " + words.encode("ascii", "ignore").decode().replace("\0", "")
    assert comment(b"UNICODE\0" + words.encode(code)) == words


def test_other_codes_of_a_user_comment() -> None:
    assert comment(b"ASCII\0\0\0a cat") == "a cat"
    assert comment(b"\0" * 8 + "chät".encode()) == "chät"
    assert comment(b"{}") == "{}"
    assert labelled(["Prompt:{}", "other: x", "workflow:{1}"]) == {
        "prompt": "{}",
        "workflow": "{1}",
    }


def bits(data: bytes) -> bytes:
    return bytes(byte >> place & 1 for byte in data for place in range(7, -1, -1))


@given(st.text(max_size=50), st.booleans())
def test_hidden_text_is_found(words: str, packed: bool) -> None:
    words = words.encode("utf-8", "ignore").decode()
    data = gzip.compress(words.encode()) if packed else words.encode()
    whole = ALPHA[packed].encode() + (8 * len(data)).to_bytes(4, "big") + data
    values = bytes(254 | bit for bit in bits(whole)) + b"\xff" * 50
    assert hidden(values, ALPHA) == words
    assert hidden(values, COLOURS) is None


def test_a_hidden_length_is_not_believed() -> None:
    whole = ALPHA[0].encode() + (2**32 - 1).to_bytes(4, "big")
    assert hidden(bits(whole) + b"\1" * 100, ALPHA) is None


fields = st.dictionaries(
    st.sampled_from(["Sampler", "Seed", "Model", RAW_NEGATIVE, "X/Y"]),
    st.text(max_size=30),
    min_size=3,
)
lines = st.text(alphabet="abc ,.:(1.2)", max_size=30).map(str.strip)


@given(lines, lines, fields)
@settings(max_examples=200)
def test_both_readers_agree_on_what_we_write(
    positive: str, negative: str, more: dict[str, str]
) -> None:
    written = write(Parameters(positive, negative, {"Steps": 20, **more}))
    assert loose(written) == strict(written)


def test_a_raw_negative_that_looks_like_fields_stays_one() -> None:
    raw = "a.Steps: 20, b\nSteps: 5, Negative prompt: c"
    written = write(Parameters("a cat", "b", {"Steps": 9, "Seed": 1, RAW_NEGATIVE: raw}))
    found = read_chunks({"parameters": written})
    assert found is not None
    assert found.typed_negative == raw
    assert found.tool == "negprompt"


@pytest.mark.parametrize(
    "piece", ["a", "Steps: 1, ", ".Steps: 1,", "x: {", "[", ".Negative prompt:"]
)
def test_a_megabyte_of_loose_infotext_is_linear(piece: str) -> None:
    loose(piece * (300_000 // len(piece)))
