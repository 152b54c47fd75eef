"""Explanation → the pictures of it: the whole sheet, and the picture of the baseline by itself."""

from negprompt.measure.explain import plane_figure, rows
from negprompt.measure.explain.findings import Explanation
from negprompt.measure.explain.page import (
    CARD,
    FAINT,
    GREEN,
    INK,
    ORANGE,
    RED,
    SERIF,
    SOFT,
    VIOLET,
    Box,
    Page,
)

WIDTH, MARGIN = 12.6, 0.6
INSIDE = WIDTH - 2 * MARGIN
BIG = 2.4
"""Side of a main picture in inches."""
HEADING, BETWEEN = 0.62, 0.42
"""Inches for a section's title, and between sections."""
VERDICT = 1.65
NOTICES = 4
"""Most notices that a sheet shows."""


def draw(found: Explanation) -> bytes:
    """The whole sheet as a PNG file."""
    sections = (
        (_same_seed, HEADING + BIG + 0.3),
        *([(_terms, HEADING + rows.height(found.terms))] if found.terms else []),
        (_meaning_and_steps, HEADING + max(rows.meaning_height(found), 2.55)),
        (_baseline, HEADING + plane_figure.HEIGHT + 0.5),
        (_verdict, VERDICT),
    )
    page = Page(
        WIDTH, _header_height(found) + sum(height + BETWEEN for _, height in sections) + 0.15
    )
    y = _header(page, found)
    for section, height in sections:
        section(page, Box(MARGIN, y, INSIDE, height), found)
        y += height + BETWEEN
    return page.png(Software="negprompt explain")


def draw_baseline(found: Explanation) -> bytes:
    """The picture of the baseline by itself as a PNG file."""
    height = HEADING + plane_figure.HEIGHT + 0.5
    page = Page(WIDTH, _header_height(found) + height + 0.25)
    _baseline(page, Box(MARGIN, _header(page, found), INSIDE, height), found)
    return page.png(Software="negprompt explain")


def _header(page: Page, found: Explanation) -> float:
    """Prompt, negative, settings and notices; returns where the next section begins."""
    request, right = found.request, WIDTH - MARGIN
    page.text(MARGIN, 0.42, "N E G P R O M P T   E X P L A I N", size=8, colour=SOFT)
    prompt = page.fit(request.prompt, INSIDE, size=24, font=SERIF) or "(the empty prompt)"
    page.text(MARGIN, 0.66, prompt, size=24, font=SERIF)
    minus = _minus(page, found)
    page.text(MARGIN, 1.16, minus, size=16, font=SERIF, italic=True, colour=RED)
    first, last = found.seeds[0], found.seeds[-1]
    seeds = f"seed {first}" if first == last else f"seeds {first}–{last}"
    facts = (
        page.fit(request.model, 4, size=8.5),
        f"scale {request.cfg:g}",
        f"{request.steps} steps",
        seeds,
    )
    page.text(right, 0.42, "  ·  ".join(facts), size=8.5, colour=SOFT, align="right")
    y = 1.55 + 0.31 * minus.count("\n")
    for notice in found.notices[:NOTICES]:
        words = page.fit(f"{notice.code}: {notice.text}", INSIDE, size=7.5)
        page.text(MARGIN, y, words, size=7.5, colour=ORANGE)
        y += 0.17
    return y + 0.2


def _minus(page: Page, found: Explanation) -> str:
    words = f"minus  {found.plan.effective_negative or '(the empty prompt)'}"
    return page.fit(words, INSIDE, size=16, font=SERIF, italic=True, lines=2)


def _header_height(found: Explanation) -> float:
    more = _minus(Page(WIDTH, 1), found).count("\n")
    return 1.75 + 0.31 * more + 0.17 * len(found.notices[:NOTICES])


def _same_seed(page: Page, box: Box, found: Explanation) -> None:
    page.heading(
        box.x, box.y, "The same seed",
        "nothing differs but the negative", box.width,
    )  # fmt: skip
    y, x = box.y + HEADING, box.x
    page.picture(Box(x, y, BIG, BIG), found.images_without[0])
    page.text(x, y + BIG + 0.08, "without the negative", size=9.5, bold=True)
    x += BIG + 0.18
    page.picture(Box(x, y, BIG, BIG), found.images[0], edge=VIOLET, line=2.4)
    page.text(x, y + BIG + 0.08, "with it", size=9.5, bold=True, colour=VIOLET)
    x += BIG + 0.18
    top = rows.brightest(found)
    rows.heat(page, Box(x, y, BIG, BIG), found.changed, top)
    page.text(x, y + BIG + 0.08, "difference", size=9.5, bold=True)
    note = f"mean {found.image_change:.1f} of 255"
    page.text(x + BIG, y + BIG + 0.10, note, size=7.5, colour=SOFT, align="right")
    _other_seeds(page, Box(x + BIG + 0.45, y, box.right - x - BIG - 0.45, BIG), found)


def _other_seeds(page: Page, box: Box, found: Explanation) -> None:
    """The remaining seeds, without above and with below."""
    count = len(found.images) - 1
    if count < 1:
        return
    side = min((box.height - 0.16) / 2, (box.width - 0.12 * (count - 1)) / count)
    for row, images in enumerate((found.images_without[1:], found.images[1:])):
        y = box.y + row * (side + 0.16)
        for column, image in enumerate(images):
            edge, line = (VIOLET, 1.6) if row else (FAINT, 0.8)
            place = Box(box.x + column * (side + 0.12), y, side, side)
            page.picture(place, image, edge=edge, line=line)
    words = "other seeds: without above, with below"
    page.text(box.x, box.y + 2 * side + 0.24, words, size=7.5, colour=SOFT)


def _terms(page: Page, box: Box, found: Explanation) -> None:
    page.heading(
        box.x, box.y, "Term by term",
        "each compared with the same negative without it, on the same seeds", box.width,
    )  # fmt: skip
    rows.draw(page, Box(box.x, box.y + HEADING, box.width, box.height - HEADING), found)


def _meaning_and_steps(page: Page, box: Box, found: Explanation) -> None:
    wide = rows.meaning_width(found)
    y = box.y + HEADING
    if wide:
        page.heading(
            box.x, box.y, "What you push away from",
            f"the negative as a prompt, scale {found.request.cfg:g}", wide,
        )  # fmt: skip
        rows.meaning(page, Box(box.x, y, wide, box.height - HEADING), found)
    left = box.x + wide + (0.6 if wide else 0)
    width = box.right - left
    page.heading(left, box.y, "Step by step", "mean over seeds, in the model's own units", width)
    rows.steps(page, Box(left, y, width, 2.3), found)


def _baseline(page: Page, box: Box, found: Explanation) -> None:
    baseline = found.baseline
    page.heading(
        box.x, box.y, "The picture of the baseline",
        f"step {baseline.step + 1} of {len(found.steps)} of the prompt alone, "
        f"log-SNR {baseline.log_snr:.1f}: what is predicted for each text, on their plane",
        box.width,
    )  # fmt: skip
    place = Box(box.x, box.y + HEADING + 0.1, box.width, plane_figure.HEIGHT)
    plane_figure.draw(page, place, baseline, found.request.cfg or 1.0, found.terms)
    page.text(
        box.x, place.bottom + 0.14, _about_target(page, found), size=8.5, colour=SOFT, italic=True
    )


def _about_target(page: Page, found: Explanation) -> str:
    target = found.baseline.target
    if target is None:
        return (
            "No target: what was meant can be described only where the world is known, which is "
            "the pocket model's."
        )
    drawn = (
        f"; left open by the prompt and drawn: {', '.join(target.drawn)}" if target.drawn else ""
    )
    return page.fit(f"Target: “{target.caption}”{drawn}.", INSIDE, size=8.5, italic=True, lines=2)


def _verdict(page: Page, box: Box, found: Explanation) -> None:
    said = found.verdict
    cards = (
        ("Leverage", said.leverage, VIOLET),
        ("Cost", said.cost, GREEN),
        ("Risk", said.risk, RED),
    )
    gap = 0.25
    wide = (box.width - 2 * gap) / 3
    for column, (title, words, colour) in enumerate(cards):
        x = box.x + column * (wide + gap)
        page.card(Box(x, box.y, wide, VERDICT), fill=CARD)
        page.text(x + 0.2, box.y + 0.16, title, size=14, font=SERIF, bold=True, colour=colour)
        text = page.fit(words[:1].upper() + words[1:], wide - 0.4, lines=7)
        page.text(x + 0.2, box.y + 0.52, text, size=9, colour=INK)
