"""Pipelines of the real classes at tiny size, randomly initialised: for tests, made in a moment.

The tokenizer is a CLIP tokenizer whose merges were learned on a few lines of text. Every call makes
new modules, so that a test may do with them what it likes.
"""

from functools import cache
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from tokenizers.pre_tokenizers import ByteLevel
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    T5Config,
    T5EncoderModel,
    T5TokenizerFast,
)

WORDS = (
    "a an the of on in at with and",
    "cat dog house tree boat flower hand person scarf hat beach town snow night",
    "red green blue yellow , . ( ) : ! 1 2 3 5",
    "blurry noise watermark text low quality extra fingers deformed cartoon sketch",
)


@cache
def tokenizer() -> Any:
    """A CLIP tokenizer of 600 tokens, every byte among them; end of text doubles as padding."""
    made = CLIPTokenizer().train_new_from_iterator(
        [WORDS] * 4,
        vocab_size=600,
        show_progress=False,
        initial_alphabet=ByteLevel.alphabet(),
    )
    made.model_max_length = 77
    return made


def text_config(width: int, layers: int = 2) -> CLIPTextConfig:
    """A text encoder's configuration for the tokenizer above."""
    read = tokenizer()
    return CLIPTextConfig(
        vocab_size=len(read),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=2,
        max_position_embeddings=77,
        projection_dim=width,
        bos_token_id=read.bos_token_id,
        eos_token_id=read.eos_token_id,
        pad_token_id=read.pad_token_id,
        initializer_factor=8.0,
    )


@cache
def t5_tokenizer() -> Any:
    """A T5 tokenizer of a few pieces; what it does not know is one unknown token."""
    words = sorted({word for line in WORDS for word in line.split()})
    pieces = [*(f"▁{word}" for word in words), *"abcdefghijklmnopqrstuvwxyz,.():!0123456789", "▁"]
    marks = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    return T5TokenizerFast(
        vocab=[*marks, *((piece, -float(len(pieces) - len(piece))) for piece in pieces)],
        extra_ids=0,
    )


def t5(width: int) -> T5EncoderModel:
    """A T5 encoder for the tokenizer above."""
    config = T5Config(
        vocab_size=len(t5_tokenizer()),
        d_model=width,
        d_kv=8,
        d_ff=2 * width,
        num_layers=2,
        num_heads=2,
        feed_forward_proj="gated-gelu",
    )
    return T5EncoderModel(config).eval()


def unet(width: int, **settings: Any) -> UNet2DConditionModel:
    """A U-Net for 16×16 latents of 4 channels."""
    return UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=width,
        attention_head_dim=4,
        **settings,
    ).eval()


def autoencoder(channels: int = 4, **settings: Any) -> AutoencoderKL:
    """An autoencoder with two times downsampling and, by default, 4 latent channels."""
    return AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=channels,
        norm_num_groups=4,
        sample_size=32,
        **settings,
    ).eval()


def scheduler(**settings: Any) -> DDIMScheduler:
    """Stable Diffusion's schedule in DDIM."""
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        **settings,
    )


def zero_snr() -> DDIMScheduler:
    """A zero-terminal-SNR schedule of a velocity model, trailing timesteps."""
    return scheduler(
        prediction_type="v_prediction", rescale_betas_zero_snr=True, timestep_spacing="trailing"
    )


def tiny_sd(seed: int = 0, schedule: Any = None) -> StableDiffusionPipeline:
    """A pipeline of the Stable Diffusion 1.5 architecture."""
    torch.manual_seed(seed)
    pipe = StableDiffusionPipeline(
        vae=autoencoder(),
        text_encoder=CLIPTextModel(text_config(16)).eval(),
        tokenizer=tokenizer(),
        unet=unet(16),
        scheduler=schedule or scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def tiny_sd2(seed: int = 0) -> StableDiffusionPipeline:
    """A pipeline of the Stable Diffusion 2 architecture, which the width of its text tells."""
    torch.manual_seed(seed)
    pipe = tiny_sd(seed, zero_snr())
    text = CLIPTextModel(text_config(1024, layers=1)).eval()
    pipe.register_modules(text_encoder=text, unet=unet(1024))
    return pipe


def tiny_sdxl(seed: int = 0) -> StableDiffusionXLPipeline:
    """A pipeline of the SDXL architecture: two text encoders, pooled text and sizes as input."""
    torch.manual_seed(seed)
    pipe = StableDiffusionXLPipeline(
        vae=autoencoder(),
        text_encoder=CLIPTextModel(text_config(16)).eval(),
        text_encoder_2=CLIPTextModelWithProjection(text_config(8, layers=3)).eval(),
        tokenizer=tokenizer(),
        tokenizer_2=tokenizer(),
        unet=unet(
            24,
            addition_embed_type="text_time",
            addition_time_embed_dim=4,
            projection_class_embeddings_input_dim=8 + 6 * 4,
        ),
        scheduler=scheduler(),
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def tiny_sd3(seed: int = 0, *, with_t5: bool = True) -> StableDiffusion3Pipeline:
    """A pipeline of the Stable Diffusion 3.5 architecture: two of CLIP, T5, a flow transformer."""
    torch.manual_seed(seed)
    pipe = StableDiffusion3Pipeline(
        vae=autoencoder(16, shift_factor=0.06, scaling_factor=1.5),
        text_encoder=CLIPTextModelWithProjection(text_config(16)).eval(),
        text_encoder_2=CLIPTextModelWithProjection(text_config(8, layers=3)).eval(),
        text_encoder_3=t5(32) if with_t5 else None,
        tokenizer=tokenizer(),
        tokenizer_2=tokenizer(),
        tokenizer_3=t5_tokenizer() if with_t5 else None,
        transformer=SD3Transformer2DModel(
            sample_size=16,
            patch_size=2,
            in_channels=16,
            out_channels=16,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=2,
            joint_attention_dim=32,
            caption_projection_dim=16,
            pooled_projection_dim=24,
            pos_embed_max_size=32,
            qk_norm="rms_norm",
            dual_attention_layers=(0,),
        ).eval(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def tiny_flux(seed: int = 0, *, distilled: bool = True) -> FluxPipeline:
    """A pipeline of the Flux.1 architecture: pooled CLIP, T5, the guidance scale as an input."""
    torch.manual_seed(seed)
    pipe = FluxPipeline(
        vae=autoencoder(shift_factor=0.06, scaling_factor=1.5),
        text_encoder=CLIPTextModel(text_config(16)).eval(),
        text_encoder_2=t5(32),
        tokenizer=tokenizer(),
        tokenizer_2=t5_tokenizer(),
        transformer=FluxTransformer2DModel(
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            pooled_projection_dim=16,
            guidance_embeds=distilled,
            axes_dims_rope=(4, 4, 8),
        ).eval(),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
    )
    pipe.set_progress_bar_config(disable=True)
    pipe.default_sample_size = 16
    return pipe
