"""Keep the colors of a photograph, in the perceptual color space Oklab.

The rows of Oklab's matrices sum to 1 or to 0, so the sums are written with differences of
channels, such as g + 0.41 (r − g) + 0.05 (b − g). Then a gray is exactly gray in Oklab, and is
converted back exactly.

Reference:
    Ottosson 2020, A Perceptual Color Space for Image Processing.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from styletransfer.images import Pixels

Plane = NDArray[np.float32]
Planes = tuple[Plane, Plane, Plane]

_BAND_PIXELS = 32_768  # a plane of one band has 128 KiB and fits in the cache of a core
_HALVINGS = 6  # of the interval that contains the greatest chroma
_SLACK = np.float32(1e-5)  # in linear light; larger than rounding errors


def _linear_light(encoded: NDArray[np.float64]) -> NDArray[np.float64]:
    """Undo the sRGB transfer function (IEC 61966-2-1), from 0..1 to 0..1."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


# Tables from levels to linear light, and from linear light in steps of 1/65535 to levels. Where
# the curve is steepest, in the shadows, one level is 20 steps.
_LINEAR = _linear_light(np.arange(256) / 255).astype(np.float32)
_LEVELS = np.searchsorted(_linear_light((np.arange(255) + 0.5) / 255) * 65535, np.arange(65536))
_LEVELS = _LEVELS.astype(np.uint8)


def preserve_colors(stylized: Pixels, photograph: Pixels, out: Pixels | None = None) -> Pixels:
    """Return the lightness of `stylized` with the hue and chroma of `photograph`.

    A color outside sRGB keeps its lightness and hue, and gets the greatest chroma that sRGB has
    there. The pictures are processed in bands of rows, which takes a few MB besides the result.

    Args:
        stylized: uint8 H×W×3 in sRGB.
        photograph: uint8 H×W×3 in sRGB.
        out: Array for the result; it may be one of the two pictures. None makes a new one.

    Raises:
        ValueError: The pictures have different shapes.
    """
    if stylized.shape != photograph.shape:
        raise ValueError(f"expected two pictures of one shape: {stylized.shape, photograph.shape}")
    result = np.empty(stylized.shape, np.uint8) if out is None else out
    for rows in row_bands(*stylized.shape[:2]):
        lightness, _, _ = to_oklab(stylized[rows])
        _, a, b = to_oklab(photograph[rows])
        _reduce_chroma(lightness, a, b)
        result[rows] = from_oklab((lightness, a, b))
    return result


def row_bands(height: int, width: int) -> Iterator[slice]:
    """Divide a picture into bands of rows that fit in the cache of a core."""
    rows = max(1, _BAND_PIXELS // width)
    return (slice(top, min(top + rows, height)) for top in range(0, height, rows))


def to_oklab(pixels: Pixels) -> Planes:
    """Convert sRGB to Oklab.

    Args:
        pixels: uint8 …×3.

    Returns:
        The planes L (in 0..1), a and b, each float32 of shape ….
    """
    r, g, b = (_LINEAR.take(pixels[..., channel]) for channel in range(3))
    r -= g
    b -= g
    long = _cube_root(g + 0.4122214708 * r + 0.0514459929 * b)
    medium = _cube_root(g + 0.2119034982 * r + 0.1073969566 * b)
    short = _cube_root(g + 0.0883024619 * r + 0.6299787005 * b)
    long -= medium
    short -= medium
    return (
        medium + 0.2104542553 * long - 0.0040720468 * short,
        1.9779984951 * long + 0.4505937099 * short,
        0.0259040371 * long - 0.8086757660 * short,
    )


def from_oklab(planes: Planes) -> Pixels:
    """Convert Oklab to sRGB; colors outside sRGB are clipped.

    Args:
        planes: L (in 0..1), a and b, each float32 of shape ….

    Returns:
        uint8 …×3.
    """
    pixels = np.empty((*planes[0].shape, 3), np.uint8)
    for index, channel in enumerate(_to_linear(*planes)):
        steps = np.clip(channel, 0, 1, out=channel) * np.float32(65535) + np.float32(0.5)
        pixels[..., index] = _LEVELS.take(steps.astype(np.uint16))
    return pixels


def _reduce_chroma(lightness: Plane, a: Plane, b: Plane) -> None:
    """Scale a and b of colors outside sRGB down to its border, in place."""
    places = np.flatnonzero(_excess(lightness, a, b) > _SLACK)
    if not places.size:
        return
    lightness, full_a, full_b = (plane.take(places) for plane in (lightness, a, b))
    inside, outside = np.zeros_like(lightness), np.ones_like(lightness)
    below, above = _excess(lightness, inside, inside), _excess(lightness, full_a, full_b)
    for _ in range(_HALVINGS):
        middle = (inside + outside) * np.float32(0.5)
        excess = _excess(lightness, middle * full_a, middle * full_b)
        fits = excess <= 0
        inside, outside = np.where(fits, middle, inside), np.where(fits, outside, middle)
        below, above = np.where(fits, excess, below), np.where(fits, above, excess)
    # The border is nearly straight within the interval that is left.
    scale = inside + (outside - inside) * (below / (below - above))
    a.put(places, scale * full_a)
    b.put(places, scale * full_b)


def _to_linear(lightness: Plane, a: Plane, b: Plane) -> Planes:
    long = _cube(lightness + 0.3963377774 * a + 0.2158037573 * b)
    medium = _cube(lightness - 0.1055613458 * a - 0.0638541728 * b)
    short = _cube(lightness - 0.0894841775 * a - 1.2914855480 * b)
    long -= medium
    short -= medium
    return (
        medium + 4.0767416621 * long + 0.2309699292 * short,
        medium - 1.2684380046 * long - 0.3413193965 * short,
        medium - 0.0041960863 * long + 1.7076147010 * short,
    )


def _excess(lightness: Plane, a: Plane, b: Plane) -> Plane:
    """Return how far a color lies outside 0..1 in linear light; 0 or less inside."""
    red, green, blue = _to_linear(lightness, a, b)
    highest = np.maximum(np.maximum(red, green), blue)
    lowest = np.minimum(np.minimum(red, green), blue)
    excess: Plane = np.maximum(highest - 1, -lowest)
    return excess


def _cube(plane: Plane) -> Plane:
    return plane * plane * plane


def _cube_root(plane: Plane) -> Plane:
    # Four times as fast as np.cbrt and as precise as float32: NumPy has SIMD code for both.
    return np.exp(np.log(np.maximum(plane, np.float32(1e-30))) * np.float32(1 / 3))
