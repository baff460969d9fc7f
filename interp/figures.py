"""Everything that draws: pictures, uint8 H×W×3, and matplotlib's figures; no file is touched.

Without `pyplot`, whose state is global.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from PIL import Image, ImageFont

from interp.pictures import grid
from styletransfer.images import Pixels, to_pixels

Array = npt.NDArray[np.floating]
Cell = tuple[Pixels, str]  # a picture and its caption, which may be empty


class ColorBar(NamedTuple):
    """What the colors of a picture mean: a color map of matplotlib between two numbers."""

    colors: str
    low: float
    high: float


PAPER = 255
INK = "#2d2d2d"
DPI = 100
_BAR = 52  # width of a color bar with its numbers, in pixels
_NAMED = 60  # of the points of a scatter plot
# Pillow's own font lacks ×, ∞, ε and most letters with accents.
_FONT = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")


def table(
    rows: Sequence[Sequence[Cell]],
    *,
    title: str = "",
    bars: Mapping[tuple[int, int], ColorBar] | None = None,
    gap: int = 8,
) -> Figure:
    """Rows of pictures on white, each with its caption below, the columns aligned.

    At 100 dots per inch a pixel of a picture is a pixel of the figure.

    Args:
        rows: Pictures with their captions. A column is as wide as its widest picture; a caption
            that is wider is broken between words, and cut where a word is too long. Pictures stand
            in the middle of their column and at the top of their row.
        title: What the figure shows, above it.
        bars: Color bars, to the right of the picture in this row and column.
        gap: Pixels between the pictures.

    Raises:
        ValueError: There are no pictures.
    """
    if not any(rows):
        raise ValueError("a table needs at least one picture")
    bars = bars or {}
    count = max(len(row) for row in rows)
    widths = [
        max(row[column][0].shape[1] for row in rows if column < len(row)) for column in range(count)
    ]
    columns_with_bars = {column for _, column in bars}
    gaps = [gap + _BAR * (column in columns_with_bars) for column in range(count)]
    type_size = min(18, max(10, round(max(widths) / 14)))
    font = ImageFont.truetype(_FONT, type_size)
    line = round(type_size * 1.35)
    captions = [
        [_broken(caption, font, widths[column]) for column, (_, caption) in enumerate(row)]
        for row in rows
    ]
    heights = [max(picture.shape[0] for picture, _ in row) for row in rows]
    lines = [max(len(caption) for caption in row) for row in captions]
    width = gap + sum(w + g for w, g in zip(widths, gaps, strict=True))
    heading = _broken(title, font, width - 2 * gap)
    top = gap + len(heading) * line + gap * bool(heading)
    height = top + sum(h + n * line + gap for h, n in zip(heights, lines, strict=True))
    sheet = _Sheet(width, height, type_size)
    for index, words in enumerate(heading):
        sheet.write(words, gap, gap + round((index + 0.55) * line), "left")
    for number, (row, texts) in enumerate(zip(rows, captions, strict=True)):
        left, tall = gap, heights[number]
        for column, ((picture, _), text) in enumerate(zip(row, texts, strict=True)):
            x = left + (widths[column] - picture.shape[1]) // 2
            sheet.show(picture, x, top)
            if (number, column) in bars:
                sheet.bar(bars[number, column], x + picture.shape[1] + 4, top, picture.shape[0])
            for index, words in enumerate(text):
                middle = top + tall + round((index + 0.55) * line)
                sheet.write(words, left + widths[column] / 2, middle, "center")
            left += widths[column] + gaps[column]
        top += tall + lines[number] * line + gap
    return sheet.figure


def show(result: Any, dpi: int = DPI) -> Image.Image:
    """A result as a picture that a notebook displays.

    Args:
        result: What a technique returned: anything with a `figure()` or a `picture`, a figure, a
            picture uint8 H×W×3, or a tensor C×H×W or N×C×H×W in 0..1.
        dpi: Dots per inch of a figure.
    """
    made = result.figure() if hasattr(result, "figure") and callable(result.figure) else result
    made = getattr(made, "picture", made)
    made = getattr(made, "pixels", made)
    if isinstance(made, Figure):
        return Image.fromarray(pixels_of(made, dpi))
    if isinstance(made, np.ndarray) and made.dtype == np.uint8:
        return Image.fromarray(made)
    planes = np.asarray(made.detach().float().cpu() if hasattr(made, "detach") else made)
    several = planes if planes.ndim == 4 else planes[None]
    tiles = [to_pixels(each if len(each) == 3 else each[:1].repeat(3, 0)) for each in several]
    return Image.fromarray(tiles[0] if len(tiles) == 1 else grid(tiles, gap=2))


def pixels_of(figure: Figure, dpi: int = DPI) -> Pixels:
    """A figure as uint8 H×W×3."""
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    drawn = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    return np.ascontiguousarray(drawn[..., :3])


class _Sheet:
    """A white figure of so many pixels; places are in pixels from its upper left corner."""

    def __init__(self, width: int, height: int, type_size: int) -> None:
        self.width, self.height = width, height
        # Half a pixel more, so that what is cut off is not rounded down to one less.
        size = ((width + 0.01) / DPI, (height + 0.01) / DPI)
        self.figure = Figure(figsize=size, dpi=DPI)
        self.points = type_size * 72 / DPI

    def _axes(self, left: float, top: float, width: float, height: float) -> Axes:
        below = self.height - top - height
        place = (left / self.width, below / self.height, width / self.width, height / self.height)
        return self.figure.add_axes(place)

    def show(self, picture: Pixels, left: float, top: float) -> None:
        """Place a picture, one pixel as one pixel."""
        axes = self._axes(left, top, picture.shape[1], picture.shape[0])
        axes.imshow(picture, interpolation="nearest", aspect="auto")
        axes.set_axis_off()

    def write(self, words: str, x: float, y: float, align: str) -> None:
        """Write a line about the height `y`."""
        self.figure.text(
            x / self.width,
            1 - y / self.height,
            words,
            fontsize=self.points,
            color=INK,
            horizontalalignment=align,
            verticalalignment="center",
            parse_math=False,
        )

    def bar(self, bar: ColorBar, left: float, top: float, height: float) -> None:
        """Draw a color bar beside a picture."""
        axes = self._axes(left, top, 10, height)
        scale = ScalarMappable(Normalize(bar.low, bar.high), bar.colors)
        self.figure.colorbar(scale, cax=axes).ax.tick_params(labelsize=7, pad=1, length=2)


def scatter(
    points: Array, labels: Sequence[str], names: Sequence[str] = (), *, title: str = ""
) -> Figure:
    """N×2 points, colored by their label.

    Up to 20 labels have a legend, more stand in the middle of their points. Points without labels
    have their `names` beside them, up to 60 of them.
    """
    figure, axes = _chart(title)
    kinds = sorted(set(labels))
    if len(kinds) <= 10:
        colors = matplotlib.colormaps["tab10"]
    elif len(kinds) <= 20:
        colors = matplotlib.colormaps["tab20"]
    else:
        colors = matplotlib.colormaps["turbo"].resampled(len(kinds))
    of_points = np.array(labels)
    for index, kind in enumerate(kinds):
        own = points[of_points == kind]
        axes.scatter(own[:, 0], own[:, 1], s=14, color=colors(index), label=kind or "no class")
        if len(kinds) > 20:
            middle = np.median(own, axis=0)
            axes.annotate(kind, tuple(middle), fontsize=6, ha="center", parse_math=False)
    axes.set_xticks([])
    axes.set_yticks([])
    if 1 < len(kinds) <= 20:
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    if len(kinds) == 1:
        step = -(-len(points) // _NAMED)
        for point, name in list(zip(points, names, strict=False))[::step]:
            axes.annotate(
                name, tuple(point), (3, 2), textcoords="offset points", fontsize=6, parse_math=False
            )
    return figure


def curves(
    x: Sequence[float],
    lines: Mapping[str, Sequence[float]],
    *,
    across: str,
    up: str,
    title: str = "",
) -> Figure:
    """Lines over common places `x`, by name; `across` and `up` say what the axes are."""
    figure, axes = _chart(title)
    for name, y in lines.items():
        axes.plot(x, y, marker="o", markersize=4, label=name)
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return figure


def _broken(caption: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """The lines of a caption, none wider than `width` pixels; a line break in it is kept."""
    lines: list[str] = []
    for part in caption.splitlines():
        words = part.split()
        starts = [0]
        for index in range(1, len(words)):
            if font.getlength(" ".join(words[starts[-1] : index + 1])) > width:
                starts.append(index)
        lines += [" ".join(words[a:b]) for a, b in pairwise([*starts, len(words)])]
    for index, line in enumerate(lines):
        while len(line) > 1 and font.getlength(line) > width:
            line = line[:-2] + "…"
        lines[index] = line
    return lines


def _chart(title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8, 6), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, parse_math=False)
    return figure, axes
