"""Explanation → parts of its sheet: terms with their maps, the negative as a prompt, steps."""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.ticker import MaxNLocator
from PIL import Image

from negprompt.measure.explain import where
from negprompt.measure.explain.findings import Explanation, TermEffect
from negprompt.measure.explain.page import (
    FAINT,
    INK,
    MONO,
    OF_TERM,
    RED,
    SERIF,
    SOFT,
    VIOLET,
    Box,
    Page,
    end_labels,
    frame,
    plain,
)
from negprompt.measure.explain.where import Map

HEAT = LinearSegmentedColormap.from_list(
    "heat", ["#15161c", "#3b1d5e", "#9b2a63", "#e8603c", "#fbc15e", "#fffbe6"]
)
FEW = 6
"""Up to this many terms have large rows."""
MEANING = 1.36
"""Side of a picture of the negative as a prompt, in inches."""


def brightest(found: Explanation) -> float:
    """Difference of pixels at which heat is brightest: the same in every picture of a sheet."""
    changes = [found.changed, *(term.changed for term in found.terms)]
    return max(8.0, *(float(np.quantile(change, 0.995)) for change in changes))


def heat(page: Page, box: Box, change: Map, top: float) -> None:
    """A difference of pixels from dark (none) to bright (``top``)."""
    axes = page.axes(box)
    axes.imshow(change, cmap=HEAT, vmin=0, vmax=top, interpolation="lanczos", aspect="auto")
    frame(axes, FAINT)


def acted(page: Page, box: Box, picture: Image.Image, term: TermEffect, colour: str) -> None:
    """Where a term acted, in its colour over the pale picture; the area is outlined."""
    axes = page.axes(box)
    grey = np.asarray(picture.convert("L"), np.float64)[..., None] / 255
    ground = 0.55 + 0.45 * grey
    top = float(term.acted.max())
    weight = _resized(term.acted / top if top > 0 else term.acted, picture.size)[..., None]
    weight = np.clip(weight, 0, 1) ** 1.5 * 0.9
    axes.imshow(ground * (1 - weight) + np.array(to_rgb(colour)) * weight, aspect="auto")
    inside = where.area(term.acted)
    if 0 < inside.mean() < 1:
        edge = float(term.acted[inside].min())
        smooth = _resized(term.acted, picture.size)
        axes.contour(smooth, levels=[edge], colors=[INK], linewidths=0.7)
    frame(axes, colour, 1.2)


def _resized(values: Map, size: tuple[int, int]) -> Map:
    image = Image.fromarray(values.astype(np.float32))
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC), np.float64)


def height(terms: Sequence[TermEffect]) -> float:
    """Inches that the rows take."""
    return len(terms) * _pitch(terms) + 0.22 if terms else 0.0


def _pitch(terms: Sequence[TermEffect]) -> float:
    return 1.22 if len(terms) <= FEW else 0.80


def draw(page: Page, box: Box, found: Explanation) -> None:
    """One row a term: where it acted, what it changed, tokens, strength, and a line of numbers."""
    pitch = _pitch(found.terms)
    side = pitch - 0.14
    top, strongest = brightest(found), max((term.share for term in found.terms), default=1) or 1
    columns = _columns(box, side)
    maps = ("where it acted", "what changed") if pitch > 1 else ("acted", "changed")
    titles = (*maps, "term", "tokens × weight", "strength", "by step", "")
    for x, title in zip(columns, titles, strict=True):
        page.text(x, box.y - 0.02, title, size=7.5, colour=SOFT)
    for number, term in enumerate(found.terms):
        y, colour = box.y + 0.22 + number * pitch, OF_TERM[number % len(OF_TERM)]
        acted(page, Box(columns[0], y, side, side), found.images[0], term, colour)
        heat(page, Box(columns[1], y, side, side), term.changed, top)
        middle = y + side / 2
        size = 16 if pitch > 1 else 13
        wide = columns[3] - columns[2] - 0.15
        name = page.fit(term.text, wide, size=size, font=SERIF, lines=2)
        page.text(
            columns[2], middle - 0.13 * (1 + name.count("\n")), name, size=size, font=SERIF,
            colour=colour,
        )  # fmt: skip
        _tokens(page, Box(columns[3], middle, columns[4] - columns[3] - 0.15, 0), term)
        _strength(page, Box(columns[4], middle - 0.14, 1.4, 0.14), term, strongest, colour)
        _by_step(page, Box(columns[5], middle - 0.30, 1.5, 0.6), found, number, colour)
        page.text(columns[6], middle - 0.26, _in_words(term), size=8, colour=INK)


def _columns(box: Box, side: float) -> tuple[float, ...]:
    second = box.x + side + 0.12
    words = second + side + 0.3
    rest = box.right - words
    return (box.x, second, words, *(words + rest * part for part in (0.19, 0.36, 0.545, 0.74)))


def _tokens(page: Page, box: Box, term: TermEffect) -> None:
    """Tokens with their weights as A1111 would apply them."""
    fitted = [page.fit(text, box.width - 0.5, size=7.5, font=MONO) for text, _ in term.tokens]
    weights = [weight for _, weight in term.tokens]
    shown = [f"{text} ×{weight:.3g}" for text, weight in zip(fitted, weights, strict=True)]
    lines = [*shown[:4], f"and {len(shown) - 4} more"] if len(shown) > 5 else shown
    page.text(box.x, box.y - 0.085 * max(len(lines), 1), "\n".join(lines), size=7.5, font=MONO)


def _strength(page: Page, box: Box, term: TermEffect, strongest: float, colour: str) -> None:
    full = Box(box.x, box.y, box.width, box.height)
    page.card(full)
    share = term.share / strongest
    axes = page.axes(full)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.barh([0.5], [share], height=1, color=colour)
    page.text(box.x, box.bottom + 0.07, f"{term.share:.0%} of the push", size=8, colour=INK)


def _by_step(page: Page, box: Box, found: Explanation, number: int, colour: str) -> None:
    """‖g − g₋‖ over the steps, on one scale for all terms."""
    axes = page.axes(box)
    values = [step.terms[number] for step in found.steps]
    top = max(max(step.terms) for step in found.steps) or 1
    axes.fill_between(range(len(values)), values, color=colour, alpha=0.25, linewidth=0)
    axes.plot(values, color=colour, linewidth=1.3)
    axes.set(xlim=(0, max(len(values) - 1, 1)), ylim=(0, 1.05 * top))
    axes.spines["bottom"].set(visible=True, color=FAINT)


def _in_words(term: TermEffect) -> str:
    lines = [
        f"moved pixels by {term.image_change:.1f} of 255",
        f"half its push on {term.area:.0%} of the area",
    ]
    if term.outside is not None:
        lines.append(f"{term.outside:.0%} of the change elsewhere")
    return "\n".join(lines)


def meaning_height(found: Explanation) -> float:
    """Inches that the negatives as prompts take."""
    return len(found.meaning) * (MEANING + 0.42)


def meaning_width(found: Explanation) -> float:
    """Inches across; 0 where there is no negative."""
    if not found.meaning:
        return 0.0
    return max(4.9, _per_row(found) * (MEANING + 0.12) - 0.12)


def _per_row(found: Explanation) -> int:
    return min(len(found.seeds), 4)


def meaning(page: Page, box: Box, found: Explanation) -> None:
    """Each negative used as a prompt, on the seeds of the run."""
    for row, negative in enumerate(found.meaning):
        y = box.y + row * (MEANING + 0.42)
        for column, image in enumerate(negative.images[: _per_row(found)]):
            place = Box(box.x + column * (MEANING + 0.12), y, MEANING, MEANING)
            page.picture(place, image, edge=RED, line=1.2)
        words = page.fit(negative.text, box.width, size=10.5, font=SERIF, italic=True)
        page.text(
            box.x,
            y + MEANING + 0.07,
            words or "(the empty prompt)",
            size=10.5,
            font=SERIF,
            italic=True,
            colour=RED,
        )


def steps(page: Page, box: Box, found: Explanation) -> None:
    """Strength at every step, and below it how alike the two predictions are."""
    upper = page.axes(Box(box.x + 0.45, box.y + 0.1, box.width - 1.75, box.height * 0.62))
    lower = page.axes(
        Box(box.x + 0.45, box.y + box.height * 0.62 + 0.32, box.width - 1.75, box.height * 0.2)
    )
    at = [step.index + 1 for step in found.steps]
    lines = (
        ([step.push for step in found.steps], VIOLET, "‖g − p‖ guidance"),
        ([step.turned for step in found.steps], RED, "‖g − g₀‖ negative"),
        ([step.apart for step in found.steps], SOFT, "‖p − n‖ apart"),
    )
    for values, colour, _ in lines:
        upper.plot(at, values, color=colour, linewidth=1.6)
    end_labels(upper, [(values[-1], colour, name) for values, colour, name in lines])
    cosines = [step.cosine for step in found.steps]
    lower.plot(at, cosines, color=INK, linewidth=1.3)
    end_labels(lower, [(cosines[-1], INK, "cos(p, n)")])
    plain(upper)
    plain(lower)
    ticks = sorted({at[round(part * (len(at) - 1))] for part in (0, 0.2, 0.4, 0.6, 0.8, 1)})
    for axes in (upper, lower):
        axes.set(xlim=(1, max(at[-1], 2)), xticks=ticks, xticklabels=[])
    upper.yaxis.set_major_locator(MaxNLocator(4))
    upper.set_ylim(bottom=0)
    lower.yaxis.set_major_locator(MaxNLocator(2))
    lower.set_xticklabels([f"{tick}\n{found.steps[tick - 1].log_snr:.1f}" for tick in ticks])
    page.text(box.right - 1.08, box.bottom - 0.06, "step\nlog-SNR", size=7.5, colour=SOFT)
