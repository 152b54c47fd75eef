"""Weights into embeddings: recorded cases of A1111 and ComfyUI under a toy encoder, and laws.

All recorded suites run in tests/conformance.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from negprompt.encoding.chunking import groups
from negprompt.encoding.reading import Reading
from negprompt.encoding.tokens import Chunk, Limits
from negprompt.encoding.types import TokenWeight
from negprompt.encoding.weighting import SCHEMES, a1111, comfy, fooocus, weigh
from negprompt.errors import Span

Rows = list[tuple[int, float, int]]
Formula = Callable[[Tensor, Tensor, Tensor], Tensor]

PLUS = 266


def toy_encoder(ids: list[int], hidden: frozenset[int] = frozenset()) -> Tensor:
    """The encoder that the recordings define: ``[t, 4]`` in float64."""
    c = torch.arange(1, 5, dtype=torch.float64)
    number = torch.tensor([i % 997 for i in ids], dtype=torch.float64)[:, None]
    e = torch.sin(0.7 * c + 0.013 * number * c) + 0.25  # [t, 4]
    seen = torch.tensor([float(place not in hidden) for place in range(len(ids))])[:, None]
    mean = (e * seen).cumsum(0) / seen.cumsum(0).clamp(min=1)
    t = torch.arange(len(ids), dtype=torch.float64)[:, None]
    return e + 0.5 * mean + 0.1 * torch.cos(0.3 * t * c)


def by_formula(chunks: list[Rows], formula: Formula, pad: int) -> Tensor:
    rows = []
    for chunk in chunks:
        z = toy_encoder([token for token, _, _ in chunk])
        w = torch.tensor([weight for _, weight, _ in chunk], dtype=torch.float64)[:, None]
        z0 = toy_encoder([49406, 49407] + [pad] * (len(chunk) - 2))
        rows.append(formula(z, w, z0))
    return torch.cat(rows)


def cases(shared: Path, name: str) -> list[dict[str, Any]]:
    path = shared / "conformance" / name
    every: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["cases"]
    return every


def test_a1111s_recordings(shared: Path) -> None:
    # A1111 takes the mean over all prompts of a batch; here each stands alone, so the recorded
    # batches are left out.
    recorded = [
        case
        for case in cases(shared, "recorded_embed_a1111.json")
        if case["args"]["emphasis"] == "Original" and "chunks" in case["input"]
    ]
    assert len(recorded) >= 10
    for case in recorded:
        made = by_formula(case["input"]["chunks"], a1111, case["args"]["pad"])
        wanted = torch.tensor(case["expected"]["embedding"], dtype=torch.float64)
        assert torch.allclose(made, wanted, rtol=0, atol=2e-6), case["name"]


def test_comfyuis_recordings(shared: Path) -> None:
    recorded = [c for c in cases(shared, "recorded_embed_comfyui.json") if "chunks" in c["input"]]
    assert len(recorded) >= 20
    for case in recorded:
        made = by_formula(case["input"]["chunks"], comfy, case["args"]["pad"])
        wanted = torch.tensor(case["expected"]["embedding"], dtype=torch.float64)
        assert torch.allclose(made, wanted, rtol=0, atol=2e-6), case["name"]


def reading(*words: tuple[str, float], room: int = 10) -> Reading:
    """Words of ids, such as ``("320 7", 0.5)``, before the toy encoder."""
    limits = Limits(bos=49406, eos=49407, pad=49407, comma=267, room=room, plus=PLUS)
    tokens = tuple(
        TokenWeight(int(number), number, weight, Span(0, 0), 0, word)
        for word, (text, weight) in enumerate(words, 1)
        for number in text.split()
    )

    def cut(stream: Any) -> list[Chunk]:
        return groups(stream, room=room)

    def states(chunk: Chunk, hidden: frozenset[int]) -> Tensor:
        return toy_encoder(chunk.ids(limits), hidden)

    return Reading(tokens, cut(tokens), cut, limits, states, states(Chunk(), frozenset()))


def made(scheme: str, *words: tuple[str, float], room: int = 10) -> Tensor:
    return torch.cat(weigh(reading(*words, room=room), scheme))


def plain(*texts: str, hidden: tuple[int, ...] = (), room: int = 10) -> Tensor:
    r = reading(*((text, 1.0) for text in texts), room=room)
    return torch.cat([r.states(chunk, frozenset(hidden)) for chunk in r.chunks])


def close(one: Tensor, other: Tensor, tolerance: float = 1e-9) -> bool:
    return torch.allclose(one, other, rtol=0, atol=tolerance)


texts = st.lists(st.integers(1, 900).map(str), min_size=1, max_size=9).map(" ".join)


@pytest.mark.parametrize("scheme", SCHEMES)
@settings(max_examples=20)
@given(text=texts, more=texts)
def test_weights_of_one_change_nothing(scheme: str, text: str, more: str) -> None:
    assert torch.equal(made(scheme, (text, 1.0), (more, 1.0), room=4), plain(text, more, room=4))


@pytest.mark.parametrize("scheme", SCHEMES)
@settings(max_examples=20)
@given(weight=st.floats(0.1, 2))
def test_a_scheme_returns_every_position_in_finite_numbers(scheme: str, weight: float) -> None:
    weighed = made(scheme, ("1 2 3 4 5", 1.0), ("6 7", weight), room=4)
    assert weighed.shape == (12, 4)
    assert weighed.isfinite().all()


@given(st.floats(0.1, 3), st.integers(0, 1000))
def test_a1111_restores_the_mean(weight: float, seed: int) -> None:
    z = torch.randn(7, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 2
    w = torch.ones(7, 1, dtype=torch.float64)
    w[3] = weight
    assert a1111(z, w, z).mean() == pytest.approx(float(z.mean()))
    assert fooocus(z, w, z - 1).mean() == pytest.approx(float(z.mean()))


@pytest.mark.parametrize("formula", [a1111, fooocus])
def test_without_a_mean_to_restore_none_is(formula: Formula) -> None:
    z = torch.tensor([[1.0], [1.0]])
    assert formula(z, torch.tensor([[1.0], [-1.0]]), 0 * z).tolist() == [[1.0], [-1.0]]


def test_comfys_weight_of_zero_is_the_empty_prompt() -> None:
    z, z0 = torch.randn(2, 7, 4)
    assert torch.equal(comfy(z, torch.zeros(7, 1), z0), z0)


def test_weights_can_be_ignored_or_left_without_norm() -> None:
    words = (("5 6", 1.0), ("7", 1.5))
    w = torch.ones(12, 1, dtype=torch.float64)
    w[3] = 1.5
    assert torch.equal(made("ignore", *words), plain("5 6", "7"))
    assert torch.equal(made("a1111-no-norm", *words), plain("5 6", "7") * w)


def test_lpw_takes_one_mean_over_all_chunks() -> None:
    assert close(made("lpw", ("5", 1.0), ("7", 1.5)), made("a1111", ("5", 1.0), ("7", 1.5)))
    words = (("1 2 3 4", 1.0), ("7 8", 1.5))
    long = made("lpw", *words, room=4)
    assert long.mean() == pytest.approx(float(plain("1 2 3 4", "7 8", room=4).mean()))
    assert not close(long, made("a1111", *words, room=4))


@pytest.mark.parametrize("scheme", ["comfy++", "compel-adv", "down-weight"])
def test_a_weak_word_fades_into_the_prompt_without_it(scheme: str) -> None:
    faded = made(scheme, ("5 6", 1.0), ("7 8", 0.3), ("9", 1.0))
    without = plain("5 6", f"{PLUS} {PLUS}", "9")
    assert close(faded, 0.3 * plain("5 6", "7 8", "9") + 0.7 * without)


def test_weaker_words_fade_first() -> None:
    faded = made("comfy++", ("5", 1.0), ("7", 0.2), ("9", 0.5))
    one, both = plain("5", str(PLUS), "9"), plain("5", str(PLUS), str(PLUS))
    assert close(faded, 0.2 * plain("5", "7", "9") + 0.3 * one + 0.5 * both)


def test_a_strong_word_grows_by_what_it_changes() -> None:
    z, less = plain("5", "7"), plain("5", str(PLUS))
    wanted = z.clone()
    wanted[2] += 0.5 * (z - less)[2]
    assert close(made("comfy++", ("5", 1.0), ("7", 1.5)), wanted)
    lerped = made("comfy", ("5", 1.0), ("7", 1.5))
    assert close(made("compel-adv", ("5", 1.0), ("7", 1.5)), lerped)


@given(st.floats(1, 50), st.floats(0.01, 1))
def test_down_weight_knows_ratios_only(scale: float, weight: float) -> None:
    one = made("down-weight", ("5", 1.0), ("7", weight))
    assert close(made("down-weight", ("5", scale), ("7", scale * weight)), one, 1e-6)


def test_compel_blends_with_the_prompt_that_hides_the_word() -> None:
    r = reading(("5", 1.0), ("7", 0.5))
    w = r.w(r.chunks[0])
    whole = comfy(plain("5", "7"), w, r.z0)
    less = comfy(plain("5", "7", hidden=(2,)), w, r.z0)
    assert close(made("compel", ("5", 1.0), ("7", 0.5)), (whole + less) / 2)


def test_compels_weight_of_zero_is_the_prompt_without_the_word() -> None:
    gone = made("compel-remove", ("5", 1.0), ("7", 0.0), ("9", 1.0))
    assert close(gone, plain("5", "9"), 1e-4)
    r = reading(("5", 1.0), ("7", 0.0))
    assert close(
        made("compel", ("5", 1.0), ("7", 0.0)),
        comfy(plain("5", "7", hidden=(2,)), r.w(r.chunks[0]), r.z0),
        1e-4,
    )


def test_compel_goes_on_where_a_chunk_goes_away_with_the_word() -> None:
    gone = made("compel-remove", ("1 2 3 4", 1.0), ("7", 0.0), room=4)
    empty = plain("", room=4)
    assert close(gone, torch.cat([plain("1 2 3 4", room=4), empty]), 1e-4)
