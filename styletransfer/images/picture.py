"""A decoded picture, and its conversion to and from the tensors of networks."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from styletransfer.images.metadata import NO_METADATA, Metadata

Pixels = npt.NDArray[np.uint8]
Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Picture:
    """One still picture, upright and in sRGB.

    Attributes:
        rgb: Colors, uint8 H×W×3.
        alpha: Opacity, uint8 H×W, where 255 is opaque. None for a picture without transparency.
        notes: Notes for the user about the decoding.
        metadata: EXIF, XMP and resolution of the file.
    """

    rgb: Pixels
    alpha: Pixels | None = None
    notes: tuple[str, ...] = ()
    metadata: Metadata = NO_METADATA


def to_tensor(rgb: Pixels) -> Array:
    """Turn the pixels of a picture into a batch of one image.

    Args:
        rgb: uint8 H×W×3.

    Returns:
        Contiguous float32 1×3×H×W in 0..1.

    Raises:
        ValueError: The type or shape is wrong.
    """
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise ValueError(f"expected uint8 H×W×3, got {rgb.dtype} {rgb.shape}")
    planes = rgb.transpose(2, 0, 1)[None]
    return np.divide(planes, np.float32(255), dtype=np.float32, order="C")


def to_pixels(tensor: npt.NDArray[np.floating[Any]]) -> Pixels:
    """Turn one image into the pixels of a picture. Values are clipped and rounded.

    Args:
        tensor: Floating 1×3×H×W or 3×H×W; 0 is black and 1 is white.

    Returns:
        Contiguous uint8 H×W×3.

    Raises:
        ValueError: The shape is wrong, or a value is NaN.
    """
    planes = tensor[0] if tensor.ndim == 4 and len(tensor) == 1 else tensor
    if planes.ndim != 3 or planes.shape[0] != 3:
        raise ValueError(f"expected 1×3×H×W or 3×H×W, got {tensor.shape}")
    low, high = planes.min(), planes.max()
    if np.isnan(low):
        raise ValueError("the picture has NaN values")
    inside = low >= 0 and high <= 1
    pixels = np.empty((*planes.shape[1:], 3), np.uint8)
    for channel, plane in enumerate(planes):  # one at a time, so that a plane stays in the cache
        levels = plane if inside else np.clip(plane, 0, 1)
        levels = np.multiply(levels, np.float32(255), dtype=np.float32)
        pixels[..., channel] = np.rint(levels, out=levels)
    return pixels
