"""Stage 3: latents and captions → the denoiser and its text encoder, trained together."""

import numpy as np
import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from transformers import CLIPTextModel, CLIPTokenizer

from negprompt.world.captions import caption
from negprompt.world.train.data import cache, latents, scene
from negprompt.world.train.loop import DEVICE, Run, half, train
from negprompt.world.train.text import WIDTH, text_config, tokens

LONG_EVERY = 24
"""One batch in so many has captions of two token chunks."""
DROPPED = 0.05
"""Share of captions emptied beyond those that are empty anyway; none of a posed scene."""
BLANKED = 0.3
"""Share of captions whose end and padding states are those of the empty prompt.

A causal encoder repeats the whole text in every padding state; a denoiser that reads only those
would ignore the weight of a word. Blanking them teaches it to read words where they stand.
"""


def scheduler() -> DDIMScheduler:
    """v-prediction, zero terminal SNR, trailing timesteps (Lin et al. 2305.08891)."""
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=True,
        steps_offset=1,
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
    )


def network() -> UNet2DConditionModel:
    """7 M parameters on 16×16×8 latents; attention at 16 and 8."""
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=8,
        out_channels=8,
        block_out_channels=(96, 128, 128),
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
        norm_num_groups=16,
    )


def text_encoder(bpe: CLIPTokenizer) -> CLIPTextModel:
    """The text half of the contrastive pair where that stage has run, else a fresh one."""
    if (cache() / "pair" / "config.json").exists():
        model = CLIPTextModel.from_pretrained(cache() / "pair", attn_implementation="eager")
        return model.float()
    config = text_config(bpe)
    # the fused kernel's backward is slow on a CPU
    config._attn_implementation = "eager"  # noqa: SLF001
    return CLIPTextModel(config)


def states(model: nn.Module, bpe: CLIPTokenizer, texts: list[str], chunks: int = 1) -> Tensor:
    """Hidden states [n, 77 · chunks, WIDTH].

    Longer texts are cut in runs of 75 tokens, each between begin and end; what lies beyond the last
    chunk is dropped.
    """
    ids = tokens(bpe, texts) if chunks == 1 else _chunked(bpe, texts, chunks).to(DEVICE)
    hidden: Tensor = model(ids).last_hidden_state
    return hidden.reshape(len(texts), chunks * 77, -1)


def _chunked(bpe: CLIPTokenizer, texts: list[str], chunks: int) -> Tensor:
    """Token ids [n · chunks, 77], padded with the end token."""
    rows = torch.full((len(texts), chunks, 77), bpe.eos_token_id)
    rows[:, :, 0] = bpe.bos_token_id
    words = bpe(texts, add_special_tokens=False, verbose=False).input_ids
    for row, ids in zip(rows, words, strict=True):
        for chunk in range(chunks):
            part = ids[chunk * 75 : (chunk + 1) * 75]
            row[chunk, 1 : 1 + len(part)] = torch.tensor(part, dtype=torch.long)
    return rows.flatten(0, 1)


def blanked(model: nn.Module, bpe: CLIPTokenizer, texts: list[str], rows: Tensor) -> Tensor:
    """Hidden states [n, 77, WIDTH]; where ``rows`` [n] is true, the end tokens' are those of ""."""
    ids = tokens(bpe, [*texts, ""])
    hidden = model(ids).last_hidden_state
    ended = (ids[:-1] == bpe.eos_token_id) & rows.to(DEVICE)[:, None]
    return torch.where(ended[..., None], hidden[-1:], hidden[:-1])


def fit(run: Run) -> tuple[UNet2DConditionModel, CLIPTextModel]:
    """Minimise the v-prediction error (Salimans & Ho 2202.00512) over uniformly drawn timesteps."""
    torch.manual_seed(run.seed)
    bpe = CLIPTokenizer.from_pretrained(cache() / "tokenizer")
    unet, text = network(), text_encoder(bpe)
    unet.set_attn_processor(AttnProcessor())
    stored = torch.from_numpy(np.array(latents()))
    alphas = scheduler().alphas_cumprod.to(DEVICE)

    def loss(_progress: float, step: int) -> Tensor:
        rng, long = run.random(step), step % LONG_EVERY == LONG_EVERY - 1
        seeds = rng.integers(len(stored), size=run.batch // (1 + long))
        drop = rng.random(len(seeds)) < DROPPED
        scenes = [scene(int(seed)) for seed in seeds]
        texts = [
            "" if dropped and about is None else caption(posed, rng, about=about, long=long)
            for (posed, about), dropped in zip(scenes, drop, strict=True)
        ]
        x0 = stored[torch.from_numpy(seeds)].float().to(DEVICE)
        t = torch.randint(0, len(alphas), (len(seeds),), device=DEVICE)
        noise = torch.randn_like(x0)
        a, b = alphas[t].sqrt()[:, None, None, None], (1 - alphas[t]).sqrt()[:, None, None, None]
        with half():
            if long:
                context = states(text, bpe, texts, 2)
            else:
                context = blanked(text, bpe, texts, torch.rand(len(texts)) < BLANKED)
            predicted = unet(a * x0 + b * noise, t, context).sample
        return mse_loss(predicted.float(), a * noise - b * x0)

    train(run, {"unet": unet, "text": text}, loss)
    return unet, text
