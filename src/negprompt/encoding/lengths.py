"""How many tokens of T5 each family of models reads: no chunks, one text of a bounded length."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from negprompt.errors import RequestError, shown


@dataclass(frozen=True, slots=True)
class TextLength:
    """Tokens that a family's pipeline reads where nothing is said, and at most."""

    default: int
    most: int


def _fixed(tokens: int) -> TextLength:
    return TextLength(tokens, tokens)


T5_LENGTHS: Final[Mapping[str, TextLength]] = MappingProxyType(
    {
        "sd3": TextLength(256, 512),
        "flux": _fixed(512),
        "chroma": _fixed(512),
        "auraflow": _fixed(256),
        "pixart-alpha": _fixed(120),
        "pixart-sigma": _fixed(300),
        "sana": _fixed(300),
        "lumina": _fixed(256),
        "kolors": _fixed(256),
        "hidream": _fixed(128),
        "qwen-image": TextLength(512, 1024),
        "cogview3plus": _fixed(224),
        "cogview4": _fixed(1024),
        "cogvideox": _fixed(226),
        "ltx": _fixed(128),
        "mochi": _fixed(256),
        "hunyuan-video": _fixed(256),
        "kandinsky5": _fixed(512),
        "wan": _fixed(512),
        "bria": _fixed(128),
        "ovis": _fixed(256),
    }
)
"""By family: ``max_sequence_length`` of diffusers 0.42.1."""


def t5_length(family: str, asked: int | None = None) -> int:
    """Tokens that a family reads: its default, or what is asked for.

    Raises RequestError ``text-length-unknown`` for a family that is not in ``T5_LENGTHS`` and
    ``value-out-of-range`` beyond its most.
    """
    if family not in T5_LENGTHS:
        raise RequestError(
            f"no text length is known for the family {shown(family)}",
            code="text-length-unknown",
            cure=f"choose one of: {', '.join(T5_LENGTHS)}",
        )
    length = T5_LENGTHS[family]
    tokens = length.default if asked is None else asked
    if not 1 <= tokens <= length.most:
        raise RequestError(
            f"the text length is {shown(asked)}",
            code="value-out-of-range",
            cure=f"give a whole number from 1 to {length.most}",
        )
    return tokens
