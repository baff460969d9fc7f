"""Fill what transparent pixels hide from their visible surroundings.

What a file stores under full transparency is arbitrary: the photograph from which an object was
cut, or black. A network would see it and paint the visible pixels accordingly.
"""

import numpy as np
from PIL import Image

from styletransfer.images.picture import Array, Pixels

BLOCK = 8
_ROWS = 8 * BLOCK  # worked on at once
_NOTHING_SHOWS = 128  # the color of a picture that is wholly transparent
_TRUST = 4  # an average is used as it is where a quarter of its block shows, and mixed below that


class HiddenFill:
    """Colors for the hidden pixels of one picture: smooth, and of what shows nearby.

    A pyramid of averages, each weighted by alpha, is built from blocks of 8×8 pixels upwards. What
    is missing at one level comes from the next coarser one. Only the pyramid is in memory; rows
    are given in bands, first all to `add`, then to `fill`.

    Args:
        height: Height of the picture.
        width: Width of the picture.

    Reference:
        Gortler et al. 1996, The Lumigraph (push-pull).
    """

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width = height, width
        # Red, green and blue, each times alpha, and alpha.
        self._sums = np.zeros((4, -(-height // BLOCK), -(-width // BLOCK)), np.float32)
        self._colors: list[Image.Image] | None = None
        self.hides = False

    def add(self, first: int, rgb: Pixels, alpha: Pixels) -> None:
        """Look at the rows from `first` on, a multiple of 8.

        Args:
            first: Number of the first row.
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
        """Replace the colors of the hidden pixels in the rows from `first` on, in place.

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
    """Replace the colors of the pixels with alpha 0, in place, by those of what shows nearby.

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
    """Return colors 3×h×w for averages 4×h×w of the colors times alpha, and of alpha."""
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
