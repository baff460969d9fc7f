"""Draw a contact sheet: photographs and their stylizations with labels, on white."""

import math
from collections.abc import Sequence
from itertools import chain

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from styletransfer.errors import one_line
from styletransfer.images import Picture

Cell = tuple[str, Picture]  # a label, which may be empty, and the picture below it

PAPER = (255, 255, 255)
INK = (45, 45, 45)
SHAPE = 1.5  # width to height


def contact_sheet(labels: Sequence[str], rows: Sequence[Sequence[Picture]]) -> Picture:
    """Draw the pictures of `rows` on one white sheet.

    Several rows become a table with the labels above its columns. A single row is wrapped to a
    sheet of about 3:2, with a label above each picture.

    Args:
        labels: Label of each column.
        rows: The pictures of each photograph, one for each label.

    Raises:
        ValueError: There is no row, or a row does not have one picture for each label.
    """
    labels = [one_line(label) for label in labels]  # style names may contain any characters
    if not rows or not labels or any(len(row) != len(labels) for row in rows):
        raise ValueError("a contact sheet needs at least one row, and a picture for each label")
    short_side = max(min(picture.rgb.shape[:2]) for picture in chain(*rows))
    sheet = _Sheet(short_side)
    if len(rows) == 1:
        return sheet.draw(sheet.wrapped(list(zip(labels, rows[0], strict=True))))
    below = [""] * len(labels)
    headed = zip([labels] + [below] * (len(rows) - 1), rows, strict=True)
    return sheet.draw([list(zip(names, row, strict=True)) for names, row in headed])


class _Sheet:
    """The dimensions of a sheet in pixels, in proportion to its pictures."""

    def __init__(self, short_side: int) -> None:
        type_size = max(13, round(short_side / 15))
        self.font = ImageFont.load_default(size=type_size)
        self.label = round(type_size * 1.6)
        self.gap = max(8, short_side // 20)
        self.margin = 2 * self.gap

    def wrapped(self, cells: Sequence[Cell]) -> list[Sequence[Cell]]:
        """Wrap the cells into a grid with an aspect near `SHAPE` and few empty places."""

        def distance(grid: list[Sequence[Cell]]) -> float:
            _, _, (width, height) = self.layout(grid)
            blanks = len(grid) * len(grid[0]) - len(cells)
            return abs(math.log(width / height / SHAPE)) + 3 * blanks / len(cells)

        grids = (
            [cells[start : start + columns] for start in range(0, len(cells), columns)]
            for columns in range(len(cells), 0, -1)
        )
        return min(grids, key=distance)

    def layout(self, grid: Sequence[Sequence[Cell]]) -> tuple[int, list[int], tuple[int, int]]:
        """Return the width of a column, the height of each row, and the size of the sheet."""
        cells = list(chain(*grid))
        column = max(
            max(math.ceil(self.font.getlength(label)), p.rgb.shape[1]) for label, p in cells
        )
        heights = [
            max(picture.rgb.shape[0] for _, picture in row)
            + self.label * any(name for name, _ in row)
            for row in grid
        ]
        around = 2 * self.margin - self.gap
        width = len(grid[0]) * (column + self.gap) + around
        return column, heights, (width, sum(heights) + len(grid) * self.gap + around)

    def draw(self, grid: Sequence[Sequence[Cell]]) -> Picture:
        column, heights, size = self.layout(grid)
        sheet = Image.new("RGB", size, PAPER)
        pen = ImageDraw.Draw(sheet)
        top = self.margin
        for row, height in zip(grid, heights, strict=True):
            for place, (label, picture) in enumerate(row):
                left = self.margin + place * (column + self.gap)
                # Anchored at the baseline, so that labels with and without descenders align.
                baseline = top + round(self.label * 0.62)
                pen.text((left + column / 2, baseline), label, INK, self.font, anchor="ms")
                rows, columns = picture.rgb.shape[:2]
                corner = (left + (column - columns) // 2, top + height - rows)
                alpha = None if picture.alpha is None else Image.fromarray(picture.alpha)
                sheet.paste(Image.fromarray(picture.rgb), corner, alpha)
            top += height + self.gap
        return Picture(np.asarray(sheet), None, ())
