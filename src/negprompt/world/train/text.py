"""Stage 2: captions → a BPE vocabulary and a contrastive pair, whose text half starts stage 3."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from tokenizers.pre_tokenizers import ByteLevel
from torch import Tensor
from torch.nn.functional import interpolate
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTokenizer, CLIPVisionConfig

from negprompt.world.captions import caption
from negprompt.world.train import together
from negprompt.world.train.data import SHARD, cache, pictures, scene
from negprompt.world.train.loop import DEVICE, Run, half, train
from negprompt.world.train.pixels import to_tensor

WIDTH = 192
"""Hidden size of the text encoder, and cross-attention size of the U-Net."""
MEAN = 0.25
"""Where the mean of the text encoder's states starts."""


def _corpus() -> Iterator[str]:
    rng = np.random.default_rng(0)
    for seed in range(20_000):
        yield _caption(seed, rng)
    for code in range(33, 0x180):
        yield chr(code)


def _caption(seed: int, rng: np.random.Generator) -> str:
    shown, about = scene(seed)
    return caption(shown, rng, about=about)


def tokenizer(folder: Path) -> CLIPTokenizer:
    """Learn the byte-pair vocabulary on captions and write it to ``folder``.

    It is written in both layouts that loaders look for.  Ids differ from one learning to the next
    (equally frequent pairs merge in no fixed order), so networks belong to the files they were
    trained with.
    """
    bpe = CLIPTokenizer().train_new_from_iterator(
        _corpus(), 1200, initial_alphabet=ByteLevel.alphabet()
    )
    bpe.model_max_length = 77
    bpe.save_pretrained(folder)
    model = json.loads((folder / "tokenizer.json").read_text())["model"]
    (folder / "vocab.json").write_text(json.dumps(model["vocab"], ensure_ascii=False))
    merges = (pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"])
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    return bpe


def text_config(bpe: CLIPTokenizer) -> CLIPTextConfig:
    """Two layers of WIDTH, with the ids of this vocabulary: pooling looks for its end token."""
    return CLIPTextConfig(
        vocab_size=len(bpe),
        hidden_size=WIDTH,
        intermediate_size=3 * WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=77,
        projection_dim=128,
        hidden_act="gelu",
        bos_token_id=bpe.bos_token_id,
        eos_token_id=bpe.eos_token_id,
        pad_token_id=bpe.pad_token_id,
        dtype="float32",
    )


def pair_network(bpe: CLIPTokenizer) -> CLIPModel:
    """A CLIP (Radford et al. 2021): two text layers, three layers on 64 patches of 8 × 8 pixels."""
    vision = CLIPVisionConfig(
        hidden_size=160,
        intermediate_size=320,
        num_hidden_layers=3,
        num_attention_heads=4,
        image_size=64,
        patch_size=8,
        projection_dim=128,
        hidden_act="gelu",
    )
    config = CLIPConfig(
        text_config=text_config(bpe).to_dict(), vision_config=vision.to_dict(), projection_dim=128
    )
    # the fused kernel's backward is slow on a CPU
    config._attn_implementation = "eager"  # noqa: SLF001
    model = CLIPModel(config)
    # A1111 restores the mean of the states after weighting: keep that mean away from 0
    torch.nn.init.constant_(model.text_model.final_layer_norm.bias, MEAN)
    return model


def tokens(bpe: CLIPTokenizer, texts: list[str]) -> Tensor:
    """Token ids [n, 77], begin and end included, padded with the end token."""
    read = bpe(texts, padding="max_length", truncation=True, max_length=77, return_tensors="pt")
    ids: Tensor = read.input_ids.to(DEVICE)
    return ids


def _learned(folder: Path, *, anew: bool) -> None:
    """Learn the vocabulary unless it is there: an interrupted stage goes on with its ids."""
    if anew or not (folder / "merges.txt").exists():
        tokenizer(folder)


def fit(run: Run) -> CLIPModel:
    """Train the pair on captions and pictures with the symmetric contrastive loss."""
    torch.manual_seed(run.seed)
    folder = cache() / "tokenizer"
    together.first(lambda: _learned(folder, anew=run.anew))
    bpe = CLIPTokenizer.from_pretrained(folder)
    model = pair_network(bpe)
    shards = pictures()

    def loss(_progress: float, step: int) -> Tensor:
        rng = run.random(step)
        seeds = rng.integers(len(shards) * SHARD, size=run.batch)
        images = np.stack([shards[seed // SHARD][seed % SHARD] for seed in seeds])
        x = interpolate(to_tensor(images), size=64, mode="area")
        ids = tokens(bpe, [_caption(int(seed), rng) for seed in seeds])
        with half():
            out = model(input_ids=ids, pixel_values=x, return_loss=True)
        error: Tensor = out.loss.float()
        return error

    train(run, {"pair": model}, loss)
    together.first(lambda: model.save_pretrained(cache() / "pair"))
    together.first(lambda: bpe.save_pretrained(cache() / "pair"))
    return model
