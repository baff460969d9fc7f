"""Oklab as its author prints it, one color at a time in float64: the twin of `color`."""

import math

Color = tuple[float, float, float]


def oklab(red: int, green: int, blue: int) -> Color:
    r, g, b = (_linear(level / 255) for level in (red, green, blue))
    long = math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b)
    medium = math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b)
    short = math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
    return (
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )


def srgb_levels(lightness: float, a: float, b: float) -> Color:
    """Levels 0..255, not rounded; clipped."""
    r, g, b = (min(max(value, 0.0), 1.0) for value in linear_srgb(lightness, a, b))
    return 255 * _encoded(r), 255 * _encoded(g), 255 * _encoded(b)


def linear_srgb(lightness: float, a: float, b: float) -> Color:
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def in_srgb(lightness: float, a: float, b: float) -> bool:
    return all(-1e-6 <= value <= 1 + 1e-6 for value in linear_srgb(lightness, a, b))


def _linear(encoded: float) -> float:
    return encoded / 12.92 if encoded <= 0.04045 else ((encoded + 0.055) / 1.055) ** 2.4


def _encoded(linear: float) -> float:
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055
