"""A scene → its picture: place, subject, things, then the defects in a camera's order."""

import io
from math import cos, pi, sin

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont

from negprompt.world import places
from negprompt.world.canvas import Canvas, capsule, ellipse
from negprompt.world.factors import COLOURS
from negprompt.world.look import Look
from negprompt.world.scenes import Scene
from negprompt.world.subjects import DRAW

SIGNS = ("SALE", "HELLO", "OPEN", "NEWS", "2 FOR 1", "EXTRA", "WOW", "FREE")


def render(scene: Scene, size: int = 128) -> NDArray[np.uint8]:
    """Draw a scene: uint8 [size, size, 3].  The same scene gives the same pixels."""
    rng = np.random.default_rng((scene.seed, 1))
    pixels = np.zeros((2 * size, 2 * size, 3), np.float32)
    angle = float(rng.uniform(pi * 1.15, pi * 1.85))
    canvas = Canvas(pixels, scene.style, (cos(angle), sin(angle)))
    _ground(canvas, scene, rng)
    _subject(canvas, scene, rng)
    if scene.place == "town":
        places.snowfall(canvas, rng)
    for name, thing in (
        ("parasol", places.parasol), ("bee", places.bee), ("balloon", places.balloon),
    ):  # fmt: skip
        if name in scene.present:
            thing(canvas, rng)
    picture = Image.fromarray((pixels.clip(0, 1) * 255).astype(np.uint8)).resize(
        (size, size), Image.Resampling.BOX
    )
    return np.asarray(spoil(picture, scene.present, np.random.default_rng((scene.seed, 2))))


def _ground(canvas: Canvas, scene: Scene, rng: np.random.Generator) -> None:
    places.PLACE[scene.place](canvas, rng)
    if "clutter" in scene.present:
        places.clutter(canvas, rng)
    if "neon" in scene.present:
        places.neon(canvas)
    if scene.style == "diagram":
        places.chart(canvas)


def _subject(canvas: Canvas, scene: Scene, rng: np.random.Generator) -> None:
    big = float(rng.uniform(0.36, 0.41))
    x, y = 0.5 + float(rng.uniform(-0.05, 0.05)), 0.53 + float(rng.uniform(-0.03, 0.03))
    flip = bool(rng.random() < 0.5)
    hatted = "hat" in scene.present
    if hatted:
        big, y = big * 0.88, y + 0.05
    if "cropped" in scene.present:
        way = float(rng.uniform(0, 2 * pi))
        big, x, y = big * 1.35, x + 0.40 * cos(way), y + 0.40 * sin(way)
    elif not (hatted or scene.subject == "boat"):
        shadow = ellipse(x - 0.10 * canvas.light[0], y + big * 1.02, big * 0.85, big * 0.12)
        canvas.soft().fill(shadow, (0.10, 0.10, 0.16), bulge=0, alpha=0.35)
    frame = canvas.at(x, y, big, float(rng.uniform(-0.10, 0.10)), flip=flip)
    if "neon" in scene.present:
        canvas.glow(x, y, big * 1.05, (0.30, 0.95, 1.0), 0.45)
    colour = COLOURS[scene.colour]
    DRAW[scene.subject](frame, Look(scene, colour, rng))
    if scene.style == "diagram":
        _leaders(canvas, x, y, big)


def _leaders(canvas: Canvas, x: float, y: float, big: float) -> None:
    """The pointing lines of a clinical diagram."""
    for dy, side in ((-0.5, 1), (0.15, -1), (0.6, 1)):
        x0, y0, x1 = x + side * big * 0.35, y + dy * big, 0.5 + side * 0.46
        canvas.soft().fill(capsule(x0, y0, x1, y0, 0.006), (0.10, 0.20, 0.42), bulge=0)
        canvas.soft().fill(ellipse(x0, y0, 0.016, 0.016, 12), (0.80, 0.10, 0.20), bulge=0)


def spoil(picture: Image.Image, present: frozenset[str], rng: np.random.Generator) -> Image.Image:
    """Apply the defects that are present: optics, then sensor, then publisher, then file."""
    scale = picture.width / 128
    strength = float(rng.uniform(0, 1))
    if "lens flare" in present:
        picture = _flare(picture, rng)
    if "blurry" in present:
        picture = picture.filter(ImageFilter.GaussianBlur((2.3 + 1.2 * strength) * scale))
    if "oversaturated" in present:
        picture = ImageEnhance.Contrast(
            ImageEnhance.Color(picture).enhance(2.6 + strength)
        ).enhance(1.35)
    if "low resolution" in present:
        coarse = picture.resize((16, 16), Image.Resampling.BOX)
        picture = coarse.resize(picture.size, Image.Resampling.NEAREST)
    for name, overlay in (("text", _text), ("watermark", _watermark), ("border", _border)):
        if name in present:
            picture = overlay(picture, rng)
    if "noise" in present:
        grain = rng.normal(0, 1, (44, 44, 3)) * (0.4, 0.4, 0.4) + rng.normal(0, 1, (44, 44, 1))
        film = Image.fromarray((grain.clip(-3, 3) * 42 + 128).astype(np.uint8)).resize(
            picture.size, Image.Resampling.BILINEAR
        )
        amount = (np.asarray(film, np.float32) - 128) / 42 * (20 + 8 * strength)
        picture = Image.fromarray(
            (np.asarray(picture, np.float32) + amount).clip(0, 255).astype(np.uint8)
        )
    if "jpeg artifacts" in present:
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=2 + int(3 * strength))
        picture = Image.open(file).convert("RGB")
    return picture


def _flare(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    size = picture.width
    canvas = Canvas(np.asarray(picture, np.float32) / np.float32(255), "illustration", (0.0, -1.0))
    x = 0.12 if rng.random() < 0.5 else 0.88
    canvas.glow(x, 0.10, 0.17, (1.0, 0.98, 0.85), 1.0)
    for t, r, tint in (
        (0.35, 0.05, (0.6, 1.0, 0.8)),
        (0.6, 0.08, (1.0, 0.7, 0.5)),
        (0.85, 0.06, (0.7, 0.7, 1.0)),
    ):
        canvas.soft().fill(
            ellipse(x + (1 - 2 * x) * t, 0.10 + 0.8 * t, r, r), tint, bulge=0, alpha=0.45
        )
    return Image.fromarray((canvas.pixels.clip(0, 1) * 255).astype(np.uint8)).resize((size, size))


def _text(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    picture = picture.copy()
    size = picture.width
    word = str(rng.choice(SIGNS))
    y = 0.10 if rng.random() < 0.5 else 0.88
    font = ImageFont.load_default(size * 0.19)
    ImageDraw.Draw(picture).text(
        (size / 2, size * y),
        word,
        (255, 250, 235),
        font,
        "mm",
        stroke_width=max(1, size // 50),
        stroke_fill=(25, 20, 40),
    )
    return picture


def _watermark(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    size = picture.width
    veil = Image.new("L", (2 * size, 2 * size))
    draw = ImageDraw.Draw(veil)
    shift = float(rng.uniform(0, 0.35)) * size
    width = max(2, size // 14)
    for k in range(-3, 6):
        start = k * 0.7 * size + shift
        draw.line([(start, 2 * size), (start + 2 * size, 0)], 115, width)
    draw.ellipse([0.66 * size, 0.66 * size, 1.34 * size, 1.34 * size], outline=165, width=width)
    veil = veil.resize((size, size), Image.Resampling.BOX)
    return Image.composite(Image.new("RGB", picture.size, (245, 245, 250)), picture, veil)


def _border(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    picture = picture.copy()
    size = picture.width
    draw = ImageDraw.Draw(picture)
    draw.rectangle([0, 0, size - 1, size - 1], outline=(250, 244, 226), width=round(size * 0.055))
    draw.rectangle(
        [size * 0.055, size * 0.055, size * 0.945, size * 0.945],
        outline=(90, 60, 40),
        width=max(1, size // 100),
    )
    return picture
