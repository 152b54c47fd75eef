"""An image file → how it was made.  The file is opened here, its texts are read in ``metadata``."""

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from negprompt.errors import OutputError, shown
from negprompt.metadata import Record, exif, read_chunks, stealth

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image

FORMATS: Final = ("PNG", "JPEG", "WEBP", "AVIF", "GIF")
_EXIF, _COMMENT, _MAKER = 0x8769, 0x9286, 0x927C
_MAKE, _MODEL, _DESCRIPTION = 0x010F, 0x0110, 0x010E


def inspected(file: Path | str) -> Record:
    """Return how an image was made, as far as its file says.

    Looked for in PNG texts, EXIF (UserComment and ComfyUI's entries), GIF comments, and the lowest
    bits of the pixels.  Raises OutputError ``picture-unreadable`` and ``picture-without-metadata``.
    """
    with _opened(Path(file)) as picture:
        record = read_chunks(_chunks(picture)) or _hidden(picture)
    if record is None:
        raise OutputError(
            f"{shown(str(file))} says nothing about how it was made",
            code="picture-without-metadata",
            cure="give a file as its tool wrote it: editors and web sites often strip metadata",
        )
    return record


@contextmanager
def _opened(file: Path) -> "Iterator[Image]":
    from PIL import Image

    try:
        with Image.open(file, formats=FORMATS) as picture:
            yield picture
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise OutputError(
            f"{shown(str(file))} is no picture that can be read",
            code="picture-unreadable",
            cure="give a PNG, JPEG or WebP file",
        ) from error


def _chunks(picture: "Image") -> dict[str, str]:
    """Return the texts of a file by their names in a PNG."""
    found = dict[str, str](getattr(picture, "text", {}))
    tags = picture.getexif()
    inner = tags.get_ifd(_EXIF)
    comment = _text(inner.get(_COMMENT, b"")) or _text(picture.info.get("comment", b""))
    if comment:
        found.setdefault("parameters", comment)
    entries = [tags.get(tag, "") for tag in (_MAKE, _MODEL, _DESCRIPTION)]
    return exif.labelled(entries) | found


def _text(value: Any) -> str:
    return exif.comment(value) if isinstance(value, bytes) else str(value)


def _hidden(picture: "Image") -> Record | None:
    """Return what stands in the lowest bits; Pillow's transpose gives columns."""
    from PIL.Image import Transpose

    if picture.format not in ("PNG", "WEBP"):
        return None
    turned = picture.convert("RGBA").transpose(Transpose.TRANSPOSE)
    text = stealth.hidden(turned.getchannel("A").tobytes(), stealth.ALPHA)
    text = text or stealth.hidden(turned.convert("RGB").tobytes(), stealth.COLOURS)
    return read_chunks({"parameters": text}) if text else None
