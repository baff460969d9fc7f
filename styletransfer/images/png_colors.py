"""Colors of PNG files that have a gamma and primaries (chunks gAMA, cHRM) but no profile."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

_SRGB_GAMMA = 1 / 2.2
_SRGB_PRIMARIES = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_ROWS = 64

Matrix = npt.NDArray[np.float64]


def from_gamma(image: Image.Image, gamma: float, primaries: Sequence[float] | None) -> Image.Image:
    """Convert an image to sRGB.

    Args:
        image: Mode L or RGB.
        gamma: Exponent with which light was encoded. A value within 5 % of 0.45455 stands for the
            curve of sRGB, as in libpng.
        primaries: x and y of white, red, green and blue. None for sRGB's.

    Returns:
        The image in mode RGB.

    Reference:
        W3C, Portable Network Graphics (PNG) Specification, sections 11.3.2 and 13.13.
    """
    image = image if image.mode == "RGB" else image.convert("RGB")
    levels = np.arange(256) / 255
    linear = _decoded(levels) if _is_srgb_curve(gamma) else levels ** (1 / gamma)
    matrix = _to_srgb(primaries)
    if matrix is None:
        return image.point([*_encoded(linear)] * 3)
    pixels = np.array(image)
    for first in range(0, len(pixels), _ROWS):
        rows = pixels[first : first + _ROWS]
        rows[...] = _encoded(linear[rows] @ matrix.T)
    return Image.fromarray(pixels)


def is_neutral(gamma: float, primaries: Sequence[float] | None) -> bool:
    """Tell whether `from_gamma` would change nothing, or the values make no sense."""
    if not 0.05 <= gamma <= 20:  # no picture is encoded like this
        return True
    return _is_srgb_curve(gamma) and _to_srgb(primaries) is None


def _is_srgb_curve(gamma: float) -> bool:
    return abs(gamma / _SRGB_GAMMA - 1) <= 0.05


def _to_srgb(primaries: Sequence[float] | None) -> Matrix | None:
    """Return the matrix from linear values to linear sRGB; None if the primaries are sRGB's."""
    try:
        there, here = _to_xyz(primaries or _SRGB_PRIMARIES), _to_xyz(_SRGB_PRIMARIES)
    except (np.linalg.LinAlgError, ZeroDivisionError):  # primaries that span no colors
        return None
    cones = (_BRADFORD @ here.sum(axis=1)) / (_BRADFORD @ there.sum(axis=1))
    adapted = np.linalg.inv(_BRADFORD) @ np.diag(cones) @ _BRADFORD @ there
    matrix: Matrix = np.linalg.inv(here) @ adapted
    return None if np.allclose(matrix, np.eye(3), atol=0.01) else matrix


def _to_xyz(primaries: Sequence[float]) -> Matrix:
    """Return the matrix from linear values to CIE XYZ, where white has Y = 1."""
    white, *colors = (
        (x / y, 1.0, (1 - x - y) / y) for x, y in zip(*[iter(primaries)] * 2, strict=True)
    )
    columns = np.array(colors).T
    matrix: Matrix = columns * np.linalg.solve(columns, white)
    return matrix


def _decoded(levels: Matrix) -> Matrix:
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def _encoded(linear: Matrix) -> npt.NDArray[np.uint8]:
    linear = np.clip(linear, 0, 1)
    levels = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    rounded: npt.NDArray[np.uint8] = np.rint(255 * levels).astype(np.uint8)
    return rounded
