"""Give fully transparent pixels the colors of visible pixels nearby.

A file may store any color there, such as black or the background of a cut-out object. A network
would see these colors, and they would change how it paints the visible pixels.
"""

import numpy as np
from PIL import Image

from styletransfer.images.picture import Array, Pixels

BLOCK = 8
_ROWS = 8 * BLOCK  # processed at once
_NOTHING_SHOWS = 128  # gray level for a picture without a visible pixel
# An average counts fully if a quarter of its block is visible. Below that, the coarser one is mixed
# in.
_TRUST = 4


class HiddenFill:
    """Smooth colors for the hidden pixels of one picture, taken from visible pixels nearby.

    This builds a pyramid of averages weighted by alpha, from blocks of 8×8 pixels upward. A block
    without visible pixels takes its color from the next coarser level. Only the pyramid is kept in
    memory: pass the rows of the picture in bands, first all to `add`, then all to `fill`.

    Args:
        height: Height of the picture.
        width: Width of the picture.

    Reference:
        Gortler et al. 1996, The Lumigraph (push-pull).
    """

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width = height, width
        # Averages of red, green and blue times alpha, and of alpha.
        self._sums = np.zeros((4, -(-height // BLOCK), -(-width // BLOCK)), np.float32)
        self._colors: list[Image.Image] | None = None
        self.hides = False

    def add(self, first: int, rgb: Pixels, alpha: Pixels) -> None:
        """Add rows to the averages.

        Args:
            first: Number of the first row, a multiple of 8.
            rgb: uint8 n×W×3; n is a multiple of 8, except at the end of the picture.
            alpha: uint8 n×W.
        """
        self.hides = self.hides or not alpha.all()
        weight: Array = np.divide(alpha, 255, dtype=np.float32)
        start = first // BLOCK
        for channel, sums in enumerate(self._sums):
            plane = weight if channel == 3 else np.multiply(rgb[..., channel], weight)
            blocks = np.asarray(_image(plane).reduce(BLOCK))
            sums[start : start + len(blocks)] = blocks

    def fill(self, first: int, rgb: Pixels, alpha: Pixels) -> None:
        """Replace the colors of the hidden pixels of some rows, in place.

        Args:
            first: Number of the first row.
            rgb: uint8 n×W×3.
            alpha: uint8 n×W.
        """
        hidden = alpha == 0
        if not hidden.any():
            return
        if self._colors is None:
            self._colors = [_image(plane) for plane in _filled(self._sums)]
        count, width = alpha.shape
        box = (0, first / BLOCK, width / BLOCK, (first + count) / BLOCK)
        for channel, plane in enumerate(self._colors):
            smooth = plane.resize((width, count), Image.Resampling.BILINEAR, box=box)
            np.copyto(rgb[..., channel], np.rint(np.asarray(smooth)).astype(np.uint8), where=hidden)


def fill_hidden(rgb: Pixels, alpha: Pixels) -> None:
    """Replace the colors of pixels with alpha 0, in place, by those of visible pixels nearby.

    Args:
        rgb: uint8 H×W×3.
        alpha: uint8 H×W.
    """
    if alpha.all():
        return
    filling = HiddenFill(*alpha.shape)
    for work in (filling.add, filling.fill):
        for first in range(0, len(alpha), _ROWS):
            work(first, rgb[first : first + _ROWS], alpha[first : first + _ROWS])


def _filled(sums: Array) -> Array:
    """Return colors 3×h×w from averages 4×h×w of the colors times alpha, and of alpha."""
    weight = sums[3]
    if weight.size == 1:
        smooth = np.full((3, 1, 1), _NOTHING_SHOWS, np.float32)
    else:
        height, width = weight.shape
        coarse = _filled(np.stack([np.asarray(_image(plane).reduce(2)) for plane in sums]))
        smooth = np.stack([_enlarged(plane, height, width) for plane in coarse])
    own = np.divide(sums[:3], weight, out=smooth.copy(), where=weight > 0)
    colors: Array = smooth + np.minimum(1, _TRUST * weight) * (own - smooth)
    return colors


def _enlarged(plane: Array, height: int, width: int) -> Array:
    box = (0, 0, width / 2, height / 2)
    return np.asarray(_image(plane).resize((width, height), Image.Resampling.BILINEAR, box=box))


def _image(plane: Array) -> Image.Image:
    return Image.fromarray(plane)
