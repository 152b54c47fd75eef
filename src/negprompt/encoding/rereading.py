"""Weights of tokens → weighted embeddings, by reading the prompt again without its weak words.

These schemes ask the encoder what a prompt would say if a word were not there, since a word has
also changed the embeddings of those around it. They cost one more pass of the text encoder for each
level or word. ``z`` are the hidden states of a chunk, ``w`` its weights, ``z0`` those of the empty
prompt; ``z(−A)`` those of the prompt with the words A hidden or taken out.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import pi, tan
from typing import TYPE_CHECKING, Final

from negprompt.encoding.reading import Reading
from negprompt.encoding.tokens import Chunk
from negprompt.encoding.types import TokenWeight

if TYPE_CHECKING:
    from torch import Tensor

_LEAST: Final = 1e-5  # weight at which compel stops, so that the tangent stays finite


def comfy_plus_plus(r: Reading) -> "list[Tensor]":
    """ADV_CLIP_emb's ``comfy++``: words fade by hiding them, and grow by what they change.

    ``faded(z) + Σ_u (w_u − 1)·(z − z(−u))`` at the tokens of each word u of weight above 1, with
    ``faded`` as in ``down_weight``.  BlenderNeko/ComfyUI_ADV_CLIP_emb.
    """
    made = _faded(r, r.chunks, r.z)
    weights: dict[int, float] = {}  # of each word, that of its first token
    for token in (token for chunk in r.chunks for token in chunk.tokens):
        weights.setdefault(token.word, token.weight)
    for place, chunk in enumerate(r.chunks):
        more = r.column([max(weight, 1.0) - 1 for weight in chunk.weights(r.limits)])
        for word in dict.fromkeys(token.word for token in chunk.tokens if weights[token.word] > 1):
            there = r.column([float(other == word) for other in chunk.words(r.limits)])
            apart = r.z(chunk) - r.z(r.less(chunk, _belongs_to(word)))
            made[place] = made[place] + there * more * apart
    return made


def down_weight(r: Reading) -> "list[Tensor]":
    """ADV_CLIP_emb's ``down_weight``: all weights divided by the largest, then words only fade.

    With the levels ``l₁ < … < l_k < 1`` among the divided weights, ``l_{k+1} = 1``, and ``A_i`` all
    words of weight ``l_i`` or less: ``l₁·z + Σ_i (l_{i+1} − l_i)·z(−A_i)``; hidden words are read
    as ``+``.  BlenderNeko/ComfyUI_ADV_CLIP_emb.
    """
    top = max([1.0, *(t.weight for chunk in r.chunks for t in chunk.tokens)])
    scaled = [
        Chunk(tuple(replace(token, weight=token.weight / top) for token in chunk.tokens))
        for chunk in r.chunks
    ]
    return _faded(r, scaled, r.z)


def compel_adv(r: Reading) -> "list[Tensor]":
    """ADV_CLIP_emb's ``compel``: weights above 1 as ComfyUI's, those below as in ``down_weight``.

    ``faded(u)`` with ``u = z0 + max(w, 1)·(z − z0)``.  BlenderNeko/ComfyUI_ADV_CLIP_emb.
    """

    def raised(chunk: Chunk) -> "Tensor":
        w = r.column([max(weight, 1.0) for weight in chunk.weights(r.limits)])
        return r.z0 + w * (r.z(chunk) - r.z0)

    return _faded(r, r.chunks, raised)


def compel(r: Reading) -> "list[Tensor]":
    """compel: interpolation from the empty prompt, and a blend with the prompt minus weak words.

    With ``u = z0 + w(z − z0)`` and ``u(−i)`` the same while no token attends to word i, over all
    words of weight below 1: ``(u + Σ_i c_i·u(−i)) / (1 + Σ_i c_i)``, ``c_i = tan((1 − w_i)·π/2)``,
    ``w_i`` at least 1e-5. The end of a chunk is hidden too where a limit cuts the word off there.
    damian0815/compel 2.5, ``DownweightMode.MASK``.
    """

    def hiding(word: int) -> "list[Tensor]":
        whole = sum(t is not None and t.word == word for t in r.tokens)
        left = sum(t.word == word for chunk in r.chunks for t in chunk.tokens)
        made = []
        for place, chunk in enumerate(r.chunks, 1):
            hidden = {i for i, other in enumerate(chunk.words(r.limits)) if other == word}
            if left < whole and hidden and place == len(r.chunks):
                hidden |= set(range(max(hidden), r.limits.length))
            made.append(_lerped(r, chunk, frozenset(hidden)))
        return made

    return _blended(r, hiding)


def compel_remove(r: Reading) -> "list[Tensor]":
    """``compel`` with compel's mode REMOVE: weak words are taken out, and what follows moves up.

    The formula is that of ``compel`` with ``u(−i)`` the prompt that never had word i; where that
    has fewer chunks (compel crashes there) the empty prompt stands in for the missing ones.
    """

    def leaving_out(word: int) -> "list[Tensor]":
        rest = r.cut(t for t in r.tokens if t is None or t.word != word)
        made = [_lerped(r, chunk, frozenset()) for chunk in rest]
        return [*made, *[r.z0] * (len(r.chunks) - len(made))]

    return _blended(r, leaving_out)


def _belongs_to(word: int) -> Callable[[TokenWeight], bool]:
    return lambda token: token.word == word


def _faded(
    r: Reading, chunks: Sequence[Chunk], read: "Callable[[Chunk], Tensor]"
) -> "list[Tensor]":
    """The prompt mixed with itself less and less its weak words; see ``down_weight``."""
    levels = sorted({t.weight for chunk in chunks for t in chunk.tokens if t.weight < 1})
    if not levels:
        return [read(chunk) for chunk in chunks]
    made = [levels[0] * read(chunk) for chunk in chunks]
    for level, above in zip(levels, [*levels[1:], 1.0], strict=True):
        less = [read(chunk) for chunk in r.fainter(chunks, level)]
        made = [z + (above - level) * z_less for z, z_less in zip(made, less, strict=True)]
    return made


def _lerped(r: Reading, chunk: Chunk, hidden: frozenset[int]) -> "Tensor":
    return r.z0 + r.w(chunk) * (r.states(chunk, hidden) - r.z0)


def _blended(r: Reading, minus: "Callable[[int], list[Tensor]]") -> "list[Tensor]":
    """The blend of compel: a prompt with itself minus each of its weak words."""
    made, total = [_lerped(r, chunk, frozenset()) for chunk in r.chunks], 1.0
    weak = {t.word: t.weight for chunk in r.chunks for t in chunk.tokens if t.weight < 1}
    for word, weight in weak.items():
        share = tan((1 - max(weight, _LEAST)) * pi / 2)
        made = [u + share * less for u, less in zip(made, minus(word), strict=True)]
        total += share
    return [u / total for u in made]
