"""The padding of a network, applied to a picture that is read some rows at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from styletransfer.images import Array, Pixels, to_pixels, to_tensor
from styletransfer.inference.tiled.geometry import Range, Uncuttable

Index = NDArray[np.intp]
Mode = Literal["odd", "reflect", "edge"]
MODES: tuple[Mode, ...] = ("odd", "reflect", "edge")


@dataclass(frozen=True)
class Padding:
    """A padding of an image.

    Attributes:
        mode: `reflect` mirrors the image; `odd` also reflects the values at that of the border
            pixel, clipped to 0..1; `edge` repeats the border pixel. If the padding is larger than
            the image, the image is mirrored repeatedly.
        rows: Number of rows added before and after.
        columns: Number of columns added before and after.
    """

    mode: Mode = "edge"
    rows: Range = (0, 0)
    columns: Range = (0, 0)

    def read(
        self, read: Callable[[int, int], Pixels], size: tuple[int, int], rows: Range, columns: Range
    ) -> Pixels:
        """Return a part of the padded picture, uint8 h×w×3.

        Args:
            read: Returns the rows `first` … `end − 1` of the picture.
            size: Height and width of the picture.
            rows: Rows of the part in the padded picture.
            columns: Columns of the part in the padded picture.
        """
        height, width = size
        wanted = np.arange(*rows) - self.rows[0]
        across = np.arange(*columns) - self.columns[0]
        sources, sideways = self._sources(wanted, height), self._sources(across, width)
        lowest, left = int(sources.min()), int(sideways.min())
        near = read(lowest, int(sources.max()) + 1)
        pixels = near[sources - lowest, left : int(sideways.max()) + 1]
        if self.mode == "odd":
            at = slice(left, int(sideways.max()) + 1)
            for outside, border in ((wanted < 0, 0), (wanted >= height, height - 1)):
                if outside.any():
                    line = read(border, border + 1)[:, at]
                    pixels[outside] = _turned_over(pixels[outside], line)
        wide = pixels[:, sideways - left]
        if self.mode == "odd":
            for outside, border in ((across < 0, 0), (across >= width, width - 1)):
                if outside.any():
                    column = self._column(read, size, wanted, border)
                    wide[:, outside] = _turned_over(wide[:, outside], column)
        return wide

    def _column(
        self,
        read: Callable[[int, int], Pixels],
        size: tuple[int, int],
        wanted: Index,
        column: int,
    ) -> Pixels:
        """Return one column of the picture, padded above and below, uint8 h×1×3."""

        def narrow(first: int, end: int) -> Pixels:
            return read(first, end)[:, column : column + 1]

        rows = (int(wanted[0]) + self.rows[0], int(wanted[-1]) + 1 + self.rows[0])
        return Padding(self.mode, self.rows).read(narrow, (size[0], 1), rows, (0, 1))

    def _sources(self, wanted: Index, size: int) -> Index:
        if self.mode == "edge":
            return np.clip(wanted, 0, size - 1)
        period = max(2 * size - 2, 1)
        wrapped = wanted % period
        return np.minimum(np.minimum(wrapped, period - wrapped), size - 1)


def find_padding(pairs: Sequence[tuple[Array, Array]]) -> Padding:
    """Find the padding that turns the first image of each pair (1×3×H×W) into the second.

    Raises:
        Uncuttable: The padding is none of `MODES`, or its amount depends on the image.
    """
    if not pairs:
        return Padding()
    amounts = set()
    for image, padded in pairs:
        more = [big - small for big, small in zip(padded.shape[2:], image.shape[2:], strict=True)]
        amounts.add((_place(image, padded), tuple(more)))
    if len(amounts) > 1:
        raise Uncuttable("pads by an amount that depends on the picture's size")
    ((top, left), (rows, columns)) = amounts.pop()
    for mode in MODES:
        padding = Padding(mode, (top, rows - top), (left, columns - left))
        if all(_pads_so(padding, *pair) for pair in pairs):
            return padding
    raise Uncuttable("pads the picture in an unknown way")


def _pads_so(padding: Padding, image: Array, padded: Array) -> bool:
    pixels = to_pixels(image)
    size = (image.shape[2], image.shape[3])
    part = (0, padded.shape[2]), (0, padded.shape[3])
    made = to_tensor(padding.read(lambda first, end: pixels[first:end], size, *part))
    return bool(np.abs(made - padded).max() < 1e-5)


def _place(image: Array, padded: Array) -> tuple[int, int]:
    """Return the row and column of `padded` where the image begins."""
    height, width = image.shape[2:]
    corner = (padded[0] == image[0, :, :1, :1]).all(axis=0)
    for top, left in np.argwhere(corner):
        if np.array_equal(padded[:, :, top : top + height, left : left + width], image):
            return int(top), int(left)
    raise Uncuttable("pads the picture in an unknown way")


def _turned_over(mirrored: Pixels, border: Pixels) -> Pixels:
    """Reflect the values of a mirror image at those of the border."""
    pixels: Pixels = np.clip(2 * border.astype(np.int16) - mirrored, 0, 255).astype(np.uint8)
    return pixels
