"""EXIF's UserComment ⇄ text, and texts with a label → chunks as a PNG has them."""

from collections.abc import Iterable
from typing import Final

_CODES: Final = {b"UNICODE\0": "", b"ASCII\0\0\0": "latin-1", b"JIS\0\0\0\0\0": "shift_jis"}
_LABELS: Final = ("prompt", "workflow")


def comment(data: bytes) -> str:
    """Return the text of a UserComment.

    Eight bytes name its code.  "UNICODE" is UTF-16 in the byte order of the mark; without one in
    that in which more of its letters are from the Latin alphabet, else the big-endian one.
    """
    head, body = data[:8], data[8:]
    if head not in _CODES:
        return (body if head == bytes(8) else data).decode("utf-8", "replace").strip("\0")
    if code := _CODES[head]:
        return body.decode(code, "replace").strip("\0")
    if body[:2] in (b"\xfe\xff", b"\xff\xfe"):
        return body.decode("utf-16", "replace").strip("\0")
    zeros = [body[place::2].count(0) for place in (0, 1)]
    order = "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
    return body.decode(order, "replace").strip("\0")


def commented(text: str) -> bytes:
    """Return a UserComment of a text in "UNICODE", as A1111 writes it: big-endian, no mark."""
    return b"UNICODE\0" + text.encode("utf-16-be", "surrogatepass")


def labelled(texts: Iterable[object]) -> dict[str, str]:
    """Return what ComfyUI writes as ``prompt:{…}`` and ``workflow:{…}``, by label."""
    found = {}
    for text in texts:
        label, colon, body = str(text).strip("\0").partition(":")
        if colon and label.strip().lower() in _LABELS:
            found[label.strip().lower()] = body
    return found
