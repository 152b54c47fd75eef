"""Captions and a full text encoder → a folder with a limited one, which ``--text-encoder`` takes.

The student has one layer, one head, a narrow feed-forward and few words: every other token has the
embedding of one unknown token.  It learns from the captions of the world to give the full encoder's
states.  ``encoder_swap.py`` measures what a U-Net draws with it.
"""

import argparse
import hashlib
import json
import shutil
import sys
from collections.abc import Sequence
from math import cos, pi
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel

from negprompt.engine import loaded
from negprompt.engine.written import write
from negprompt.models.load import quiet
from negprompt.world.captions import caption
from negprompt.world.factors import COLOURS, SUBJECT_WORDS
from negprompt.world.train.data import HELD_OUT, cache, scene
from negprompt.world.train.text import tokens

WORDS: Final = (
    *(words[0] for words in SUBJECT_WORDS.values()), "circle", "square", *COLOURS,
    "in", "on", "of", "and", "with", ",", "meadow", "beach", "snowy", "night", "town", "forest",
    "room", "studio",
    "blurry", "noise", "watermark", "extra", "fingers", "scarf", "hat", "parasol",
)  # fmt: skip
"""What the student knows: subjects, colours, places, and the concepts that captions name most.

No style, and no article, for "an" before an unknown word would tell the illustration.
"""
ASKED: Final = range(HELD_OUT + 5_000_000, HELD_OUT + 5_000_256)
"""Seeds of the captions on which the student is tested."""


def known(tokenizer: Any, words: Sequence[str]) -> Tensor:
    """Which tokens of the vocabulary the student knows, bool ``[vocabulary]``.

    ValueError for a word that is not one token.
    """
    found = torch.zeros(len(tokenizer), dtype=torch.bool)
    found[[tokenizer.bos_token_id, tokenizer.eos_token_id]] = True
    for word in words:
        ids = tokenizer(word, add_special_tokens=False).input_ids
        if len(ids) != 1:
            raise ValueError(f"{word} is {len(ids)} tokens")
        found[ids] = True
    return found


def limited(full: Any) -> Any:
    """One layer with one head between copies of the full encoder's embeddings and last norm."""
    narrow = {
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "intermediate_size": full.config.hidden_size // 3,
        "dtype": "float32",
    }
    config = CLIPTextConfig.from_dict(full.config.to_dict() | narrow)
    # the fused kernel's backward is slow on a CPU
    config._attn_implementation = "eager"  # noqa: SLF001 - it has no public name
    student = CLIPTextModel(config)
    inner, own = (getattr(model, "text_model", model) for model in (student, full))
    inner.embeddings.load_state_dict(own.embeddings.state_dict())
    inner.final_layer_norm.load_state_dict(own.final_layer_norm.state_dict())
    return student


def distil(full: Any, tokenizer: Any, knows: Tensor, asked: argparse.Namespace) -> Any:
    """Minimise ``E|S(x') - T(x)|²``; x' has one token for all that the student does not know.

    Words, and ends (the end token and the padding), count alike.  Hinton et al. 2015,
    arXiv:1503.02531, on hidden states in place of probabilities.
    """
    torch.manual_seed(asked.seed)
    student, unknown = limited(full).to(full.device), int((~knows).nonzero()[0])
    optimiser = torch.optim.AdamW(student.parameters(), asked.rate)
    for step in range(asked.train_steps):
        rng = np.random.default_rng((asked.seed, step))
        ids = _captions(tokenizer, rng.integers(1_000_000, size=asked.batch), rng)
        with torch.no_grad():
            aim = full(ids).last_hidden_state
        apart = (student(torch.where(knows[ids], ids, unknown)).last_hidden_state - aim).square()
        ends = ids == tokenizer.eos_token_id
        at_words, at_ends = apart[~ends].mean(), apart[ends].mean()
        optimiser.param_groups[0]["lr"] = asked.rate * _pace(step, asked.train_steps)
        optimiser.zero_grad()
        (at_words + at_ends).backward()
        optimiser.step()
        if step % 100 == 0:
            say(f"student, step {step} of {asked.train_steps}: squared error {at_words.item():.3f} "
                f"at words, {at_ends.item():.4f} at ends")  # fmt: skip
    with torch.no_grad():
        table = student.get_input_embeddings().weight
        table[~knows] = table[unknown].clone()
    return student.eval()


@torch.no_grad()
def missed(student: Any, full: Any, tokenizer: Any) -> dict[str, float]:
    """How much of what the full encoder says of held-out captions the student does not say.

    ``Σ|S(x) - T(x)|² / Σ|T(x) - T("")|²``: 0 for a perfect copy, 1 for one as far off as silence.
    """
    ids = _captions(tokenizer, ASKED, np.random.default_rng(0))
    said, ends = full(ids).last_hidden_state, ids == tokenizer.eos_token_id
    apart = (student(ids).last_hidden_state - said).square().sum(-1)
    silent = (full(tokens(tokenizer, [""])).last_hidden_state - said).square().sum(-1)
    places = {"words": ~ends, "ends": ends}
    return {name: float(apart[at].sum() / silent[at].sum()) for name, at in places.items()}


def taught(asked: argparse.Namespace, words: Sequence[str]) -> Path:
    """The folder of the student, which is taught first where it is not there.

    ``missed.json`` is beside its weights.
    """
    pipe = loaded(asked.model).pipe
    full, tokenizer = pipe.text_encoder, pipe.tokenizer
    settings = [asked.seed, asked.train_steps, asked.batch, asked.rate, *words]
    digest = hashlib.sha256(json.dumps(settings).encode())
    for value in full.state_dict().values():
        digest.update(value.cpu().float().contiguous().numpy().data)
    folder = cache() / f"student-{digest.hexdigest()[:16]}"
    if not folder.exists():
        student = distil(full, tokenizer, known(tokenizer, words).to(full.device), asked)
        part = folder.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        with quiet():
            student.save_pretrained(part)
        write(part / "missed.json", json.dumps(missed(student, full, tokenizer)).encode())
        part.replace(folder)
    return folder


def _pace(step: int, steps: int) -> float:
    """A linear warm-up over a tenth of the steps, under a cosine."""
    return min(1.0, 10 * (step + 1) / steps) * 0.5 * (1 + cos(pi * step / steps))


def _captions(tokenizer: Any, seeds: Any, rng: np.random.Generator) -> Tensor:
    """Captions of the scenes of some seeds, int64 ``[n, 77]``."""
    scenes = (scene(int(seed)) for seed in seeds)
    return tokens(tokenizer, [caption(shown, rng, about=about) for shown, about in scenes])


def say(text: str) -> None:
    """Progress, on standard error."""
    print(text, file=sys.stderr, flush=True)
