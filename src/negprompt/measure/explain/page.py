"""A sheet of paper in inches, measured from its top left corner, and the colours used on it.

It knows how to put text, pictures and axes at a place; not what they say. The figure is made
without pyplot, so that no state is shared and no window can open.
"""

import io
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch

if TYPE_CHECKING:
    from PIL.Image import Image

PAPER, INK, SOFT, FAINT, CARD = "#fbfaf7", "#20242c", "#6d7480", "#dedad2", "#f2efe8"
GREY, BLUE, PALE, RED, VIOLET, GREEN, ORANGE = (
    "#80868f", "#2460d8", "#86aaf2", "#d43d35", "#6c2bc4", "#0b8f68", "#a85f00",
)  # fmt: skip
OF_TERM = ("#d43d35", "#c9720a", "#a6267f", "#2f7f86", "#7a5a2f", "#4a53b5")
"""Colours of terms, over and over."""

SANS, SERIF, MONO = ["DejaVu Sans"], ["STIXGeneral", "DejaVu Sans"], ["DejaVu Sans Mono"]
DPI = 150
MOST = 2000
"""Characters of a text that are looked at."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on the page in inches; ``y`` counts down from the top."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return self.y + self.height


class Page:
    """A figure that is drawn on in inches."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width, height), dpi=DPI, facecolor=PAPER)
        self._canvas = FigureCanvasAgg(self.figure)

    def axes(self, box: Box) -> Axes:
        """Bare axes at a place: no frame, no ticks."""
        low = self.height - box.bottom
        made = self.figure.add_axes(
            (
                box.x / self.width,
                low / self.height,
                box.width / self.width,
                box.height / self.height,
            ),
            facecolor="none",
        )
        for side in made.spines.values():
            side.set_visible(False)
        made.set(xticks=[], yticks=[])
        return made

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float = 9,
        colour: str = INK,
        font: Sequence[str] = SANS,
        bold: bool = False,
        italic: bool = False,
        align: Literal["left", "center", "right"] = "left",
    ) -> None:
        """One line or several; ``y`` is the top of the first. Never read as mathematics.

        Lines of one size stand on one baseline whatever their letters.
        """
        for row, line in enumerate(printable(words).split("\n")):
            self.figure.text(
                x / self.width,
                1 - (y + (0.85 + 1.4 * row) * size / 72) / self.height,
                line,
                fontsize=size,
                color=colour,
                family=list(font),
                weight="bold" if bold else "normal",
                style="italic" if italic else "normal",
                ha=align,
                va="baseline",
                parse_math=False,
            )

    def fit(
        self,
        words: str,
        width: float,
        *,
        size: float = 9,
        font: Sequence[str] = SANS,
        italic: bool = False,
        lines: int = 1,
    ) -> str:
        """Text broken into lines that measure at most ``width`` inches; the rest is an ellipsis."""
        rest = printable(" ".join(words[:MOST].split()))
        broken: list[str] = []
        letters = FontProperties(
            family=list(font), style="italic" if italic else "normal", size=size
        )
        while rest and len(broken) < lines - 1 and self._cut(rest, width, letters) < len(rest):
            end = self._cut(rest, width, letters)
            at = rest.rfind(" ", 0, end + 1)
            broken.append(rest[: at if at > 0 else end])
            rest = rest[len(broken[-1]) :].strip()
        if self._cut(rest, width, letters) < len(rest):
            rest = rest[: self._cut(rest + "…", width, letters) - 1].rstrip() + "…"
        return "\n".join([*broken, rest])

    def _cut(self, words: str, width: float, letters: FontProperties) -> int:
        """How many characters fit into so many inches, at least 1 of any."""
        renderer = self._canvas.get_renderer()

        def fits(count: int) -> bool:
            with _any_glyph():
                measured = renderer.get_text_width_height_descent(
                    words[:count], letters, ismath=False
                )
            return float(measured[0]) <= width * DPI

        low, high = 1, len(words)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if fits(middle) else (low, middle - 1)
        return low

    def picture(self, box: Box, image: "Image", *, edge: str = FAINT, line: float = 0.8) -> Axes:
        """A picture that fills a box, framed."""
        axes = self.axes(box)
        axes.imshow(image, interpolation="lanczos", aspect="auto")
        frame(axes, edge, line)
        return axes

    def card(self, box: Box, *, fill: str = CARD, edge: str = "none") -> None:
        """A rounded ground for what stands on it."""
        low = self.height - box.bottom
        self.figure.add_artist(
            FancyBboxPatch(
                (box.x / self.width, low / self.height),
                box.width / self.width,
                box.height / self.height,
                boxstyle="round,pad=0,rounding_size=0.006",
                facecolor=fill,
                edgecolor=edge,
                mutation_aspect=self.width / self.height,
                zorder=0,
            )
        )

    def rule(self, x: float, y: float, width: float, *, colour: str = FAINT) -> None:
        """A thin line across."""
        ends = [x / self.width, (x + width) / self.width]
        height = 1 - y / self.height
        self.figure.add_artist(Line2D(ends, [height, height], color=colour, linewidth=0.8))

    def heading(self, x: float, y: float, words: str, note: str, width: float) -> None:
        """The title of a section with a line above it and a note beside it."""
        self.rule(x, y, width)
        self.text(x, y + 0.10, words, size=14, font=SERIF, bold=True)
        self.text(x + width, y + 0.15, note, size=8.5, colour=SOFT, align="right")

    def png(self, **metadata: str) -> bytes:
        """The page as the bytes of a PNG file."""
        file = io.BytesIO()
        with _any_glyph():
            self.figure.savefig(file, format="png", facecolor=PAPER, metadata=metadata)
        return file.getvalue()


@contextmanager
def _any_glyph() -> Iterator[None]:
    """Draw letters that no font has as boxes, without a word about it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
        yield


def frame(axes: Axes, colour: str, line: float = 0.8) -> None:
    """Show the frame of axes."""
    for side in axes.spines.values():
        side.set(visible=True, color=colour, linewidth=line)


def plain(axes: Axes, **ticks: Any) -> None:
    """A diagram's axes: a line at the left and below, small soft numbers."""
    for name in ("left", "bottom"):
        axes.spines[name].set(visible=True, color=FAINT, linewidth=1)
    axes.set(**ticks)
    axes.tick_params(colors=SOFT, labelsize=8, length=3, width=0.8, labelfontfamily=SANS[0])


def end_labels(axes: Axes, ends: Sequence[tuple[float, str, str]]) -> None:
    """Names at the right ends of lines, moved apart where lines end close together."""
    low, high = axes.get_ylim()
    apart = 0.13 * (high - low)
    place = -math.inf
    for value, colour, name in sorted(ends):
        place = max(value, place + apart)
        axes.annotate(
            printable(name), (1, place), xycoords=("axes fraction", "data"), xytext=(5, 0),
            textcoords="offset points", va="center", fontsize=7.5, color=colour, family=SANS,
            parse_math=False,
        )  # fmt: skip


def printable(words: str) -> str:
    """Text as a figure can show it: what does not print becomes a replacement character."""
    return "".join(
        c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in words
    )
