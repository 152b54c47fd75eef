"""Stage 5: pictures, their echoes and captions → the contrastive pair that ships, a plain CLIP.

It reads a term against a picture with no training on the term, as the CLIP of a user does: what a
probe ``clip:`` says can be held against what is true.  No other stage needs it.
"""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPProcessor,
    CLIPTextConfig,
    CLIPTokenizer,
    CLIPVisionConfig,
)

from negprompt.world.captions import caption
from negprompt.world.judge import FOLDER as JUDGES
from negprompt.world.train import together
from negprompt.world.train.data import cache, scene
from negprompt.world.train.judges import batch
from negprompt.world.train.loop import DEVICE, Run, half, train

FOLDER = JUDGES / "clip"
SIZE, PATCH = 128, 16
SHAPE = {"num_attention_heads": 4, "hidden_act": "gelu", "projection_dim": 96}


def network(bpe: CLIPTokenizer) -> CLIPModel:
    """A CLIP (Radford et al. 2021): two text layers of 96, three of 128 on 64 patches."""
    text = CLIPTextConfig(
        vocab_size=len(bpe), hidden_size=96, intermediate_size=288, num_hidden_layers=2,
        max_position_embeddings=77, bos_token_id=bpe.bos_token_id, eos_token_id=bpe.eos_token_id,
        pad_token_id=bpe.pad_token_id, dtype="float32", **SHAPE,
    )  # fmt: skip
    vision = CLIPVisionConfig(
        hidden_size=128, intermediate_size=256, num_hidden_layers=3, image_size=SIZE,
        patch_size=PATCH, dtype="float32", **SHAPE,
    )  # fmt: skip
    config = CLIPConfig(
        text_config=text.to_dict(), vision_config=vision.to_dict(),
        projection_dim=SHAPE["projection_dim"],
    )  # fmt: skip
    # the fused kernel's backward is slow on a CPU
    config._attn_implementation = "eager"  # noqa: SLF001
    return CLIPModel(config)


def said(seed: int, rng: np.random.Generator) -> str:
    """A caption of a training scene that says something."""
    shown, about = scene(seed)
    while not (text := caption(shown, rng, about=about)):
        pass
    return text


def fit(run: Run, folder: Path = FOLDER) -> CLIPModel:
    """Train with the symmetric contrastive loss on the shipped vocabulary; write float16."""
    torch.manual_seed(run.seed)
    bpe = CLIPTokenizer.from_pretrained(cache() / "tokenizer")
    model = network(bpe)

    def loss(_progress: float, step: int) -> Tensor:
        rng = run.random(step)
        x, seeds = batch(rng, run.batch)
        texts = [said(seed, rng) for seed in seeds]
        ids = bpe(texts, padding=True, truncation=True, max_length=77, return_tensors="pt")
        with half():
            out = model(**ids.to(DEVICE), pixel_values=x, return_loss=True)
        error: Tensor = out.loss.float()
        return error

    train(run, {"clip": model}, loss)
    together.first(lambda: write(model, bpe, folder))
    return model


def write(model: CLIPModel, bpe: CLIPTokenizer, folder: Path) -> None:
    """The folder that ``CLIPModel`` and ``CLIPProcessor`` load, weights in float16."""
    size = {"height": SIZE, "width": SIZE}
    cut = CLIPImageProcessor(
        size={"shortest_edge": SIZE}, crop_size=size, image_mean=[0.5] * 3, image_std=[0.5] * 3
    )
    CLIPProcessor(cut, bpe).save_pretrained(folder)
    settings = model.config.to_dict() | {"architectures": ["CLIPModel"], "dtype": "float32"}
    text = json.dumps(settings, indent=2, sort_keys=True) + "\n"
    (folder / "config.json").write_text(text)
    weights = {name: value.half().cpu().contiguous() for name, value in model.state_dict().items()
               if not name.endswith("position_ids")}  # fmt: skip
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
