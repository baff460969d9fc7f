"""Planes of pixels for masks."""

import numpy as np

from styletransfer.images import Pixels


def noise(*shape: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def halves(height: int, width: int, column: int) -> Pixels:
    """White left of a column, black from it on."""
    return np.where(np.arange(width) < column, np.uint8(255), np.uint8(0))[None].repeat(height, 0)
