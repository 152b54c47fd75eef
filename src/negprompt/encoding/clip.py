"""One chunk of token ids → hidden states, through a CLIP text encoder of transformers.

Every chunk is encoded by itself, so that its embedding is the same whatever is encoded beside it.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from negprompt.encoding.tokens import Chunk, Limits, Tokenizer


@dataclass(frozen=True, slots=True)
class Hidden:
    """What an encoder says of one chunk."""

    states: Tensor
    """``[1, room + 2, d]``"""
    pooled: Tensor | None
    """``[1, p]`` where the encoder has a projection."""


@dataclass(frozen=True, slots=True)
class TextEncoder:
    """A CLIP text encoder with its tokenizer, read as one family of models reads it."""

    tokenizer: Tokenizer
    model: Any
    """A ``CLIPTextModel`` or ``CLIPTextModelWithProjection``."""
    penultimate: bool = False
    """Take the last hidden state but one, without final norm (SDXL), not the last with it."""

    @property
    def limits(self) -> Limits:
        """How a chunk is bounded."""
        return Limits.of(self.tokenizer)

    @torch.no_grad()
    def __call__(self, chunk: Chunk) -> Hidden:
        """Encode one chunk. Shapes: see Hidden."""
        ids = torch.tensor([chunk.ids(self.limits)], device=_device(self.model))
        out = self.model(ids, output_hidden_states=self.penultimate)
        states = out.hidden_states[-2] if self.penultimate else out.last_hidden_state
        return Hidden(states, getattr(out, "text_embeds", None))


def _device(model: Any) -> torch.device:
    """Where a model wants its input: under offloading not where its weights lie."""
    hook = getattr(model, "_hf_hook", None)
    device = getattr(hook, "execution_device", None)
    return torch.device(model.device if device is None else device)
