"""Weights into embeddings: recorded cases of A1111 and ComfyUI under a toy encoder, and laws."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from negprompt.encoding.weighting import SCHEMES, a1111, comfy

Chunk = list[tuple[int, float, int]]


def toy_encoder(ids: list[int]) -> Tensor:
    """The encoder that the recordings define: ``[t, 4]`` in float64."""
    e = [
        [math.sin(0.7 * (c + 1) + 0.013 * (i % 997) * (c + 1)) + 0.25 for c in range(4)]
        for i in ids
    ]
    z = []
    for t in range(len(ids)):
        means = [sum(row[c] for row in e[: t + 1]) / (t + 1) for c in range(4)]
        z.append([e[t][c] + 0.5 * means[c] + 0.1 * math.cos(0.3 * t * (c + 1)) for c in range(4)])
    return torch.tensor(z, dtype=torch.float64)


def weigh(chunks: list[Chunk], scheme: str, pad: int) -> Tensor:
    rows = []
    for chunk in chunks:
        z = toy_encoder([token for token, _, _ in chunk])
        w = torch.tensor([weight for _, weight, _ in chunk], dtype=torch.float64)[:, None]
        z0 = toy_encoder([49406, 49407] + [pad] * (len(chunk) - 2))
        rows.append(SCHEMES[scheme](z, w, z0))
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
        made = weigh(case["input"]["chunks"], "a1111", case["args"]["pad"])
        wanted = torch.tensor(case["expected"]["embedding"], dtype=torch.float64)
        assert torch.allclose(made, wanted, rtol=0, atol=2e-6), case["name"]


def test_comfyuis_recordings(shared: Path) -> None:
    recorded = [c for c in cases(shared, "recorded_embed_comfyui.json") if "chunks" in c["input"]]
    assert len(recorded) >= 20
    for case in recorded:
        made = weigh(case["input"]["chunks"], "comfy", case["args"]["pad"])
        wanted = torch.tensor(case["expected"]["embedding"], dtype=torch.float64)
        assert torch.allclose(made, wanted, rtol=0, atol=2e-6), case["name"]


@pytest.mark.parametrize("scheme", SCHEMES)
@given(seed=st.integers(0, 1000))
def test_weights_of_one_change_nothing(scheme: str, seed: int) -> None:
    z, z0 = torch.randn(2, 7, 4, generator=torch.Generator().manual_seed(seed))
    assert torch.allclose(SCHEMES[scheme](z, torch.ones(7, 1), z0), z, atol=1e-6)


@given(st.floats(0.1, 3), st.integers(0, 1000))
def test_a1111_restores_the_mean(weight: float, seed: int) -> None:
    z = torch.randn(7, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 2
    w = torch.ones(7, 1, dtype=torch.float64)
    w[3] = weight
    assert a1111(z, w, z).mean() == pytest.approx(float(z.mean()))


def test_a1111_without_a_mean_to_restore() -> None:
    z = torch.tensor([[1.0], [1.0]])
    assert a1111(z, torch.tensor([[1.0], [-1.0]]), z).tolist() == [[1.0], [-1.0]]


def test_comfys_weight_of_zero_is_the_empty_prompt() -> None:
    z, z0 = torch.randn(2, 7, 4)
    assert torch.equal(comfy(z, torch.zeros(7, 1), z0), z0)
