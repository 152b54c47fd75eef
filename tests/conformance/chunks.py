"""Adapters for the suites of chunking and of textual inversions."""

from collections.abc import Sequence
from itertools import chain, pairwise
from typing import Any, Final

import torch
from tests.conformance import toy
from tests.conformance.suites import Case, Deviation, Refused, Suite, near
from tests.encoding.full_clip import full_clip

from negprompt.encoding import chunking, inversion
from negprompt.encoding.names import Names, by_tokens
from negprompt.encoding.tokens import Chunk, Limits, tokenize
from negprompt.encoding.types import TokenWeight
from negprompt.errors import Span
from negprompt.language import parse, remarks

_LENGTH: Final = 77
_COMMA: Final = 267


class _Recorded:
    """A tokenizer that knows the texts of one case, whose ids the case gives."""

    bos_token_id = toy.BOS
    eos_token_id = toy.EOS
    pad_token_id = toy.EOS
    model_max_length = _LENGTH

    def __init__(self, segments: Sequence[Any]) -> None:
        self.ids = dict(segments)

    def __call__(self, text: str, **settings: Any) -> dict[str, Any]:
        """Token ids; where they stand in the text is not recorded."""
        ids = self.ids[text]
        return {"input_ids": ids, "offset_mapping": [(0, 0)] * len(ids)}

    def convert_tokens_to_ids(self, tokens: str) -> Any:
        """No token has a spelling."""
        return None


def _a1111(case: Case) -> Any:
    known = case["args"]["embeddings"]
    sizes = {name: count for name, count, _ in known}
    bare = by_tokens({name: ids for name, _, ids in known})
    names = Names(tuple(sizes), lambda name: range(sizes[name]), bare)
    tokens = list(tokenize(parse(case["input"]), _Recorded(case["segments"]), names))
    backtrack = case["args"]["comma_padding_backtrack"]
    chunks = chunking.a1111(tokens, comma=_COMMA, backtrack=backtrack)
    bounds = toy.limits(_LENGTH)
    ends_in_break = bool(tokens) and tokens[-1] is None
    last = bounds.room if ends_in_break else len(chunks[-1].tokens)
    return {
        "token_count": (len(chunks) - 1) * bounds.room + last,
        "chunks": [
            {
                "tokens": chunk.ids(bounds),
                "multipliers": chunk.weights(bounds),
                "embeddings": [
                    [place, token.vector.file]
                    for place, token in enumerate(chunk.tokens)
                    if token.vector is not None and token.vector.index == 0
                ],
            }
            for chunk in chunks
        ],
    }


def _break_in_group(case: Case, answer: Any) -> bool:
    """BREAK in brackets: A1111 gives the model the word "break", and all other tokens agree."""
    if isinstance(answer, Refused) or not any(
        notice.code == "break-in-group" for notice in remarks(parse(case["input"]))
    ):
        return False
    word = dict(case["segments"]).get("BREAK", ())
    said = [
        [
            (number, weight)
            for chunk in both["chunks"]
            for number, weight in zip(chunk["tokens"], chunk["multipliers"], strict=True)
            if number not in (toy.BOS, toy.EOS) and not (number in word and weight < 0)
        ]
        for both in (answer, case["expected"])
    ]
    return near(said[0], said[1], within=1e-9)


def _left_behind(case: Case, answer: Any) -> bool:
    """A1111 moves the places of an inversion behind a comma, and leaves its vectors where it was.

    All tokens and weights agree; a recorded inversion stands where no place is kept for it.
    """
    if isinstance(answer, Refused):
        return False
    expected = case["expected"]
    both = [
        [[chunk[key] for chunk in said["chunks"]] for key in ("tokens", "multipliers")]
        for said in (answer, expected)
    ]
    names = [
        [name for chunk in said["chunks"] for _, name in chunk["embeddings"]]
        for said in (answer, expected)
    ]
    lost = any(
        chunk["tokens"][place + 1] != 0
        for chunk in expected["chunks"]
        for place, _ in chunk["embeddings"]
    )
    same_count = answer["token_count"] == expected["token_count"]
    return lost and same_count and names[0] == names[1] and near(both[0], both[1], within=1e-9)


def _comfy(case: Case) -> Any:
    files = case["args"]["embedding_files"]
    names = Names(tuple(files), lambda file: range(files[file]))
    bounds = toy.limits(_LENGTH, case["args"]["pad"])
    tokens = tokenize(parse(case["input"], "comfy"), full_clip(), names)
    return {
        "chunks": [
            {
                "tokens": _marked(chunk, bounds),
                "weights": chunk.weights(bounds),
                "segment_ids": chunk.words(bounds),
            }
            for chunk in chunking.comfy(tokens)
        ]
    }


def _inversion_split(case: Case, answer: Any) -> bool:
    """ComfyUI cuts an inversion of eight vectors or more; all text and weights agree in order."""
    if isinstance(answer, Refused):
        return False
    ours, theirs = (
        [
            [
                row
                for row in zip(chunk["tokens"], chunk["weights"], chunk["segment_ids"], strict=True)
                if row[2]
            ]
            for chunk in said["chunks"]
        ]
        for said in (answer, case["expected"])
    )
    cut = any(
        before and after and before[-1][0] == "E" and before[-1][2] == after[0][2]
        for before, after in pairwise(theirs)
    )
    return cut and near([*chain(*ours)], [*chain(*theirs)], within=1e-9)


def _marked(chunk: Chunk, bounds: Limits) -> list[Any]:
    """The ids of a chunk, "E" in the place of each vector."""
    vectors = {place for place, token in enumerate(chunk.tokens, 1) if token.vector is not None}
    return ["E" if i in vectors else number for i, number in enumerate(chunk.ids(bounds))]


def _compel(case: Case) -> Any:
    clip, bounds = full_clip(), toy.limits(_LENGTH)
    tokens = [
        TokenWeight(number, "", weight, Span(0, 0), chunk=0, word=word)
        for word, (text, weight) in enumerate(case["input"]["fragments"], 1)
        for number in clip(text, add_special_tokens=False, verbose=False)["input_ids"]
    ]
    if case["args"]["truncate"]:
        chunks = chunking.groups(tokens)[:1]
    else:
        mode = case["args"]["split_mode"].lower()
        chunks = chunking.compel(tokens, clip.convert_ids_to_tokens, mode=mode)
    return {
        "tokens": [number for chunk in chunks for number in chunk.ids(bounds)],
        "weights": [weight for chunk in chunks for weight in chunk.weights(bounds)],
    }


def _inversions(case: Case) -> Any:
    asked = case["input"]
    if "state_dict" in asked:
        loaded = [inversion.of_state(_filled(asked["state_dict"]))]
    elif "tensors" in asked:
        pairs = zip(asked["tensors"], asked["tokens"], strict=True)
        loaded = [inversion.of_state(_filled(tensor), token) for tensor, token in pairs]
    else:
        loaded = [inversion.of_state(_filled(asked["tensor"]), asked["token"])]
    answer: dict[str, Any] = {"tokens": [token for one in loaded for token in one.tokens]}
    if "sums" in case["expected"]:
        answer["sums"] = [float(row.sum()) for one in loaded for row in one.vectors[0]]
    if "prompt" in asked:
        answer["prompt"] = inversion.expanded(asked["prompt"], loaded)
    return answer


def _filled(value: Any) -> Any:
    """A recorded state with its tensors: a ``shape`` with one ``fill``, or one number a row."""
    if not isinstance(value, dict):
        return value
    if "shape" not in value:
        return {key: _filled(inner) for key, inner in value.items()}
    if "fill" in value:
        return torch.full(value["shape"], float(value["fill"]))
    rows = torch.tensor(value["rows"], dtype=torch.float32)
    return rows[:, None].expand(value["shape"]).clone()


CHUNKS: Final[dict[str, Suite]] = {
    "diffusers_textual_inversion_tests": Suite(_inversions),
    "recorded_chunking_a1111": Suite(
        _a1111,
        deviations=(
            Deviation("break-in-group", _break_in_group),
            Deviation("inversion-left-behind", _left_behind),
        ),
    ),
    "recorded_chunking_comfyui": Suite(
        _comfy, deviations=(Deviation("inversion-split", _inversion_split),)
    ),
    "recorded_chunking_compel": Suite(_compel),
}
