"""Numbers and pictures as pictures, uint8 H×W×3, pixel by pixel."""

import math
from collections.abc import Sequence

import matplotlib
import numpy as np
import numpy.typing as npt
from PIL import Image

from styletransfer.images import Pixels

Array = npt.NDArray[np.floating]

PAPER = 255


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
    """Tiles of one size, row by row on white.

    Args:
        tiles: Pictures uint8 H×W×3.
        columns: Number of tiles in a row; by default what makes the grid about square.
        gap: Pixels between the tiles.
        zoom: Each pixel of a tile becomes `zoom`×`zoom` pixels.

    Raises:
        ValueError: There are no tiles.
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
