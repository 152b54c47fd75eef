"""A whole text → hidden states, through T5: no chunks, one text of a bounded length.

T5 reads the text of all runs as one, so that brackets change weights and no tokens.  What falls
past its length is not read; BREAK and the names of textual inversions mean nothing to it.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch

from negprompt.encoding.clip import Hidden, device_of
from negprompt.encoding.names import called
from negprompt.encoding.tokens import NO_NAMES, Chunk, Limits, runs
from negprompt.encoding.types import TokenWeight
from negprompt.language import Prompt


@dataclass(frozen=True, slots=True)
class T5Encoder:
    """A T5 encoder with its tokenizer, for texts of ``length`` tokens with the one that ends them.

    A pipeline without one (Stable Diffusion 3) has ``model`` None, and zeros in its place.
    """

    tokenizer: Any
    model: Any
    length: int
    width: int
    """Numbers in the embedding of one token."""

    @property
    def limits(self) -> Limits:
        """How a text is bounded: nothing stands before it."""
        if self.model is None:
            return Limits(bos=None, eos=1, pad=0, comma=None, room=self.length - 1)
        plus = self.tokenizer.convert_tokens_to_ids("▁+")
        return Limits(
            bos=None,
            eos=self.tokenizer.eos_token_id,
            pad=self.tokenizer.pad_token_id,
            comma=None,
            room=self.length - 1,
            plus=None if plus == self.tokenizer.unk_token_id else plus,
        )

    def tokens(self, prompt: Prompt) -> tuple[TokenWeight, ...]:
        """All tokens of a prompt, also those that fall past its length."""
        if self.model is None:
            return ()
        segments = list(runs(prompt))
        texts = [" " if s.is_break else _without_calls(s.text, prompt.dialect) for s in segments]
        starts = [0, *accumulate(map(len, texts))]
        joined = "".join(texts)
        read = self.tokenizer(
            joined, add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )
        made = []
        for number, (first, stop) in zip(read["input_ids"], read["offset_mapping"], strict=True):
            text = joined[first:stop]
            at = first + len(text) - len(text.lstrip()) if text.strip() else first
            place = min(bisect_right(starts, at), len(segments)) - 1
            segment, begin = segments[place], starts[place]
            weight = 1.0 if segment.is_break else segment.weight
            span = segment.locate(at - begin, min(stop - begin, len(texts[place])))
            made.append(TokenWeight(number, text, weight, span, chunk=0, word=place + 1))
        return tuple(made)

    def cut(self, tokens: Iterable[TokenWeight | None]) -> list[Chunk]:
        """The one chunk that is read."""
        kept = [token for token in tokens if token is not None]
        return [Chunk(tuple(kept[: self.length - 1]))]

    def past(self, prompt: Prompt) -> tuple[TokenWeight, ...]:
        """The tokens that are not read."""
        return self.tokens(prompt)[self.length - 1 :]

    @torch.no_grad()
    def __call__(self, chunk: Chunk, hidden: frozenset[int] = frozenset()) -> Hidden:
        """Encode one text ``[1, length, width]``; no position attends to the ``hidden`` ones."""
        if self.model is None:
            return Hidden(torch.zeros(1, self.length, self.width), None)
        device = device_of(self.model)
        settings: dict[str, Any] = {}
        if hidden:
            seen = [int(place not in hidden) for place in range(self.length)]
            settings["attention_mask"] = torch.tensor([seen], device=device)
        ids = torch.tensor([chunk.ids(self.limits)], device=device)
        return Hidden(self.model(ids, **settings)[0], None)


def _without_calls(text: str, dialect: str) -> str:
    """A text with spaces in place of the names of textual inversions, which are CLIP's."""
    for call in called(text, dialect, NO_NAMES):
        text = text[: call.start] + " " * (call.stop - call.start) + text[call.stop :]
    return text
