"""A comparison → one picture: without, with, and where the two differ, seed by seed."""

import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps

from negprompt.measure.compare import Comparison

CELL = 192
"""Width of a picture on the sheet, in pixels."""
COLUMNS = 8
"""Most pictures in a line."""
FULL = 0.5
"""The difference that is drawn in the brightest colour: half of the range of values."""

_GAP, _MARGIN, _LABEL = 10, 24, 104
_INK, _PALE, _PAPER = (32, 33, 40), (104, 106, 118), (252, 251, 248)
_LINE, _SMALL, _LARGE = 15, 11, 17


@dataclass(frozen=True, slots=True)
class Strip:
    """One line of pictures with a label before it and words under each."""

    label: str
    images: Sequence[Image.Image]
    words: Sequence[str] = ()


def sheet(found: Comparison, lines: Sequence[str], most: int = 24) -> Image.Image:
    """Draw a comparison; ``lines`` stand at the bottom; at most ``most`` pairs are shown."""
    shown = min(len(found.seeds), most)
    strips = []
    for first in range(0, shown, COLUMNS):
        places = range(first, min(first + COLUMNS, shown))
        for label, arm in (("without", found.without), ("with", found.steered)):
            pictures = [arm.images[k] for k in places]
            strips.append(Strip(label, pictures, [arm.words(k) for k in places]))
        maps = found.differences()
        seeds = [f"seed {found.seeds[k]}" for k in places]
        strips.append(Strip("difference", [heat(maps[k]) for k in places], seeds))
    title = [found.request.prompt, f"negative: {found.plan.effective_negative}"]
    more = [f"(the first {shown} of {len(found.seeds)} pairs)"] if shown < len(found.seeds) else []
    return draw(strips, title, [*lines, *more])


def contact(
    images: Sequence[Image.Image], seeds: Sequence[int], prompt: str, last: str, most: int = 96
) -> Image.Image:
    """Draw pictures of one prompt with the seed under each; ``last`` stands at the bottom."""
    shown = min(len(images), most)
    rows = [range(first, min(first + COLUMNS, shown)) for first in range(0, shown, COLUMNS)]
    strips = [
        Strip("", [images[k] for k in places], [f"seed {seeds[k]}" for k in places])
        for places in rows
    ]
    more = [f"(the first {shown} of {len(images)})"] if shown < len(images) else []
    return draw(strips, [prompt], [*more, last])


def heat(difference: NDArray[np.float32]) -> Image.Image:
    """A map of differences ``[h, w]`` in [0, 1] as a picture: black none, white FULL or more."""
    grey = Image.fromarray((np.clip(difference / FULL, 0, 1) * 255).astype(np.uint8))
    return ImageOps.colorize(grey, black="#12101c", mid="#d1495b", white="#fff6d5")


def draw(strips: Sequence[Strip], title: Sequence[str], lines: Sequence[str]) -> Image.Image:
    """Lay strips out under a title, with lines of text below."""
    columns = max(len(strip.images) for strip in strips)
    width = 2 * _MARGIN + _LABEL + columns * (CELL + _GAP)
    head = [row for text in title for row in _rows(text, width - 2 * _MARGIN, _LARGE)]
    foot = [row for text in lines for row in _rows(text, width - 2 * _MARGIN, _LARGE)]
    heights = [_height(strip) for strip in strips]
    text_height = (len(head) + len(foot)) * (_LARGE + 7)
    page = Image.new("RGB", (width, 3 * _MARGIN + text_height + sum(heights)), _PAPER)
    pen = ImageDraw.Draw(page)
    y = _text(pen, head, (_MARGIN, _MARGIN), _LARGE)
    y += _MARGIN // 2
    for strip, height in zip(strips, heights, strict=True):
        _paste(page, pen, strip, y)
        y += height
    _text(pen, foot, (_MARGIN, y + _MARGIN // 2), _LARGE)
    return page


def png(picture: Image.Image) -> bytes:
    """A picture as the bytes of a PNG file."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _paste(page: Image.Image, pen: ImageDraw.ImageDraw, strip: Strip, y: int) -> None:
    pen.text((_MARGIN, y + 4), strip.label, _PALE, _font(_LARGE - 2))
    for column, image in enumerate(strip.images):
        x = _MARGIN + _LABEL + column * (CELL + _GAP)
        page.paste(_scaled(image), (x, y))
        if strip.words:
            rows = _rows(strip.words[column], CELL, _SMALL)
            _text(pen, rows, (x, y + _tall(image) + 3), _SMALL, _PALE)


def _height(strip: Strip) -> int:
    rows = max((len(_rows(text, CELL, _SMALL)) for text in strip.words), default=0)
    return max(map(_tall, strip.images)) + rows * _LINE + _GAP


def _tall(image: Image.Image) -> int:
    return round(CELL * image.height / image.width)


def _scaled(image: Image.Image) -> Image.Image:
    return image.convert("RGB").resize((CELL, _tall(image)), Image.Resampling.LANCZOS)


def _text(
    pen: ImageDraw.ImageDraw, rows: Sequence[str], at: tuple[int, int], size: int,
    ink: tuple[int, int, int] = _INK,
) -> int:  # fmt: skip
    """Write rows of text; the height below them."""
    x, y = at
    step = _LINE if size == _SMALL else size + 7
    for row in rows:
        pen.text((x, y), row, ink, _font(size))
        y += step
    return y


def _rows(text: str, width: int, size: int) -> list[str]:
    """A text in rows that fit, at most four; characters that do not print become spaces."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text[:2000]).split())
    across = max(8, int(width / (size * 0.58)))  # DejaVu Sans: a letter is about .58 em wide
    return textwrap.wrap(plain, across, max_lines=4, placeholder=" …")


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size)
