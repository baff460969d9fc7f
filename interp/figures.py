"""Everything that draws. Each function returns a picture, uint8 H×W×3, and touches no file.

What is made of images is composed pixel by pixel; charts are matplotlib's, without its `pyplot`,
whose state is global.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from styletransfer.images import Pixels

Array = npt.NDArray[np.floating]
Cell = tuple[Pixels, str]  # a picture and its caption, which may be empty

PAPER = 255
INK = (45, 45, 45)
_DPI = 100
# Pillow's own font lacks ×, ∞, ε and most letters with accents.
_FONT = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")


def to_gray(values: Array, low: float | None = None, high: float | None = None) -> Pixels:
    """H×W values to gray, `low` (by default the least) as black and `high` (the greatest) as white.

    Values that are all equal come out black.
    """
    return np.repeat(_levels(values, low, high)[..., None], 3, axis=2)


def to_color(values: Array, low: float | None = None, high: float | None = None) -> Pixels:
    """3×H×W values to RGB, scaled by the one `low` and `high` of all three, as in `to_gray`."""
    return np.ascontiguousarray(_levels(values, low, high).transpose(1, 2, 0))


def heat_map(
    values: Array,
    colors: str = "inferno",
    low: float | None = None,
    high: float | None = None,
) -> Pixels:
    """H×W values in the colors of a matplotlib map, scaled as in `to_gray`."""
    return _colored(_levels(values, low, high), colors)


def signed_map(values: Array) -> Pixels:
    """H×W values of both signs: blue below zero, white at zero, red above, on one scale."""
    reach = float(np.abs(values).max()) or 1.0
    return heat_map(values, "RdBu_r", -reach, reach)


def overlay(photograph: Pixels, heat: Pixels, share: float = 0.6) -> Pixels:
    """`heat` over `photograph` of the same size; `share`, 0 to 1, of the mixture is heat."""
    mixed = share * heat.astype(np.float32) + (1 - share) * photograph.astype(np.float32)
    return np.rint(mixed).astype(np.uint8)


def resized(pixels: Pixels, height: int, width: int, *, smooth: bool = True) -> Pixels:
    """The picture at another size; not `smooth` repeats or leaves out pixels."""
    method = Image.Resampling.LANCZOS if smooth else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(pixels).resize((width, height), method))


def fitted(pixels: Pixels, side: int) -> Pixels:
    """The whole picture, scaled so that its long side is `side`, in the middle of a white square"""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    scaled = resized(pixels, max(1, round(height * scale)), max(1, round(width * scale)))
    square = np.full((side, side, 3), PAPER, np.uint8)
    top, left = (side - scaled.shape[0]) // 2, (side - scaled.shape[1]) // 2
    square[top : top + scaled.shape[0], left : left + scaled.shape[1]] = scaled
    return square


def grid(
    tiles: Sequence[Pixels], *, columns: int | None = None, gap: int = 1, zoom: int = 1
) -> Pixels:
    """Tiles of one size, row by row on white, `gap` pixels between them.

    Each pixel of a tile becomes `zoom`×`zoom` pixels. `columns` is by default what makes the grid
    about square. Raises ValueError for no tiles.
    """
    if not tiles:
        raise ValueError("a grid needs at least one tile")
    columns = columns or math.ceil(math.sqrt(len(tiles)))
    rows = math.ceil(len(tiles) / columns)
    height, width = (zoom * side for side in tiles[0].shape[:2])
    sheet = np.full(
        (rows * (height + gap) + gap, columns * (width + gap) + gap, 3), PAPER, np.uint8
    )
    for place, tile in enumerate(tiles):
        top = gap + place // columns * (height + gap)
        left = gap + place % columns * (width + gap)
        sheet[top : top + height, left : left + width] = tile.repeat(zoom, 0).repeat(zoom, 1)
    return sheet


def table(rows: Sequence[Sequence[Cell]], *, gap: int = 8) -> Pixels:
    """Rows of pictures on white, each with its caption below, the columns aligned.

    A column is as wide as its widest picture; a caption that is wider is broken between words,
    and cut where a word is too long. Pictures stand in the middle of their column and at the top
    of their row. Raises ValueError for no pictures.
    """
    if not any(rows):
        raise ValueError("a table needs at least one picture")
    count = max(len(row) for row in rows)
    widths = [
        max(row[column][0].shape[1] for row in rows if column < len(row)) for column in range(count)
    ]
    type_size = min(18, max(10, round(max(widths) / 14)))
    font = ImageFont.truetype(_FONT, type_size)
    line = round(type_size * 1.35)
    captions = [
        [_broken(caption, font, widths[column]) for column, (_, caption) in enumerate(row)]
        for row in rows
    ]
    heights = [max(picture.shape[0] for picture, _ in row) for row in rows]
    lines = [max(len(caption) for caption in row) for row in captions]
    height = gap + sum(h + n * line + gap for h, n in zip(heights, lines, strict=True))
    sheet = Image.new("RGB", (gap + sum(w + gap for w in widths), height), (PAPER,) * 3)
    pen = ImageDraw.Draw(sheet)
    top = gap
    for row, texts, tall, deep in zip(rows, captions, heights, lines, strict=True):
        left = gap
        for (picture, _), text, width in zip(row, texts, widths, strict=False):
            sheet.paste(Image.fromarray(picture), (left + (width - picture.shape[1]) // 2, top))
            for index, words in enumerate(text):
                middle = (left + width / 2, top + tall + round((index + 0.55) * line))
                pen.text(middle, words, INK, font, anchor="mm")
            left += width + gap
        top += tall + deep * line + gap
    return np.asarray(sheet)


def framed(pixels: Pixels, color: tuple[int, int, int], width: int = 3) -> Pixels:
    """The picture with its outermost `width` pixels in `color`; its size stays."""
    result = pixels.copy()
    result[:width], result[-width:] = color, color
    result[:, :width], result[:, -width:] = color, color
    return result


def scatter(points: Array, labels: Sequence[str], *, title: str = "") -> Pixels:
    """N×2 points, colored by their label, with a legend where the labels are not too many."""
    figure, axes = _chart(title)
    names = sorted(set(labels))
    if len(names) <= 10:
        colors = matplotlib.colormaps["tab10"]
    elif len(names) <= 20:
        colors = matplotlib.colormaps["tab20"]
    else:
        colors = matplotlib.colormaps["turbo"].resampled(len(names))
    kinds = np.array(labels)
    for index, name in enumerate(names):
        x, y = points[kinds == name].T
        axes.scatter(x, y, s=14, color=colors(index), label=name or None)
    axes.set_xticks([])
    axes.set_yticks([])
    if 1 < len(names) <= 20:
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return _drawn(figure)


def curves(
    x: Sequence[float],
    lines: Mapping[str, Sequence[float]],
    *,
    across: str,
    up: str,
    title: str = "",
) -> Pixels:
    """Lines over common places `x`, by name; `across` and `up` say what the axes are."""
    figure, axes = _chart(title)
    for name, y in lines.items():
        axes.plot(x, y, marker="o", markersize=4, label=name)
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.grid(alpha=0.3)
    if len(lines) > 1:
        axes.legend(frameon=False)
    return _drawn(figure)


def picture_map(points: Array, pictures: Sequence[Pixels], *, side: int = 1600) -> Pixels:
    """Pictures at their points N×2 on white, later ones on top.

    The points are scaled alike in both directions, y upwards, so that the long side is `side`.
    """
    tall, wide = (max(p.shape[axis] for p in pictures) for axis in (0, 1))
    spread = np.ptp(points, axis=0)
    scale = (side - max(tall, wide)) / (float(spread.max()) or 1.0)
    width, height = np.rint(spread * scale).astype(int).tolist()
    sheet = Image.new("RGB", (width + wide, height + tall), (PAPER,) * 3)
    corners = np.stack([points[:, 0] - points[:, 0].min(), points[:, 1].max() - points[:, 1]], 1)
    for (left, top), picture in zip(np.rint(corners * scale).astype(int), pictures, strict=True):
        sheet.paste(Image.fromarray(picture), (int(left), int(top)))
    return np.asarray(sheet)


def _levels(values: Array, low: float | None, high: float | None) -> Pixels:
    low = float(values.min()) if low is None else low
    high = float(values.max()) if high is None else high
    scaled = (values.astype(np.float64) - low) / ((high - low) or 1.0)
    return np.rint(np.clip(scaled, 0, 1) * 255).astype(np.uint8)


def _colored(levels: Pixels, colors: str) -> Pixels:
    palette = matplotlib.colormaps[colors](np.arange(256), bytes=True)[:, :3]
    picture: Pixels = np.ascontiguousarray(palette[levels])
    return picture


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


def _chart(title: str) -> tuple[Figure, matplotlib.axes.Axes]:
    figure = Figure(figsize=(8, 6), dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title)
    return figure, axes


def _drawn(figure: Figure) -> Pixels:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    drawn = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    return np.ascontiguousarray(drawn[..., :3])
