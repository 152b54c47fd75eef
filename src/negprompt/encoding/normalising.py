"""Weights of tokens → weights of tokens, spread over words or shifted to a mean of 1.

The token normalisations of BlenderNeko/ComfyUI_ADV_CLIP_emb, applied before a weighting scheme.
A word is a run of text between changes of weight; begin, end and padding are no words.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from math import sqrt
from types import MappingProxyType
from typing import Final

from negprompt.encoding.types import TokenWeight

Tokens = tuple[TokenWeight | None, ...]


def none(tokens: Tokens) -> Tokens:
    """Weights as they are written."""
    return tokens


def mean(tokens: Tokens) -> Tokens:
    """``w + 1 − w̄``, where ``w̄`` is the mean weight over all tokens of the prompt."""
    weights = [token.weight for token in tokens if token is not None]
    shift = 1 - sum(weights) / len(weights) if weights else 0.0
    return tuple(_weighing(token, shift + token.weight) if token else None for token in tokens)


def length(tokens: Tokens) -> Tokens:
    """``1 + sign(w − 1)·√((w − 1)² / n)``, which is ``1 + (w − 1)/√n``, n the word's tokens."""
    sizes = Counter(token.word for token in tokens if token is not None)
    return tuple(
        _weighing(token, 1 + (token.weight - 1) / sqrt(sizes[token.word])) if token else None
        for token in tokens
    )


def length_and_mean(tokens: Tokens) -> Tokens:
    """``length``, then ``mean``."""
    return mean(length(tokens))


NORMALISATIONS: Final[Mapping[str, Callable[[Tokens], Tokens]]] = MappingProxyType(
    {"none": none, "mean": mean, "length": length, "length+mean": length_and_mean}
)
"""Every normalisation by the name under which it is asked for."""


def _weighing(token: TokenWeight, weight: float) -> TokenWeight:
    return replace(token, weight=weight)
