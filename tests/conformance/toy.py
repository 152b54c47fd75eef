"""The text encoder and the tokenizer that the embedding suites define by a formula."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor

from negprompt.encoding.tokens import Chunk, Limits

BOS: Final = 49406
EOS: Final = 49407
MASKING: Final = 266  # the token that ADV_CLIP_emb puts in place of a word

_CHANNELS: Final = 4
_NUMBERED: Final = re.compile(r"\bt(?P<number>\d+)|\bempty\b")
_EMPTY_WORD: Final = 9712


def limits(length: int, pad: int = EOS) -> Limits:
    """How a chunk of ``length`` ids, begin and end among them, is bounded."""
    return Limits(bos=BOS, eos=EOS, pad=pad, comma=None, room=length - 2, plus=MASKING)


def read(ids: Sequence[int], hidden: frozenset[int] = frozenset()) -> Tensor:
    """``z(t, c) = e(t, c) + mean of e over s <= t that is not hidden / 2 + cos(0.3 t (c+1)) / 10``.

    ``e(t, c) = sin(0.7 (c+1) + 0.013 (id mod 997) (c+1)) + 0.25``, in float64: ``[t, 4]``.
    """
    c = torch.arange(1, _CHANNELS + 1, dtype=torch.float64)
    numbers = torch.tensor([number % 997 for number in ids], dtype=torch.float64)[:, None]
    e = torch.sin(0.7 * c + 0.013 * numbers * c) + 0.25
    seen = torch.tensor([float(place not in hidden) for place in range(len(ids))])[:, None]
    count = seen.cumsum(0).clamp(min=1)
    places = torch.arange(len(ids), dtype=torch.float64)[:, None]
    return e + 0.5 * (e * seen).cumsum(0) / count + 0.1 * torch.cos(0.3 * places * c)


@dataclass(frozen=True, slots=True)
class States:
    """What a Reading asks of an encoder, for chunks of these bounds."""

    bounds: Limits

    def __call__(self, chunk: Chunk, hidden: frozenset[int]) -> Tensor:
        """Hidden states of a chunk, ``[t, 4]``."""
        return read(chunk.ids(self.bounds), hidden)


class NumberedWords:
    """A tokenizer for which ``t12`` is token 12, "empty" is 9712, and other text is nothing."""

    bos_token_id = BOS
    eos_token_id = EOS
    pad_token_id = EOS

    def __init__(self, length: int) -> None:
        self.model_max_length = length

    def __call__(self, text: str, **settings: Any) -> dict[str, Any]:
        """Token ids, and where they stand."""
        found = list(_NUMBERED.finditer(text))
        return {
            "input_ids": [int(word["number"] or _EMPTY_WORD) for word in found],
            "offset_mapping": [word.span() for word in found],
        }

    def convert_tokens_to_ids(self, tokens: str) -> Any:
        """No token has a spelling."""
        return None
