"""Names of textual inversions in a prompt → their vectors, in each dialect's way. No tensors.

A1111 calls an inversion by the bare name of its file, wherever the tokenizer reads the same tokens,
so in any case; ComfyUI by ``embedding:NAME`` at the start or behind a space, as the file system
spells it; compel, InvokeAI and diffusers by ``<NAME>``. Facts: AUTOMATIC1111/stable-diffusion-webui
``find_embedding_at_position``, Comfy-Org/ComfyUI ``_try_get_embedding``.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final

ENDINGS: Final = (".safetensors", ".pt", ".bin")
"""Endings of files that hold inversions, the first found first; only the first kind is read."""

BARE: Final = ("a1111", "sdnext")
"""Dialects in which the bare name of a file calls it."""

ANGLE: Final = ("compel", "plain")
"""Dialects in which ``<NAME>`` does, as in InvokeAI and diffusers."""

_COMFY: Final = re.compile(r"(?:^|(?<=[ \n]))embedding:\s*+(?P<name>\S++)")
_ANGLE: Final = re.compile(r"<(?P<name>[^<>\s]++)>")


@dataclass(frozen=True, slots=True)
class Named:
    """Characters ``start`` up to ``stop`` of a text that call for an inversion."""

    start: int
    stop: int
    name: str
    file: str | None
    """None where no file has this name."""


def _nothing(file: str) -> Sequence[Any]:
    return ()


@dataclass(frozen=True, slots=True)
class Names:
    """The inversions that one encoder can be asked for."""

    files: tuple[str, ...] = ()
    """Paths within the folder, with ``/`` and ending."""
    load: Callable[[str], Sequence[Any]] = _nothing
    """The vectors of a file, ``[n, d]``; raises ModelError."""
    bare: Mapping[int, tuple[tuple[tuple[int, ...], str], ...]] = field(default_factory=dict)
    """Bare names in tokens, each with its file, by first token, longest first: ``by_tokens``."""
    _paths: Mapping[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Note every spelling under which ComfyUI finds a file."""
        object.__setattr__(self, "_paths", _by_path(self.files))

    def find(self, name: str) -> str | None:
        """The file that ComfyUI takes for a name: as it is or with an ending, in any folder."""
        return self._paths.get(name)

    def match(self, ids: Sequence[int], at: int) -> tuple[int, str] | None:
        """How many tokens from ``at`` on are a bare name, the longest there is, and its file."""
        for name, file in self.bare.get(ids[at], ()):
            if tuple(ids[at : at + len(name)]) == name:
                return len(name), file
        return None


def _by_path(files: Sequence[str]) -> dict[str, str]:
    """Files by their path within each folder above them, with ending and without.

    What is nearer to the outermost folder counts first, then the ending, as in ``ENDINGS``.
    """
    spelled: list[tuple[int, int, str, str, str]] = []
    for file in files:
        path = PurePosixPath(file)
        ending = ENDINGS.index(path.suffix) + 1 if path.suffix in ENDINGS else 0
        for depth in range(len(path.parts)):
            name = "/".join(path.parts[depth:])
            above = "/".join(path.parts[:depth])
            spelled.append((depth, 0, above, name, file))
            spelled.append((depth, ending, above, name.removesuffix(path.suffix), file))
    found: dict[str, str] = {}
    for _, _, _, name, file in sorted(spelled):
        found.setdefault(name, file)
    return found


def by_tokens(
    names: Mapping[str, Sequence[int]],
) -> dict[int, tuple[tuple[tuple[int, ...], str], ...]]:
    """``Names.bare`` from each file's name in tokens; of several files of one name the first."""
    found: dict[int, dict[tuple[int, ...], str]] = {}
    for file, ids in names.items():
        if ids:
            found.setdefault(ids[0], {}).setdefault(tuple(ids), file)
    return {
        first: tuple(sorted(same.items(), key=lambda item: -len(item[0])))
        for first, same in found.items()
    }


def called(text: str, dialect: str, names: Names) -> Iterator[Named]:
    """Yield what a text calls by a spelled name: ``embedding:NAME``, or ``<NAME>`` in compel.

    A comma behind ComfyUI's name belongs to it only where a file is called so.
    """
    if dialect == "comfy":
        for call in _COMFY.finditer(text):
            name = call["name"]
            file = names.find(name)
            if file is None:
                name = name.rstrip(",")
                file = names.find(name)
            yield Named(call.start(), call.start("name") + len(name), name, file)
    elif dialect in ANGLE:
        for call in _ANGLE.finditer(text):
            file = names.find(call["name"])
            if file is not None:
                yield Named(call.start(), call.end(), call["name"], file)
