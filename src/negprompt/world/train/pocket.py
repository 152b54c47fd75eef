"""The finished stages → ``models/pocket``, a plain StableDiffusionPipeline folder, and back."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from negprompt.world.judge import FOLDER as JUDGES
from negprompt.world.judge import NETWORKS
from negprompt.world.train import unet as unet_stage
from negprompt.world.train.data import cache
from negprompt.world.train.text import text_config

FOLDER = Path(__file__).parents[2] / "models" / "pocket"


def averages(stage: str, network: str) -> dict[str, Tensor]:
    """The moving averages of one network in a stage's checkpoint."""
    head = f"ema.{network}."
    state = load_file(cache() / f"{stage}.safetensors")
    return {
        name.removeprefix(head): value for name, value in state.items() if name.startswith(head)
    }


def averaged(model: nn.Module, network: str) -> nn.Module:
    """A network of the U-Net stage with its moving averages, training finished or not."""
    model.load_state_dict(averages("unet", network))
    return model


def assemble(folder: Path = FOLDER) -> StableDiffusionPipeline:
    """Write the pipeline from the checkpoints' moving averages, training finished or not."""
    bpe = CLIPTokenizer.from_pretrained(cache() / "tokenizer")
    pipe = StableDiffusionPipeline(
        vae=AutoencoderKL.from_pretrained(cache() / "vae"),
        text_encoder=averaged(CLIPTextModel(text_config(bpe)), "text"),
        tokenizer=bpe,
        unet=averaged(unet_stage.network(), "unet"),
        scheduler=unet_stage.scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.to(dtype=torch.float16).save_pretrained(folder)
    config = folder / "text_encoder" / "config.json"
    # without it transformers loads a float16 text encoder beside diffusers' float32 networks
    settings = {**json.loads(config.read_text()), "dtype": "float32"}
    config.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")
    for name in ("vocab.json", "merges.txt"):
        (folder / "tokenizer" / name).write_bytes((cache() / "tokenizer" / name).read_bytes())
    return pipe


def restore(folder: Path = FOLDER) -> None:
    """Put shipped weights back into the cache, so that ``unet`` and ``judges`` train on from them.

    They begin with a warm-up. The autoencoder and the vocabulary come along; pictures, latents and
    echoes must be made again.  Raises FileExistsError where a checkpoint of one is there already.
    """
    shipped = {
        "unet": {
            "unet": folder / "unet" / "diffusion_pytorch_model.safetensors",
            "text": folder / "text_encoder" / "model.safetensors",
        }
    }
    shipped |= {f"judge-{name}": {"judge": JUDGES / f"{name}.safetensors"} for name in NETWORKS}
    for stage, files in shipped.items():
        _restored(cache() / f"{stage}.safetensors", files)
    for part, name in (("vae", "vae"), ("tokenizer", "tokenizer")):
        shutil.copytree(folder / part, cache() / name, dirs_exist_ok=True)


def _restored(path: Path, files: Mapping[str, Path]) -> None:
    """A checkpoint at step 0 of networks whose weights lie in files."""
    if path.exists():
        raise FileExistsError(path)
    state = {"clock": torch.zeros(2, dtype=torch.float64)}
    for network, file in files.items():
        for name, value in load_file(file).items():
            held = value.float() if value.is_floating_point() else value
            state[f"net.{network}.{name}"] = held
            state[f"ema.{network}.{name}"] = value.clone().float()
    save_file(state, path)
