"""Files of textual inversions → vectors that stand where tokens do.

Layouts of published safetensors files, ``T`` a tensor ``[n, d]`` or ``[d]``:

=============================================  ===================================================
``{"emb_params": T}``                          Stable Diffusion 1, such as EasyNegative
``{"string_to_param": {"*": T}, "name": …}``   A1111; flattened to ``string_to_param.*`` or ``*``
``{"<token>": T}``                             diffusers, one key, the token itself
``{"clip_l": T, "clip_g": T}``                 SDXL, one tensor for each text encoder
=============================================  ===================================================

Nothing is unpickled: a ``.pt`` or ``.bin`` file is refused where a prompt calls it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, Final

from torch import Tensor

from negprompt.encoding.names import ENDINGS, Names, by_tokens
from negprompt.encoding.tokens import Tokenizer
from negprompt.errors import ModelError, shown

_PAIR: Final = ("clip_l", "clip_g")
_SINGLE: Final = ("emb_params", "string_to_param.*", "*")


@dataclass(frozen=True, slots=True)
class Inversion:
    """One textual inversion: its name, and its vectors for each width of encoder."""

    name: str
    vectors: tuple[Tensor, ...]
    """``[n, d]`` each: one tensor, or one for each of SDXL's encoders."""

    @property
    def tokens(self) -> tuple[str, ...]:
        """The names of its vectors in diffusers: the name, ``name_1``, ``name_2`` and so on."""
        count = len(self.vectors[0])
        return (self.name, *(f"{self.name}_{index}" for index in range(1, count)))

    def fitting(self, width: int) -> Tensor:
        """The vectors for an encoder of this width, ``[n, width]``.

        Raises ModelError ``embedding-misfit``.
        """
        for vectors in self.vectors:
            if vectors.shape[-1] == width:
                return vectors
        widths = " and ".join(str(vectors.shape[-1]) for vectors in self.vectors)
        raise ModelError(
            f"the textual inversion {shown(self.name)} has vectors of {widths} numbers, "
            f"this model's text encoder takes {width}",
            code="embedding-misfit",
            cure="use one that was made for this family of models",
        )


def of_state(state: Mapping[str, Any] | Tensor, name: str | None = None) -> Inversion:
    """An inversion from what its file holds; layouts above.

    ``name`` is the file's, and goes before the one inside. Raises ModelError ``embedding-unnamed``
    where neither is there and ``embedding-layout`` where the content is none of the layouts.
    """
    if isinstance(state, Tensor):
        state = {"emb_params": state}
    inner = state.get("string_to_param")
    if isinstance(inner, Mapping) and len(inner) == 1:
        state = {"emb_params": next(iter(inner.values())), "name": state.get("name")}
    tensors = {key: _rows(value) for key, value in state.items() if isinstance(value, Tensor)}
    found = [tensors[key] for key in _PAIR if key in tensors]
    if not found and len(tensors) == 1:
        key, vectors = next(iter(tensors.items()))
        inside = state.get("name") if key in _SINGLE else key
        name, found = name or inside, [vectors]
    if not found or any(vectors.ndim != 2 or not len(vectors) for vectors in found):
        raise ModelError(
            f"{shown(name)} holds {shown(sorted(state))}, which is no textual inversion",
            code="embedding-layout",
            cure="use a file with emb_params, one <token>, or clip_l and clip_g",
        )
    if not name:
        raise ModelError(
            "a textual inversion has no name, neither its file's nor one inside",
            code="embedding-unnamed",
            cure="give it one",
        )
    return Inversion(str(name), tuple(found))


def read(path: Path) -> Inversion:
    """The inversion in a file, by the file's name.

    Raises ModelError ``embedding-pickled`` for anything but safetensors, ``embedding-unreadable``,
    and those of ``of_state``.
    """
    if path.suffix != ENDINGS[0]:
        raise ModelError(
            f"{shown(path.name)} is pickled, which can run code, so it is not opened",
            code="embedding-pickled",
            cure=f"get {path.stem}{ENDINGS[0]}, or convert it where you trust it",
        )
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"{shown(path.name)} cannot be read: {error}",
            code="embedding-unreadable",
            cure="download it again",
        ) from error
    return of_state(state, path.stem)


def names_in(folder: Path, tokenizer: Tokenizer, width: int) -> Names:
    """The inversions of a folder and all below it, for an encoder of this width.

    A file is opened when a prompt calls it. Of several files with one name those in safetensors
    come first. Raises ModelError ``embedding-folder`` where there is no such folder.
    """
    if not folder.is_dir():
        raise ModelError(
            f"there is no folder {shown(str(folder))}",
            code="embedding-folder",
            cure="give the folder that holds textual inversions",
        )
    files = sorted(
        (p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.suffix in ENDINGS),
        key=lambda file: (ENDINGS.index(PurePosixPath(file).suffix), file),
    )

    @cache
    def load(file: str) -> Sequence[Tensor]:
        return list(read(folder / file).fitting(width))

    ids = {
        file: tokenizer(PurePosixPath(file).stem, add_special_tokens=False)["input_ids"]
        for file in files
    }
    return Names(tuple(files), load, by_tokens(ids))


def expanded(text: str, inversions: Sequence[Inversion]) -> str:
    """A prompt as diffusers wants it: each token of several vectors followed by the others.

    diffusers' ``maybe_convert_prompt``: ``<cat>`` becomes ``<cat> <cat>_1 <cat>_2``.
    """
    tokens = {inversion.name: " ".join(inversion.tokens) for inversion in inversions}
    if not tokens:
        return text
    longest_first = sorted(tokens, key=lambda name: -len(name))
    called = re.compile("|".join(re.escape(name) for name in longest_first))
    return called.sub(lambda call: tokens[call[0]], text)


def _rows(vectors: Tensor) -> Tensor:
    return vectors[None] if vectors.ndim == 1 else vectors
