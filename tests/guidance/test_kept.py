"""Keys and values of the text are computed once a run, and are bit for bit what they were."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from tests.test_engine_flow import make
from tests.tiny_models import tiny_flux, tiny_sd, tiny_sd2, tiny_sd3, tiny_sdxl

from negprompt.guidance import kept

PIPES: dict[str, Callable[[], Any]] = {"sd1": tiny_sd, "sd2": tiny_sd2, "sdxl": tiny_sdxl}
each_family = pytest.mark.parametrize("family", PIPES)
THREE: dict[str, Any] = {"negative": ("blurry", "(dog:1.3), boat"), "negative_weights": (1.0, 2.0)}


def counted(pipe: Any) -> dict[str, list[int]]:
    """Rows of every text for which a key or a value is computed, by the layer's name."""
    found: dict[str, list[int]] = {}
    for name, layer in pipe.unet.named_modules():
        if name.endswith(("attn2.to_k", "attn2.to_v")):
            rows, own = found.setdefault(name, []), layer.forward

            def counting(text: Any, rows: list[int] = rows, own: Any = own) -> Any:
                rows.append(text.shape[0])
                return own(text)

            layer.forward = counting
    return found


@each_family
def test_they_are_computed_once_and_are_the_same(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = PIPES[family]()
    rows = counted(pipe)
    made, _ = make(pipe, steps=4, **THREE)
    assert [*rows.values()] == [[6]] * 8
    with monkeypatch.context() as patch:
        patch.setattr(kept, "keys_and_values_kept", lambda _module: nullcontext())
        again, _ = make(pipe, steps=4, **THREE)
    assert [*rows.values()] == [[6] * 5] * 8
    assert torch.equal(made, again)


def test_another_text_or_batch_is_computed_anew() -> None:
    pipe = tiny_sd()
    rows = counted(pipe)
    make(pipe, prompt="a [cat:dog:0.5]", steps=4, negative=("blurry",))
    assert [*rows.values()] == [[4, 4]] * 8
    make(pipe, steps=2, count=9)
    assert [*rows.values()] == [[4, 4, 16, 2]] * 8


@each_family
def test_nothing_is_left_on_the_layers(family: str) -> None:
    pipe = PIPES[family]()
    make(pipe, negative=("blurry",))
    assert not any("forward" in part.__dict__ for part in pipe.unet.modules())


@pytest.mark.parametrize("build", [tiny_sd3, tiny_flux])
def test_a_text_that_every_block_changes_is_let_be(build: Callable[[], Any]) -> None:
    transformer = build().transformer
    with kept.keys_and_values_kept(transformer):
        assert not any("forward" in part.__dict__ for part in transformer.modules())


def test_a_compiled_denoiser_is_let_be() -> None:
    unet = tiny_sd().unet
    unet.mid_block.compile()
    with kept.keys_and_values_kept(unet):
        assert not any("forward" in part.__dict__ for part in unet.modules())
