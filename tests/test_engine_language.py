"""What the prompt languages say acts: schedules, AND, dialects, and the ways of encoding."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import HeunDiscreteScheduler
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file
from tests.test_engine import apart, make, model
from tests.tiny_models import tiny_sd, tiny_sdxl
from torch import Tensor

from negprompt.encoding.condition import condition
from negprompt.engine import Generation, Request, run, save, steer
from negprompt.engine.run import banks
from negprompt.errors import PromptError, RequestError
from negprompt.guidance.rules import Step
from negprompt.language import parse, schedule
from negprompt.metadata.infotext import read
from negprompt.models.families import family_of
from negprompt.models.load import Model
from negprompt.policy.plan import plan

PIPES: dict[str, Callable[[], Any]] = {"sd": tiny_sd, "sdxl": tiny_sdxl}
LONG = ", ".join(["a red cat on a boat"] * 20)
SCALE = 5.0


def watched(request: Request, model: Model) -> tuple[Generation, list[Tensor]]:
    """A run, and the latents that each of its model calls saw."""
    samples: list[Tensor] = []
    made = run(request, model=model, observe=lambda seen: samples.append(seen.sample))
    return made, samples


def switched(pipe: Any, positives: Sequence[str], negatives: Sequence[str]) -> list[Tensor]:
    """The latents after each step of diffusers' own pipeline, other prompts put in at each."""
    latents: list[Tensor] = []
    with torch.no_grad():
        said = [
            pipe.encode_prompt(p, device="cpu", num_images_per_prompt=1,
                               do_classifier_free_guidance=True, negative_prompt=n)
            for p, n in zip(positives, negatives, strict=True)
        ]  # fmt: skip

    def after(_: Any, step: int, __: Any, now: dict[str, Any]) -> dict[str, Any]:
        latents.append(now["latents"])
        following = said[min(step + 1, len(said) - 1)]
        changed = {"prompt_embeds": torch.cat([following[1], following[0]])}
        if len(following) > 2:
            changed["add_text_embeds"] = torch.cat([following[3], following[2]])
        return changed

    pipe(
        positives[0],
        negative_prompt=negatives[0],
        guidance_scale=SCALE,
        num_inference_steps=len(positives),
        generator=torch.Generator("cpu").manual_seed(0),
        callback_on_step_end=after,
        callback_on_step_end_tensor_inputs=["latents", "prompt_embeds"],
    )
    return latents


SCHEDULES = [
    ("a [cat:dog:0.5]", "blurry", ["a cat"] * 2 + ["a dog"] * 2, ["blurry"] * 4),
    ("a cat", "[blurry|noise]", ["a cat"] * 4, ["blurry", "noise"] * 2),
    ("[cat|dog|boat]", "[text:3]", ["cat", "dog", "boat", "cat"], ["", "", "", "text"]),
    ("[[cat|dog]:boat:2]", "[text::1]", ["cat", "dog", "boat", "boat"], ["text", "", "", ""]),
]


@pytest.mark.parametrize("name", PIPES)
@pytest.mark.parametrize(("prompt", "negative", "toward", "away"), SCHEDULES)
def test_a_schedule_acts_step_by_step(
    name: str, prompt: str, negative: str, toward: list[str], away: list[str]
) -> None:
    """Equal to diffusers' own pipeline whose embeddings are changed after every step."""
    pipe = PIPES[name]()
    request = Request(prompt=prompt, negative=(negative,), steps=4, cfg=SCALE)
    made, samples = watched(request, Model(PIPES[name](), "tiny", family_of(pipe)))
    wanted = switched(pipe, toward, away)
    assert len(samples) == 4
    for mine, theirs in zip(samples[1:], wanted, strict=False):
        assert torch.allclose(mine, theirs, atol=1e-4)
    assert made.cost.passes == 8


@given(
    st.integers(1, 40),
    st.sampled_from(["[a:b:{}]", "[a:{}] c", "[a::{}]", "x [a|b|c] [d:e:{}]"]),
    st.one_of(st.integers(0, 45).map(str), st.floats(0, 1).map(lambda x: f"{x:.2f}")),
)
def test_each_step_is_conditioned_on_the_text_that_the_language_gives_it(
    steps: int, template: str, when: str
) -> None:
    text = template.format(when)
    planned = plan(text, [text], steps=steps)
    for step in range(1, steps + 1):
        said = next(s.text for s in schedule(text, steps) if step <= s.last)
        for stretches in (planned.parts[0].stretches, planned.negatives[0].stretches):
            acting = next(prompt for last, prompt in stretches if step <= last)
            assert acting.weighted() == parse(said).weighted()


@settings(max_examples=6, deadline=None)
@given(st.sampled_from(["0", "1", "2", "0.5", "0.99", "7"]))
def test_a_schedule_of_equal_halves_is_none(when: str) -> None:
    scheduled = make(f"a [cat:cat:{when}]", f"[blurry|blurry] [text:text:{when}]")
    assert apart(scheduled.images[0], make("a cat", "blurry text").images[0]) == 0


def test_a_switch_at_step_zero_and_behind_the_last_never_happens() -> None:
    assert apart(make("[cat:dog:0]").images[0], make("dog").images[0]) == 0
    assert apart(make("[cat:dog:3]").images[0], make("cat").images[0]) == 0
    assert apart(make("[cat:dog:1]").images[0], make("dog").images[0]) > 0


def test_all_steps_have_one_length_and_no_text_is_encoded_twice() -> None:
    encoders = family_of(pipe := tiny_sd()).encoders(pipe)
    made = condition(plan(f"[cat|{LONG}|cat]", ["[cat|dog]"], steps=6), encoders)
    bank = banks(made.against, made.parts)
    seen = [bank(Step(index, 6, 0.0)) for index in range(6)]
    every = [e for b in seen for e in (*b.positives, *b.negatives)]
    assert {e.embeds.shape for e in every} == {made.null.embeds.shape}
    assert len({id(e) for e in every}) == 4
    assert bank(Step(9, 6, 0.0)) is seen[-1]


def test_a_step_of_two_model_calls_is_one_step() -> None:
    """Heun calls the model twice in all steps but the last."""
    pipe = tiny_sd()
    pipe.scheduler = HeunDiscreteScheduler.from_config(pipe.scheduler.config)
    tiny = Model(pipe, "tiny", family_of(pipe))
    each = {text: tiny.family.encoders(pipe).encode(parse(text)) for text in ("cat", "dog", "boat")}
    right: list[str] = []

    def look(seen: Any) -> None:
        p = seen.branches.positive
        right.extend(t for t, e in each.items() if torch.allclose(seen.predict(e), p, atol=1e-6))

    run(Request(prompt="[cat|dog|boat]", steps=3), model=tiny, observe=look)
    assert right == ["cat", "cat", "dog", "dog", "boat"]


def by_hand(parts: dict[str, float], negatives: dict[str, float], steps: int = 3) -> Tensor:
    """The last sample that the model sees where ``n + s·Σ wᵢ(pᵢ − n)`` guides, written out."""
    pipe = tiny_sd()
    pipe.scheduler.set_timesteps(steps)
    x = torch.randn(1, 4, 16, 16, generator=torch.Generator("cpu").manual_seed(0))
    with torch.no_grad():

        def predict(text: str, t: Tensor) -> Tensor:
            embeds, _ = pipe.encode_prompt(text, "cpu", 1, do_classifier_free_guidance=False)
            found: Tensor = pipe.unet(x, t, encoder_hidden_states=embeds).sample
            return found

        for t in pipe.scheduler.timesteps[:-1]:
            total = sum(negatives.values())
            n = sum(v / total * predict(text, t) for text, v in negatives.items())
            push = sum(w * (predict(text, t) - n) for text, w in parts.items())
            x = pipe.scheduler.step(n + SCALE * push, t, x).prev_sample
    return x


ANDS: list[tuple[str, tuple[str, ...], dict[str, float], dict[str, float], int]] = [
    ("a cat AND a dog", ("text",), {"a cat": 1, "a dog": 1}, {"text": 1}, 3),
    ("a cat :0.7 AND dog :0.3", (), {"a cat": 0.7, "dog": 0.3}, {"": 1}, 3),
    ("a cat AND dog :-0.5", ("text",), {"a cat": 1, "dog": -0.5}, {"text": 1}, 3),
    ("a cat :1.5", ("text",), {"a cat": 1.5}, {"text": 1}, 2),
    ("a cat", ("text AND noise :2",), {"a cat": 1}, {"text": 1, "noise": 2}, 3),
    ("cat AND cat", ("text", "noise"), {"cat": 2}, {"text": 1, "noise": 1}, 3),
]


@pytest.mark.parametrize(("prompt", "negative", "parts", "negatives", "passes"), ANDS)
def test_and_composes_as_a1111_does(
    prompt: str,
    negative: tuple[str, ...],
    parts: dict[str, float],
    negatives: dict[str, float],
    passes: int,
) -> None:
    request = Request(prompt=prompt, negative=negative or None, steps=3, cfg=SCALE)
    made, samples = watched(request, model())
    # A1111 keeps the space before a part, which the tokenizer drops
    assert torch.allclose(samples[-1], by_hand(parts, negatives), atol=1e-4)
    assert made.cost.passes_per_step == passes


def test_and_in_a_negative_is_several_negatives() -> None:
    one = make("a cat", "dog AND blurry :3", cfg=8.0)
    two = make("a cat", "dog", "blurry", negative_weights=(1, 3), cfg=8.0)
    assert apart(one.images[0], two.images[0]) == 0
    assert one.plan.effective_negative == two.plan.effective_negative == "dog AND blurry :3"
    assert [n.code for n in one.notices] == ["and-in-negative"]


def test_a_part_weighs_at_scale_one_as_well() -> None:
    """``n + 1·w(p − n)`` needs n; where the weights add up to 1 it does not."""
    heavy, even = make("a cat :1.5", cfg=1.0), make("cat :0.5 AND dog :0.5", cfg=1.0)
    assert heavy.cost.passes_per_step == even.cost.passes_per_step == 2
    assert apart(heavy.images[0], make("a cat", cfg=1.0).images[0]) > 0


WEIGHTS = {
    "a1111": "a (cat:1.5)",
    "compel": "a (cat)1.5",
    "novelai": "a 1.5::cat::",
    "sdnext": "a (cat:1.5)",
}


@pytest.mark.parametrize("dialect", WEIGHTS)
def test_each_dialect_is_read_in_its_own_way(dialect: str) -> None:
    wanted = make("a (cat:1.5)", "text")
    made = make(WEIGHTS[dialect], "text", dialect=dialect, scheme="a1111")
    assert apart(made.images[0], wanted.images[0]) == 0
    assert made.notices == ()


def test_comfy_weighs_by_its_own_scheme_unless_told() -> None:
    own = make("a ((cat:1.5):2)", dialect="comfy")
    assert (own.request.scheme, own.request.chunks) == ("comfy", "comfy")
    assert apart(own.images[0], make("a (cat:1.5)", scheme="comfy").images[0]) == 0
    assert make("a cat").request.scheme == "a1111"


def test_compel_joins_embeddings() -> None:
    encoders = family_of(pipe := tiny_sd()).encoders(pipe)

    def z(text: str, dialect: str = "compel") -> Tensor:
        return encoders.encode(parse(text, dialect), "compel").embeds

    cat, dog, empty = z("a cat"), z("a dog"), z("")
    both = z('("a cat", "a dog").and(1, 0.5)')
    assert torch.allclose(both, torch.cat([cat, empty + 0.5 * (dog - empty)], dim=1))
    assert torch.allclose(z('("a cat", "a dog").blend(1, 3)'), cat / 4 + dog * 0.75)
    assert torch.allclose(z('("a cat").and(0.5)'), empty + 0.5 * (cat - empty))
    assert torch.equal(z("a cat.swap(dog)"), cat)
    made = make('("a cat", "a dog").blend(1, 1)', "dog.swap(cat)", dialect="compel")
    assert [n.code for n in made.notices] == ["swap-ignored"]
    assert made.request.scheme == "compel"


def test_plain_text_is_only_text() -> None:
    plain = make("a [cat:dog:0.5] AND (boat:2)", dialect="plain")
    escaped = make(r"a \[cat:dog:0.5\] and \(boat:2\)")
    assert apart(plain.images[0], escaped.images[0]) == 0


def test_a_schedule_acts_in_a_call_of_the_users_own() -> None:
    pipe = tiny_sd()
    latents: list[Tensor] = []

    def after(_: Any, __: int, ___: Any, now: dict[str, Any]) -> dict[str, Any]:
        latents.append(now["latents"])
        return {}

    with steer(pipe, "[blurry|noise]"):
        pipe(
            "a cat",
            guidance_scale=SCALE,
            num_inference_steps=4,
            generator=torch.Generator("cpu").manual_seed(0),
            callback_on_step_end=after,
        )
    wanted = switched(tiny_sd(), ["a cat"] * 4, ["blurry", "noise"] * 2)
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(latents, wanted, strict=True))


def test_what_midjourney_rules_out_is_a_negative() -> None:
    made = make("a cat --no dog, boat --ar 3:2", dialect="midjourney")
    assert apart(made.images[0], make("a cat", "dog, boat").images[0]) == 0
    assert made.plan.effective_negative == "dog, boat"
    assert [n.code for n in made.notices] == ["parameters-unread", "negative-from-prompt"]
    both = make("a cat --no dog", "boat", dialect="midjourney")
    assert apart(both.images[0], make("a cat", "boat", "dog").images[0]) == 0


def test_midjourneys_parts_are_shares_of_one_push() -> None:
    made = make("cat::2 dog --no text", dialect="midjourney")
    wanted = make("cat :0.6666666666666666 AND dog :0.3333333333333333", "text")
    assert apart(made.images[0], wanted.images[0]) <= 1


def test_networks_are_left_out_and_that_is_said() -> None:
    made = make("a cat <lora:ink:0.8>", "text <lora:x:1>")
    assert [n.code for n in made.notices] == ["network-in-negative", "network-ignored"]
    assert "'<lora:ink:0.8>'" in made.notices[1].text
    assert apart(made.images[0], make("a cat ", "text <lora:x:1>").images[0]) == 0


WAYS = [{"normalise": "length"}, {"chunks": "groups"}, {"match": "zeros"}, {"clip_skip": 2}]


@pytest.mark.parametrize("way", WAYS)
def test_the_ways_of_encoding_reach_the_encoder(way: dict[str, Any]) -> None:
    # heavy, no mean restored: the tiny vocabulary, and so what shows, is another in each process
    asked = partial(make, "a (red cat:4) " + LONG, "text", scheme="a1111-no-norm")
    assert apart(asked(**way).images[0], asked().images[0]) > 0


def test_the_null_prompt_can_be_chosen_and_stands_where_there_is_no_negative() -> None:
    plain = make("a cat").images[0]
    assert apart(plain, make("a cat", null="empty").images[0]) == 0
    assert apart(plain, make("a cat", null="zeros").images[0]) > 0
    with_negative = make("a cat", "text").images[0]
    assert apart(with_negative, make("a cat", "text", null="zeros").images[0]) == 0


def test_a_folder_of_inversions_is_read(tmp_path: Path) -> None:
    save_file({"emb_params": torch.randn(2, 16)}, tmp_path / "zz.safetensors")
    made = make("a cat", "zz", embeddings=tmp_path)
    assert [n.code for n in made.notices] == ["embedding-read"]
    assert apart(made.images[0], make("a cat", "zz").images[0]) > 0


BAD: list[tuple[dict[str, Any], str]] = [
    ({"dialect": "nai"}, "dialect-unknown"),
    ({"normalise": "max"}, "normalisation-unknown"),
    ({"chunks": "nine"}, "chunking-unknown"),
    ({"match": "crop"}, "match-unknown"),
    ({"clip_skip": 0}, "value-out-of-range"),
    ({"null": "noise"}, "null-unknown"),
    ({"negative": ("a AND b :-1",)}, "negative-weight-invalid"),
]


@pytest.mark.parametrize(("settings", "code"), BAD)
def test_a_mistake_is_told_when_the_request_is_made(settings: dict[str, Any], code: str) -> None:
    with pytest.raises(RequestError) as caught:
        Request(**({"prompt": "a cat"} | settings))
    assert caught.value.code == code


HOSTILE = [
    ("[a|b]" * 9_000, "a1111", "schedule-too-long"),
    ("".join(f"[a:b:{n}]" for n in range(5_000)), "a1111", "schedule-too-long"),
    ("a AND " * 8_000, "a1111", "parts-too-many"),
    ("a::" * 9_000, "midjourney", "parts-too-many"),
]


@pytest.mark.parametrize(("text", "dialect", "code"), HOSTILE, ids=lambda value: str(value)[:20])
def test_what_would_take_forever_is_refused(text: str, dialect: str, code: str) -> None:
    with pytest.raises(PromptError) as caught:
        Request(prompt="a cat", negative=(text,), dialect=dialect, steps=1000)
    assert caught.value.code == code


def test_too_many_joined_texts_are_refused() -> None:
    many = ", ".join(['"a"'] * 100)
    with pytest.raises(PromptError, match="100 texts") as caught:
        make(f"({many}).and()", dialect="compel")
    assert caught.value.code == "parts-too-many"


def test_the_file_keeps_the_raw_prompts(tmp_path: Path) -> None:
    made = make("a [cat:dog:0.5] AND boat", "[blurry|text]", clip_skip=1, null="zeros")
    (path,) = save(made, tmp_path)
    with Image.open(path) as picture:
        said = read(picture.info["parameters"])
    assert (said.positive, said.negative) == ("a [cat:dog:0.5] AND boat", "[blurry|text]")
    assert said.fields["Clip skip"] in (1, "1")
    assert said.fields["Null prompt"] == "zeros"
