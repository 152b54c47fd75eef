"""Nothing is encoded twice: prompts, negatives and policies are remembered by their content."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig
from tests.policy.house import house
from tests.tiny_models import tiny_flux, tiny_sd, tiny_sd3, tiny_sdxl

import negprompt
from negprompt.encoding import encoders
from negprompt.engine import Request, run
from negprompt.language import parse
from negprompt.models.families import family_of
from negprompt.models.load import Model

LAST = {tiny_sd: "text_encoder", tiny_sdxl: "text_encoder_2", tiny_sd3: "text_encoder_3"}
each_family = pytest.mark.parametrize("make", [*LAST, tiny_flux])


@contextmanager
def readings(pipe: Any, part: str) -> Iterator[list[Any]]:
    """What an encoder reads."""
    read: list[Any] = []
    handle = getattr(pipe, part).register_forward_hook(lambda *call: read.append(call[1]))
    try:
        yield read
    finally:
        handle.remove()


def tiny(make: Any) -> tuple[Model, str]:
    pipe = make()
    return Model(pipe, "tiny", family_of(pipe)), LAST.get(make, "text_encoder_2")


@each_family
def test_a_second_run_reads_what_is_new_and_nothing_else(make: Any) -> None:
    model, part = tiny(make)
    asked: dict[str, Any] = {"steps": 2, "cfg": 3.0, "policies": (house("always", "watermark"),)}
    with readings(model.pipe, part) as read:
        first = run(Request(prompt="a cat", negative=("blurry",), **asked), model=model)
        assert len(read) == 4  # nothing, the prompt, the negative, the policy
        again = run(Request(prompt="a cat", negative=("blurry",), **asked), model=model)
        assert len(read) == 4
        run(Request(prompt="a dog", negative=("blurry",), **asked), model=model)
        assert len(read) == 5
    assert first.images[0].tobytes() == again.images[0].tobytes()


@each_family
def test_steering_reads_a_negative_once(make: Any) -> None:
    model, part = tiny(make)
    steered = negprompt.steer(model.pipe, negative="blurry", scale=3.0)
    with readings(model.pipe, part) as read, steered:
        assert len(read) == 2  # nothing, and the negative
        for steps in (2, 3):
            before = len(read)
            model.pipe("a cat", num_inference_steps=steps, height=32, width=32)
            theirs = 1 if make in (tiny_flux, tiny_sdxl) else 2
            assert len(read) - before == theirs  # its own prompt, its own negative


def test_what_is_scheduled_is_read_once_a_stage() -> None:
    model, part = tiny(tiny_sd)
    with readings(model.pipe, part) as read, negprompt.steer(model.pipe, "[blurry:dog:0.5]"):
        assert len(read) == 3


def test_the_oldest_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders, "MEMORY", 2)
    model, part = tiny(tiny_sd)
    with readings(model.pipe, part) as read:
        for text in ("cat", "dog", "cat", "boat", "cat"):
            model.encoders.encode(parse(text))
        assert len(read) == 1 + 3
        model.encoders.encode(parse("dog"))
        assert len(read) == 1 + 4


def test_other_ways_of_reading_are_other_readings() -> None:
    model, _ = tiny(tiny_sd)
    ways: list[dict[str, Any]] = [{}, {"clip_skip": 2}, {"scheme": "comfy"}]
    asked: dict[str, Any] = {"prompt": "a (cat:1.5)", "steps": 1}
    made = [run(Request(**asked, **way), model=model).images[0].tobytes() for way in ways]
    again = [run(Request(**asked, **way), model=model).images[0].tobytes() for way in ways]
    assert made == again
    assert len(set(made)) == 3


def test_nothing_is_remembered_while_a_lora_is_worn(tmp_path: Path) -> None:
    model, _ = tiny(tiny_sd)
    plain = model.encoders.encode(parse("a cat")).embeds
    config = LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False)
    torch.manual_seed(0)
    model.pipe.text_encoder.add_adapter(config)
    assert not torch.allclose(model.encoders.encode(parse("a cat")).embeds, plain)
