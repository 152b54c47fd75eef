"""A pipeline → one file in the layout of the original trainers, as people share checkpoints."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

UNET = "model.diffusion_model."
VAE = "first_stage_model."

RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
ENDS = {
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
}
ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
OPEN_CLIP = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}


def save(pipe: Any, file: Path, **more: Tensor) -> Path:
    """Write the file; ``more`` are tensors that mark a kind, such as ``v_pred``."""
    state = {
        **{UNET + unet_name(k, layers=1): v for k, v in pipe.unet.state_dict().items()},
        **autoencoder(pipe.vae),
    }
    if hasattr(pipe, "text_encoder_2"):
        state |= prefixed("conditioner.embedders.0.transformer.", clip(pipe.text_encoder))
        state |= prefixed("conditioner.embedders.1.model.", open_clip(pipe.text_encoder_2))
    else:
        state |= prefixed("cond_stage_model.transformer.", clip(pipe.text_encoder))
    write(state | more, file)
    return file


SD3 = {
    "time_text_embed.timestep_embedder.linear_1": "t_embedder.mlp.0",
    "time_text_embed.timestep_embedder.linear_2": "t_embedder.mlp.2",
    "time_text_embed.text_embedder.linear_1": "y_embedder.mlp.0",
    "time_text_embed.text_embedder.linear_2": "y_embedder.mlp.2",
    "pos_embed.pos_embed": "pos_embed",
    "pos_embed.proj": "x_embedder.proj",
    "norm1_context.linear": "context_block.adaLN_modulation.1",
    "norm1.linear": "x_block.adaLN_modulation.1",
    "norm_out.linear": "final_layer.adaLN_modulation.1",
    "proj_out": "final_layer.linear",
    "ff_context.net.0.proj": "context_block.mlp.fc1",
    "ff_context.net.2": "context_block.mlp.fc2",
    "ff.net.0.proj": "x_block.mlp.fc1",
    "ff.net.2": "x_block.mlp.fc2",
    "attn.to_out.0": "x_block.attn.proj",
    "attn2.to_out.0": "x_block.attn2.proj",
    "attn.to_add_out": "context_block.attn.proj",
    "attn.norm_added_q": "context_block.attn.ln_q",
    "attn.norm_added_k": "context_block.attn.ln_k",
    "attn.norm_q": "x_block.attn.ln_q",
    "attn.norm_k": "x_block.attn.ln_k",
    "attn2.norm_q": "x_block.attn2.ln_q",
    "attn2.norm_k": "x_block.attn2.ln_k",
}
QKV = {
    "attn.qkv": ("x_block.attn.qkv", "attn.to_q", "attn.to_k", "attn.to_v"),
    "attn2.qkv": ("x_block.attn2.qkv", "attn2.to_q", "attn2.to_k", "attn2.to_v"),
    "added": ("context_block.attn.qkv", "attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
}


def sd3(transformer: Any) -> dict[str, Tensor]:
    """The transformer of Stable Diffusion 3: query, key and value in one matrix, shift first."""
    state, made = dict(transformer.state_dict()), {}
    last = f"transformer_blocks.{transformer.config.num_layers - 1}.norm1_context.linear."
    for name in list(state):
        if name.startswith((last, "norm_out.linear.")):
            state[name] = torch.cat(state[name].chunk(2)[::-1])
        for theirs, *parts in QKV.values():
            if f".{parts[0]}." in name:
                start, end = name.split(parts[0])
                made[start + theirs + end] = torch.cat([state.pop(start + p + end) for p in parts])
    made |= {renamed(name, SD3) if name != "pos_embed.pos_embed" else "pos_embed": value
             for name, value in state.items()}  # fmt: skip
    return {UNET + k.replace("transformer_blocks", "joint_blocks"): v for k, v in made.items()}


def save_sd3(pipe: Any, file: Path, *, whole: bool) -> Path:
    """Write the transformer, or all that ``pipe`` has."""
    state = sd3(pipe.transformer)
    if whole:
        state |= autoencoder(pipe.vae)
        for part, name in (("text_encoder", "clip_l"), ("text_encoder_2", "clip_g")):
            state |= prefixed(f"text_encoders.{name}.transformer.", clip(getattr(pipe, part)))
        t5 = pipe.text_encoder_3.state_dict()
        state |= prefixed("text_encoders.t5xxl.transformer.", t5)
    write(state, file)
    return file


def write(state: Mapping[str, Tensor], file: Path) -> None:
    save_file({name: value.contiguous().clone() for name, value in state.items()}, file)


def prefixed(start: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {start + name: value for name, value in state.items()}


def unet_name(name: str, *, layers: int) -> str:
    """A name in the U-Net, for blocks of so many layers."""
    for ours, theirs in ENDS.items():
        if name.startswith(ours + "."):
            return theirs + name[len(ours) :]
    side, rest = name.split(".", 1)
    if side == "mid_block":
        kind, place, leaf = rest.split(".", 2)
        where = f"middle_block.{1 if kind == 'attentions' else 2 * int(place)}"
        return f"{where}.{leaf if kind == 'attentions' else renamed(leaf, RESNET)}"
    block, kind, place, leaf = rest.split(".", 3)
    first = int(block) * (layers + 1)
    if side == "down_blocks":
        if kind == "downsamplers":
            return f"input_blocks.{first + layers + 1}.0.{leaf.replace('conv', 'op')}"
        where = f"input_blocks.{first + 1 + int(place)}"
    else:
        if kind == "upsamplers":  # after the block's last attention; the first block has some
            return f"output_blocks.{first + layers}.{2 if block == '0' else 1}.{leaf}"
        where = f"output_blocks.{first + int(place)}"
    if kind == "attentions":
        return f"{where}.1.{leaf}"
    return f"{where}.0.{renamed(leaf, RESNET)}"


def autoencoder(vae: Any) -> dict[str, Tensor]:
    """An autoencoder's tensors; attention was a convolution there."""
    made = {}
    count = len(vae.config.block_out_channels)
    for name, value in vae.state_dict().items():
        new = re.sub(r"down_blocks\.(\d+)\.resnets", r"down.\1.block", name)
        new = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", new)
        new = re.sub(
            r"up_blocks\.(\d+)\.resnets", lambda m: f"up.{count - 1 - int(m[1])}.block", new
        )
        new = re.sub(
            r"up_blocks\.(\d+)\.upsamplers\.0",
            lambda m: f"up.{count - 1 - int(m[1])}.upsample",
            new,
        )
        new = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", new)
        new = new.replace("conv_shortcut", "nin_shortcut").replace("conv_norm_out", "norm_out")
        if "mid_block.attentions.0." in new:
            new = new.replace("mid_block.attentions.0", "mid.attn_1")
            new = renamed(new, ATTENTION)
        square = ".attn_1." in new and value.ndim == 2
        made[VAE + new] = value[..., None, None] if square else value
    return made


def clip(encoder: Any) -> dict[str, Tensor]:
    state = encoder.state_dict()
    bare = ("text_model.", "text_projection.")
    return {k if k.startswith(bare) else f"text_model.{k}": v for k, v in state.items()}


def open_clip(encoder: Any) -> dict[str, Tensor]:
    """A text encoder as OpenCLIP names it: query, key and value in one matrix."""
    state = {k.removeprefix("text_model."): v for k, v in encoder.state_dict().items()}
    made = {
        "positional_embedding": state.pop("embeddings.position_embedding.weight"),
        "token_embedding.weight": state.pop("embeddings.token_embedding.weight"),
        "ln_final.weight": state.pop("final_layer_norm.weight"),
        "ln_final.bias": state.pop("final_layer_norm.bias"),
    }
    if "text_projection.weight" in state:
        made["text_projection"] = state.pop("text_projection.weight").T
    for kind in ("weight", "bias"):
        for layer in range(encoder.config.num_hidden_layers):
            parts = [state.pop(f"encoder.layers.{layer}.self_attn.{x}_proj.{kind}") for x in "qkv"]
            made[f"transformer.resblocks.{layer}.attn.in_proj_{kind}"] = torch.cat(parts)
    state.pop("embeddings.position_ids", None)
    for name, value in state.items():
        new = name.replace("encoder.layers", "transformer.resblocks")
        made[renamed(new, OPEN_CLIP)] = value
    return made


def renamed(name: str, table: Mapping[str, str]) -> str:
    for ours, theirs in table.items():
        if f".{ours}." in f".{name}":
            return f".{name}".replace(f".{ours}.", f".{theirs}.")[1:]
    return name
