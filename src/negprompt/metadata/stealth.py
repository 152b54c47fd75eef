"""Lowest bits of an image's pixels → the text that stealth-pnginfo hides there.

Column by column: a signature of 15 letters, 32 bits with the number of bits that follow, and the
text, compressed with gzip where the signature ends in "comp".
"""

import zlib
from typing import Final

ALPHA: Final = ("stealth_pnginfo", "stealth_pngcomp")
COLOURS: Final = ("stealth_rgbinfo", "stealth_rgbcomp")
MOST: Final = 8_000_000
"""Bytes of text; more is no description of an image."""

_SIGNATURE: Final = 15 * 8


def hidden(values: bytes, signatures: tuple[str, str]) -> str | None:
    """Return the text hidden in some bytes, which are in the order of columns, or None.

    ``values`` is one byte a pixel for ALPHA, three for COLOURS.
    """
    if len(values) < _SIGNATURE + 32:
        return None
    signature = _gathered(values, 0, _SIGNATURE).decode("latin-1")
    if signature not in signatures:
        return None
    bits = int.from_bytes(_gathered(values, _SIGNATURE, 32), "big")
    start = _SIGNATURE + 32
    if bits > min(len(values) - start, 8 * MOST):
        return None
    data = _gathered(values, start, bits - bits % 8)
    if signature.endswith("comp"):
        try:
            data = zlib.decompressobj(wbits=31).decompress(data, MOST)
        except zlib.error:
            return None
    return data.decode("utf-8", "replace")


def _gathered(values: bytes, start: int, bits: int) -> bytes:
    """Return the lowest bits of some bytes, eight to a byte, the first the highest."""
    digits = "".join("1" if value & 1 else "0" for value in values[start : start + bits])
    return int(digits, 2).to_bytes(bits // 8, "big") if digits else b""
