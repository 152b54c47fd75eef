"""The seam against diffusers' own guidance, on randomly initialised tiny pipelines."""

from typing import Any

import pytest
import torch
from tests.tiny_models import tiny_sd, tiny_sdxl, zero_snr
from torch import Tensor

from negprompt.encoding.condition import condition
from negprompt.errors import RequestError
from negprompt.guidance.attaching import attached
from negprompt.guidance.call import Call, Fields, Rows, alike, joined
from negprompt.guidance.hook import Bank, Seam, Seen
from negprompt.guidance.rules import Branches, Needs, Rule, cfg
from negprompt.guidance.schedule import Clock
from negprompt.guidance.wrappers import rescale
from negprompt.models.families import family_of
from negprompt.policy.plan import plan

PIPES = {"sd": tiny_sd, "sdxl": tiny_sdxl, "zero-snr": lambda: tiny_sd(schedule=zero_snr())}
each_pipe = pytest.mark.parametrize("name", PIPES)


def close(a: Tensor, b: Tensor) -> bool:
    """Equal as the project promises: to 1e-4 of the largest latent."""
    return float((a - b).abs().max()) <= 1e-4 * max(1.0, float(b.abs().max()))


def noise(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator("cpu").manual_seed(seed) for seed in seeds]


def diffusers_own(
    pipe: Any, prompt: str, negative: str | None, seed: int, **settings: Any
) -> Tensor:
    """Latents of the pipeline's own guidance, one image."""
    settings = {"guidance_scale": 5.0, "num_inference_steps": 4} | settings
    latents: Tensor = pipe(
        prompt, negative_prompt=negative, generator=noise(seed)[0], output_type="latent", **settings
    ).images
    return latents


class Guided:
    """One run of a pipeline with its own guidance off and the seam on."""

    def __init__(
        self,
        pipe: Any,
        prompt: str,
        negatives: tuple[str, ...] = (),
        *,
        rule: Any = None,
        seeds: tuple[int, ...] = (3,),
    ) -> None:
        family = family_of(pipe)
        c = condition(plan(prompt, negatives), family.encoders(pipe), null=family.null(pipe))
        self.seen: list[Seen] = []
        weights = (1.0,) * max(1, len(negatives))
        self.seam = Seam(
            rule=rule or (lambda: cfg(5.0, weights=weights)),
            clock=Clock(lambda: pipe.scheduler),
            bank=Bank(c.negatives or (c.null,), c.null),
            fields=family.fields,
            observe=self.seen.append,
        )
        count = len(seeds)
        settings: dict[str, Any] = {"prompt_embeds": c.positive.embeds.expand(count, -1, -1)}
        if c.positive.pooled is not None:
            settings["pooled_prompt_embeds"] = c.positive.pooled.expand(count, -1)
        with attached(pipe.unet, self.seam):
            self.latents: Tensor = pipe(
                **settings,
                guidance_scale=1.0,
                num_inference_steps=4,
                generator=noise(*seeds),
                output_type="latent",
            ).images


@each_pipe
@pytest.mark.parametrize("negative", [None, "", "blurry, watermark"])
def test_bank_mode_is_diffusers_own_guidance(name: str, negative: str | None) -> None:
    pipe = PIPES[name]()
    wanted = diffusers_own(pipe, "a cat", negative, 3)
    negatives = () if negative is None else (negative,)
    made = Guided(pipe, "a cat", negatives)
    assert close(made.latents, wanted)
    assert (made.seam.passes, made.seam.calls) == (8, 4)


@each_pipe
def test_pair_mode_gives_the_pipeline_its_own_result_back(name: str) -> None:
    pipe = PIPES[name]()
    wanted = diffusers_own(pipe, "a cat", "blurry", 3)
    seam = Seam(
        rule=lambda: cfg(5.0),
        clock=Clock(lambda: pipe.scheduler),
        bank=Bank(),
        fields=family_of(pipe).fields,
        paired=lambda: True,
    )
    with attached(pipe.unet, seam):
        other_scale = diffusers_own(pipe, "a cat", "blurry", 3, guidance_scale=1.7)
    assert close(other_scale, wanted)
    assert seam.passes == 8
    assert not seam.replaced


def test_rescale_is_the_pipelines() -> None:
    pipe = tiny_sd(schedule=zero_snr())
    wanted = diffusers_own(pipe, "a cat", "blurry", 3, guidance_rescale=0.7)
    made = Guided(pipe, "a cat", ("blurry",), rule=lambda: rescale(cfg(5.0), 0.7))
    assert close(made.latents, wanted)
    assert not close(made.latents, diffusers_own(pipe, "a cat", "blurry", 3))


@each_pipe
def test_an_image_does_not_depend_on_its_neighbours(name: str) -> None:
    pipe = PIPES[name]()
    together = Guided(pipe, "a cat", ("blurry",), seeds=(1, 2, 3)).latents
    assert close(together[2:], Guided(pipe, "a cat", ("blurry",), seeds=(3,)).latents)


@each_pipe
def test_scale_one_and_equal_texts_are_two_roads_to_one_image(name: str) -> None:
    pipe = PIPES[name]()
    one = Guided(pipe, "a cat", ("blurry",), rule=lambda: cfg(1.0))
    two = Guided(pipe, "a cat", ("a cat",))
    assert torch.equal(one.latents, two.latents)
    for made in (one, two):
        assert (made.seam.passes, made.seam.calls) == (4, 4)
        assert {seen.passes for seen in made.seen} == {1}


@each_pipe
def test_composed_negatives_take_a_pass_each_and_follow_the_formula(name: str) -> None:
    pipe = PIPES[name]()
    made = Guided(pipe, "a cat", ("blurry", "watermark", "a dog"))
    assert made.seam.passes == 4 * 4
    for seen in made.seen:
        p, negatives = seen.branches.positive, seen.branches.negatives
        push = torch.stack([p - n for n in negatives]).mean(0)
        assert torch.allclose(seen.guided, p + 4 * push, atol=1e-5)


def test_the_same_negative_twice_is_evaluated_once() -> None:
    pipe = tiny_sd()
    twice = Guided(pipe, "a cat", ("blurry", "blurry"))
    assert twice.seam.passes == 8
    assert close(twice.latents, Guided(pipe, "a cat", ("blurry",)).latents)


def test_a_negative_that_equals_the_positive_keeps_its_share_of_the_weight() -> None:
    pipe = tiny_sd()
    made = Guided(pipe, "a cat", ("blurry", "a cat"))
    assert made.seam.passes == 8
    first = made.seen[0]
    p, (n, same) = first.branches.positive, first.branches.negatives
    assert torch.equal(same, p)
    assert torch.allclose(first.guided, p + 4 * (p - n) / 2, atol=1e-5)


def test_a_rule_can_ask_for_null_and_keep_state() -> None:
    def count(branches: Branches, step: Any, state: Any) -> tuple[Tensor, Any]:
        assert branches.null is not None
        calls.append(state)
        return branches.null, (state or 0) + 1

    calls: list[Any] = []
    pipe = tiny_sd()
    rule = Rule("null", lambda step, state: Needs(null=True), count)
    made = Guided(pipe, "a cat", ("blurry",), rule=lambda: rule)
    assert close(made.latents, diffusers_own(pipe, "", None, 3, guidance_scale=1.0))
    assert made.seam.passes == 8
    assert calls == [None, 1, 2, 3]


@each_pipe
def test_what_is_seen_can_be_asked_for_more(name: str) -> None:
    pipe = PIPES[name]()
    family = family_of(pipe)
    c = condition(plan("a cat", ["blurry"]), family.encoders(pipe))
    asked: list[tuple[Tensor, Tensor, Tensor]] = []
    made = Guided(pipe, "a cat", ("blurry",))

    def observe(seen: Seen) -> None:
        again = seen.predict(c.negatives[0])
        asked.append((again, seen.branches.negatives[0], seen.clean(seen.guided)))

    made.seam._observe = observe
    with attached(pipe.unet, made.seam):
        settings: dict[str, Any] = {"prompt_embeds": c.positive.embeds}
        if c.positive.pooled is not None:
            settings["pooled_prompt_embeds"] = c.positive.pooled
        pipe(**settings, guidance_scale=1.0, num_inference_steps=2, generator=noise(3))
    assert len(asked) == 2
    for again, before, clean in asked:
        assert torch.allclose(again, before, atol=1e-4)
        assert clean.shape == again.shape
        assert bool(torch.isfinite(clean).all())
    assert made.seam.passes == 8 + 4


def test_a_denoiser_is_as_it_was_afterwards() -> None:
    pipe = tiny_sd()
    before = set(pipe.unet.__dict__)
    seam = Seam(rule=lambda: cfg(5), clock=Clock(lambda: pipe.scheduler), bank=Bank())
    with pytest.raises(KeyboardInterrupt), attached(pipe.unet, seam):
        raise KeyboardInterrupt
    assert set(pipe.unet.__dict__) == before
    with (
        attached(pipe.unet, seam),
        pytest.raises(RequestError) as caught,
        attached(pipe.unet, seam),
    ):
        pass
    assert caught.value.code == "already-steered"
    assert set(pipe.unet.__dict__) == before


def test_rows_are_told_apart_from_what_only_looks_like_rows() -> None:
    pooled = Fields(pooled=("added_cond_kwargs", "text_embeds"))
    call = Call(
        pooled,
        {
            "sample": torch.arange(4.0)[:, None],
            "timestep": torch.tensor(7),
            "encoder_hidden_states": torch.arange(4.0)[:, None, None],
            "added_cond_kwargs": {
                "text_embeds": torch.arange(4.0)[:, None],
                "time_ids": torch.tensor([[0.0], [0.0], [1.0], [1.0]]),
                "other": torch.zeros(3),
            },
        },
        images=2,
        paired=True,
    )
    assert call.timestep == 7
    assert not call.sides_agree()
    own, negative = call.own(negative=False), call.own(negative=True)
    rows = [negative, negative, own]
    batch = call.batch(rows, joined(rows))
    assert batch["sample"].flatten().tolist() == [0, 1, 0, 1, 2, 3]
    assert batch["encoder_hidden_states"].flatten().tolist() == [0, 1, 0, 1, 2, 3]
    assert batch["added_cond_kwargs"]["text_embeds"].flatten().tolist() == [0, 1, 0, 1, 2, 3]
    assert batch["added_cond_kwargs"]["time_ids"].flatten().tolist() == [0, 0, 0, 0, 1, 1]
    assert batch["added_cond_kwargs"]["other"].shape == (3,)


def test_conditions_are_alike_up_to_rounding() -> None:
    a = torch.randn(1, 77, 8)
    assert alike(Rows(a), Rows(a + 1e-7))
    assert not alike(Rows(a), Rows(a + 1e-3))
    assert not alike(Rows(a), Rows(torch.cat([a, a], dim=1)))
    assert not alike(Rows(a, a[:, 0]), Rows(a))
    assert not alike(Rows(a, a[:, 0]), Rows(a, a[:, 1]))
