"""One chunk of tokens → hidden states, through a CLIP text encoder of transformers.

Every chunk is encoded by itself, so that its embedding is the same whatever is encoded beside it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from negprompt.encoding.names import Names
from negprompt.encoding.tokens import NO_NAMES, Chunk, Limits, Tokenizer
from negprompt.errors import RequestError, shown


@dataclass(frozen=True, slots=True)
class Hidden:
    """What an encoder says of one chunk."""

    states: Tensor
    """``[1, room + 2, d]``"""
    pooled: Tensor | None
    """``[1, p]`` where the encoder has a projection."""


class Encoder(Protocol):
    """What reads one chunk at a time."""

    @property
    def limits(self) -> Limits:
        """How a chunk is bounded."""
        ...

    def __call__(self, chunk: Chunk, hidden: frozenset[int] = frozenset()) -> Hidden:
        """Encode one chunk; no position attends to the ``hidden`` ones."""
        ...


@dataclass(frozen=True, slots=True)
class TextEncoder:
    """A CLIP text encoder with its tokenizer, read as one family of models reads it."""

    tokenizer: Tokenizer
    model: Any
    """A ``CLIPTextModel`` or ``CLIPTextModelWithProjection``."""
    penultimate: bool = False
    """Take the last hidden state but one, without final norm (SDXL), not the last with it."""
    pooled: str = "text_embeds"
    """Name of the output that is the pooled embedding, where the model has it."""
    skip: int = 1
    """A1111's "Clip skip": take the last hidden state but ``skip − 1``, with final norm."""
    names: Names = field(default=NO_NAMES, repr=False)
    """The textual inversions that a prompt may call."""

    @property
    def limits(self) -> Limits:
        """How a chunk is bounded."""
        return Limits.of(self.tokenizer)

    @property
    def width(self) -> int:
        """Numbers in the embedding of one token, which is what an inversion's vector has."""
        return int(self.model.get_input_embeddings().weight.shape[-1])

    def spelled(self, number: int) -> str:
        """A token as the vocabulary writes it, ``cat</w>``."""
        convert: Any = getattr(self.tokenizer, "convert_ids_to_tokens")  # noqa: B009 - optional
        return str(convert(number))

    def skipping(self, skip: int) -> "TextEncoder":
        """The same encoder with another clip skip, 1 to its number of layers.

        One that takes its last state but one anyway stays as it is. Raises RequestError
        ``value-out-of-range``.
        """
        layers = self.model.config.num_hidden_layers
        if not 1 <= skip <= layers:
            raise RequestError(
                f"clip skip is {shown(skip)}",
                code="value-out-of-range",
                cure=f"give a whole number from 1 to {layers}",
            )
        return self if self.penultimate else replace(self, skip=skip)

    @torch.no_grad()
    def __call__(self, chunk: Chunk, hidden: frozenset[int] = frozenset()) -> Hidden:
        """Encode one chunk; no position attends to the ``hidden`` ones. Shapes: see Hidden."""
        device = device_of(self.model)
        settings: dict[str, Any] = {"output_hidden_states": self.penultimate or self.skip > 1}
        if hidden:
            seen = [int(place not in hidden) for place in range(self.limits.length)]
            settings["attention_mask"] = torch.tensor([seen], device=device)
        vectors = {
            place: self.names.load(token.vector.file)[token.vector.index]
            for place, token in enumerate(chunk.tokens, 1)
            if token.vector is not None
        }
        with _standing_in(self.model, vectors):
            out = self.model(torch.tensor([chunk.ids(self.limits)], device=device), **settings)
        return Hidden(self._states(out), getattr(out, self.pooled, None))

    def _states(self, out: Any) -> Tensor:
        if self.penultimate:
            states: Tensor = out.hidden_states[-2]
        elif self.skip > 1:
            inner = getattr(self.model, "text_model", self.model)
            states = inner.final_layer_norm(out.hidden_states[-self.skip])
        else:
            states = out.last_hidden_state
        return states


@contextmanager
def _standing_in(model: Any, vectors: Mapping[int, Tensor]) -> Iterator[None]:
    """Vectors in place of the embeddings of the tokens at some positions, while this lasts."""
    if not vectors:
        yield
        return

    def put(layer: Any, args: Any, embedded: Tensor) -> Tensor:
        for place, vector in vectors.items():
            embedded[:, place] = vector.to(embedded)
        return embedded

    handle = model.get_input_embeddings().register_forward_hook(put)
    try:
        yield
    finally:
        handle.remove()


def device_of(model: Any) -> torch.device:
    """Where a model wants its input: under offloading not where its weights lie."""
    hook = getattr(model, "_hf_hook", None)
    device = getattr(hook, "execution_device", None)
    return torch.device(model.device if device is None else device)
