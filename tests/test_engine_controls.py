"""ControlNets and IP-Adapters on pipelines that the user calls: steering leaves what they do.

A ControlNet reads the texts as well, so the residuals of a negative are those that the pipeline
makes for its own negative half; one that steer() puts in its place is evaluated with these.
"""

from collections.abc import Callable
from typing import Any

import diffusers
import pytest
import torch
from tests.tiny_models import tiny_flux, tiny_sd, tiny_sd3, tiny_sdxl
from torch import Tensor

import negprompt
from negprompt.models.families import family_of

Steered = tuple[Any, dict[str, Any]]
"""A pipeline, and what its call is given beside the texts."""


def loud(module: Any) -> Any:
    """A module whose zero-initialised outputs say something."""
    for weights in module.parameters():
        if not weights.any():
            torch.nn.init.normal_(weights, std=0.3)
    return module.eval()


def picture(side: int = 32) -> Tensor:
    return torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(8))


def with_controlnet(make: Callable[[], Any], kind: str) -> Steered:
    pipe = make()
    net = loud(
        diffusers.ControlNetModel.from_unet(pipe.unet, conditioning_embedding_out_channels=(4, 4))
    )
    made = getattr(diffusers, kind)(**pipe.components, controlnet=net)
    return made, {"image": picture(), "controlnet_conditioning_scale": 0.8}


def sd3_with_controlnet() -> Steered:
    pipe = tiny_sd3()
    net = loud(
        diffusers.SD3ControlNetModel(
            sample_size=16, num_layers=1, attention_head_dim=8, num_attention_heads=2,
            joint_attention_dim=32, caption_projection_dim=16, pooled_projection_dim=24,
            pos_embed_max_size=32,
        )
    )  # fmt: skip
    made = diffusers.StableDiffusion3ControlNetPipeline(**pipe.components, controlnet=net)
    return made, {"control_image": picture()}


def flux_with_controlnet() -> Steered:
    pipe = tiny_flux()
    net = loud(diffusers.FluxControlNetModel.from_transformer(pipe.transformer, 1, 1, 16, 2))
    made = diffusers.FluxControlNetPipeline(
        **{
            k: v
            for k, v in pipe.components.items()
            if k not in ("image_encoder", "feature_extractor")
        },
        controlnet=net,
    )
    return made, {"control_image": picture(), "true_cfg_scale": 5.0, "height": 32, "width": 32}


def with_ip_adapter(make: Callable[[], Any]) -> Steered:
    """Four tokens of a picture beside those of the text, other ones on the negative's side."""
    pipe = make()
    torch.manual_seed(4)
    width = pipe.unet.config.cross_attention_dim
    attentions = [p for name, p in pipe.unet.named_modules() if name.endswith("attn2")]
    keys = {
        f"{2 * place + 1}.to_{kind}_ip.weight": torch.randn(each.to_k.out_features, width)
        for place, each in enumerate(attentions)
        for kind in "kv"
    }
    projected = {
        "proj.weight": torch.randn(4 * width, 6), "proj.bias": torch.randn(4 * width),
        "norm.weight": torch.ones(width), "norm.bias": torch.zeros(width),
    }  # fmt: skip
    pipe.load_ip_adapter(
        {"image_proj": projected, "ip_adapter": keys}, subfolder="", weight_name="",
        image_encoder_folder=None,
    )  # fmt: skip
    return pipe, {"ip_adapter_image_embeds": [torch.randn(2, 1, 6)]}


MAKE: dict[str, Callable[[], Steered]] = {
    "sd1-controlnet": lambda: with_controlnet(tiny_sd, "StableDiffusionControlNetPipeline"),
    "sdxl-controlnet": lambda: with_controlnet(tiny_sdxl, "StableDiffusionXLControlNetPipeline"),
    "sd3-controlnet": sd3_with_controlnet,
    "flux-controlnet": flux_with_controlnet,
    "sd1-ip-adapter": lambda: with_ip_adapter(tiny_sd),
    "sdxl-ip-adapter": lambda: with_ip_adapter(tiny_sdxl),
}
each_kind = pytest.mark.parametrize("kind", MAKE)


def call(pipe: Any, given: dict[str, Any], **settings: Any) -> Tensor:
    """Latents of a user's own call."""
    pipe.set_progress_bar_config(disable=True)
    torch.manual_seed(6)  # that of SD3 encodes its picture with noise
    flux = "true_cfg_scale" in given
    settings = ({} if flux else {"guidance_scale": 5.0}) | given | settings
    if flux and settings.get("negative_prompt") is None:
        settings.pop("true_cfg_scale")
    latents: Tensor = pipe(
        "a cat", num_inference_steps=2, output_type="latent",
        generator=torch.Generator("cpu").manual_seed(3), **settings,
    ).images  # fmt: skip
    return latents


def close(a: Tensor, b: Tensor) -> bool:
    return float((a - b).abs().max()) <= 1e-4 * max(1.0, float(b.abs().max()))


@each_kind
def test_the_calls_own_negative_acts_as_diffusers_makes_it(kind: str) -> None:
    pipe, given = MAKE[kind]()
    wanted = call(pipe, given, negative_prompt="blurry")
    with negprompt.steer(pipe, scale=5.0) as steering:
        assert close(call(pipe, given, negative_prompt="blurry"), wanted)
        weaker = call(pipe, given, negative_prompt="dog")
    assert (steering.passes, steering.calls, steering.notices) == (8, 4, ())
    assert not close(weaker, wanted)


@each_kind
def test_what_is_put_beside_it_acts(kind: str) -> None:
    pipe, given = MAKE[kind]()
    changed = dict(given)
    for name in ("image", "control_image"):
        if name in given:
            changed[name] = 1 - given[name]
    if "ip_adapter_image_embeds" in given:
        changed["ip_adapter_image_embeds"] = [-given["ip_adapter_image_embeds"][0]]
    with negprompt.steer(pipe, negative=["blurry", "dog"], scale=5.0) as steering:
        one, two = (call(pipe, each) for each in (given, changed))
    assert not close(one, two)
    assert (steering.passes, steering.calls) == (12, 4)


PAIRED = [kind for kind in MAKE if not kind.startswith("flux")]


@pytest.mark.parametrize("kind", PAIRED)
def test_three_weighted_negatives_are_the_formula_by_hand(kind: str) -> None:
    """Each branch is a call of the denoiser of its own; p + (s − 1)·Σ wᵢ(p − nᵢ) / Σ wᵢ."""
    pipe, given = MAKE[kind]()
    family = family_of(pipe)
    module, encoders = family.denoiser(pipe), family.encoders(pipe)
    texts, weights = ("blurry", "(dog:1.3), boat", "watermark"), (1.0, 2.0, 0.5)
    encoded = [encoders.encode(negprompt.parse(text)) for text in texts]
    original = module.forward

    def by_hand(*args: Any, **asked: Any) -> Any:
        p, negatives = None, []
        for e in encoded:
            states = asked["encoder_hidden_states"].clone()
            states[:1] = e.whole
            other: dict[str, Any] = {"encoder_hidden_states": states}
            if e.pooled is not None:
                added = dict(asked.get("added_cond_kwargs") or {})
                key = "text_embeds" if "text_embeds" in added else "pooled_projections"
                pooled = (added[key] if key in added else asked[key]).clone()
                pooled[:1] = e.pooled
                other |= {"added_cond_kwargs": added | {key: pooled}} if added else {key: pooled}
            negative, p = original(*args, **asked | other)[0].chunk(2)
            negatives.append(negative)
        push = sum(w * (p - n) for w, n in zip(weights, negatives, strict=True)) / sum(weights)
        return (torch.cat([p + 4.0 * push] * 2),)

    module.forward = by_hand
    wanted = call(pipe, given)
    del module.forward
    given_weights: dict[str, Any] = {"scale": 5.0, "negative_weights": weights}
    with negprompt.steer(pipe, negative=texts, **given_weights) as steering:
        assert close(call(pipe, given), wanted)
    assert (steering.passes, steering.calls) == (8, 2)
