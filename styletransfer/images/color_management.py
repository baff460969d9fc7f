"""Convert the colors of every kind of image file to 8-bit sRGB."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageFile

from styletransfer.images.png_colors import from_gamma, is_neutral

_PHOTOMETRIC_TAG = 0x0106


def sample_format(image: ImageFile.ImageFile) -> str:
    """Return the format of the samples in a file that is not yet decoded, such as "RGB;16B".

    The mode of an image does not tell their bit depth.
    """
    arguments = image.tile[0].args if image.tile else ""
    return str(arguments[0]) if isinstance(arguments, tuple) else str(arguments)


def split_alpha(
    image: Image.Image, samples: str, notes: list[str]
) -> tuple[Image.Image, Image.Image | None]:
    """Separate the colors of a decoded image from its transparency.

    Args:
        image: The decoded image.
        samples: Its `sample_format`.
        notes: A list to which notes for the user are added.

    Returns:
        The colors in mode L, RGB, CMYK or LAB, and the alpha in mode L or None.
    """
    if image.mode in ("LA", "La"):
        image = image.convert("LA")
        return image.getchannel("L"), image.getchannel("A")
    if image.mode in ("RGBA", "RGBa", "PA") or (image.mode == "P" and image.has_transparency_data):
        image = image.convert("RGBA")
        return image.convert("RGB"), image.getchannel("A")
    if image.mode == "1":
        image = image.convert("L")
    alpha = _color_key(image, samples)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _tones(image, samples, notes), alpha
    return image if image.mode in ("L", "RGB", "CMYK", "LAB") else image.convert("RGB"), alpha


def to_srgb(image: Image.Image, info: Mapping[Any, Any], notes: list[str]) -> Image.Image:
    """Convert an image to sRGB.

    Args:
        image: Mode L, RGB, CMYK or LAB.
        info: Pillow's `info` of the image, with an ICC profile or the gamma and primaries of a
            PNG file.
        notes: A list to which notes for the user are added.

    Returns:
        The image in mode RGB.
    """
    if profile := info.get("icc_profile"):
        try:
            return _apply_profile(image, profile)
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            notes.append("unusable color profile ignored")
    elif not is_srgb(info):
        return from_gamma(image, info["gamma"], info.get("chromaticity"))
    if image.mode == "CMYK":
        notes.append("CMYK without a color profile: colors are approximate")
    return image if image.mode == "RGB" else image.convert("RGB")


def is_srgb(info: Mapping[Any, Any]) -> bool:
    """Tell whether colors in mode RGB are sRGB already.

    Args:
        info: As for `to_srgb`.
    """
    if info.get("icc_profile"):
        return False
    gamma = info.get("gamma")
    return not gamma or "srgb" in info or is_neutral(gamma, info.get("chromaticity"))


def _color_key(image: Image.Image, samples: str) -> Image.Image | None:
    """Return the alpha of a PNG whose tRNS chunk makes one color transparent, else None."""
    key = image.info.get("transparency")
    if key is None:
        return None
    scale = {"L;2": 85, "L;4": 17, "RGB;16B": 1 / 256}.get(samples, 1)
    different = np.asarray(image) != (np.array(key) * scale).astype(int)
    if different.ndim == 3:
        different = different.any(axis=2)
    return Image.fromarray(different.astype(np.uint8) * np.uint8(255))


def _tones(image: Image.Image, samples: str, notes: list[str]) -> Image.Image:
    """Convert gray integers of 12 to 32 bits, or floats, to 8 bits by the first scale that fits."""
    values = np.nan_to_num(np.asarray(image).astype(np.float32), posinf=0, neginf=0)
    scales = (1, 255, 65535) if image.mode == "F" else (65535,)
    if samples == "I;12":
        scales = (4095,)
    low, high = float(values.min()), float(values.max())
    fitting = [scale for scale in scales if low >= 0 and high <= scale]
    black, white = (0.0, float(fitting[0])) if fitting else (low, high)
    if image.mode == "F" or not fitting:
        notes.append(f"tones {black:g}..{white:g} are scaled to 0..255")
    levels = np.rint((values - np.float32(black)) * np.float32(255 / ((white - black) or 1)))
    if getattr(image, "tag_v2", {}).get(_PHOTOMETRIC_TAG) == 0:
        levels = 255 - levels  # in this TIFF 0 is white; Pillow handles that only up to 8 bits
    return Image.fromarray(levels.astype(np.uint8))


def _apply_profile(image: Image.Image, profile: bytes) -> Image.Image:
    source = ImageCms.ImageCmsProfile(BytesIO(profile))
    if image.mode == "L" and source.profile.xcolor_space.strip() == "RGB":
        image = image.convert("RGB")  # gray files often have an RGB profile
    # By default lcms samples its gray curve too coarsely, and shadows are wrong by 2 levels.
    flags = ImageCms.Flags
    fine = flags.GRIDPOINTS(255) if image.mode == "L" else flags.HIGHRESPRECALC
    srgb = ImageCms.createProfile("sRGB")
    transform = ImageCms.buildTransform(source, srgb, image.mode, "RGB", flags=fine)
    return image.convert("RGB") if _is_identity(transform, image.mode) else transform.apply(image)


def _is_identity(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Tell whether a profile is one of the many versions of sRGB, and would only add rounding."""
    levels = np.arange(0, 256, 15, dtype=np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
    probe = Image.fromarray(grid).convert(mode)
    before = np.asarray(probe.convert("RGB")).astype(int)
    return bool(np.abs(np.asarray(transform.apply(probe)) - before).max() <= 2)
