"""Decode image files of every kind to upright pictures in 8-bit sRGB."""

import os
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageFile

from styletransfer.errors import ImageError
from styletransfer.images.color_management import is_srgb, sample_format, split_alpha, to_srgb
from styletransfer.images.identify import check_pixels, frame_notes, identify, load, open_file
from styletransfer.images.jpeg import END_MISSING, with_end
from styletransfer.images.metadata import NO_METADATA, Metadata, metadata_of
from styletransfer.images.picture import Picture, Pixels
from styletransfer.images.transparency import fill_hidden

DEFAULT_MAX_PIXELS = 200_000_000

_ORIENTATION_TAG = 0x0112


def read_image(
    path: str | os.PathLike[str],
    *,
    short_side: int | None = None,
    crop: bool = False,
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> Picture:
    """Decode the first frame of an image file.

    Args:
        path: The file. Its content decides the format, not its name.
        short_side: Short side of the result in pixels, at least 1; the aspect is kept. None keeps
            the size of the file.
        crop: Whether to keep only the middle square of the resized picture.
        max_pixels: Greatest number of pixels of the picture in the file and of the resized one.
            Both are checked before anything is decoded.

    Returns:
        The picture, upright and in sRGB. Where its alpha is 0, its colors are those of visible
        pixels nearby, and not those that the file stores there.

    Raises:
        ImageError: The file is missing, is no image, is damaged or truncated, or is too large.
    """
    _check_short_side(short_side)
    path = Path(path)
    with open_file(path) as file:
        return decode_image(
            file, name=str(path), short_side=short_side, crop=crop, max_pixels=max_pixels
        )


def decode_image(
    file: IO[bytes],
    *,
    name: str,
    short_side: int | None = None,
    crop: bool = False,
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> Picture:
    """Decode an open file as `read_image` decodes a path.

    Args:
        file: A binary file at the start of the image. It need not be seekable.
        name: Name of the file in errors.
        short_side: As for `read_image`.
        crop: As for `read_image`.
        max_pixels: As for `read_image`.

    Returns:
        The picture, as `read_image` returns it.

    Raises:
        ImageError: As for `read_image`.
    """
    _check_short_side(short_side)
    if not file.seekable():
        file = BytesIO(file.read())
    notes: list[str] = []
    image = identify(file, name, max_pixels)
    width, height = image.size
    check_pixels(name, width * height, max_pixels)
    if short_side is not None:
        scale = short_side / min(width, height)
        width, height = round(width * scale), round(height * scale)
        if not crop:
            check_pixels(name, width * height, max_pixels, "ask for a smaller size")
    notes += frame_notes(image, name)
    samples = sample_format(image)
    image = _loaded(image, file, name, short_side, max_pixels, notes)
    colors, alpha = split_alpha(image, samples, notes)
    rgb = to_srgb(colors, image.info, notes)
    if alpha is not None:
        rgb = rgb.copy()
        rgb.putalpha(alpha)  # Pillow premultiplies RGBA by itself when it resizes
    if short_side is not None and crop:
        rgb = _resized(rgb, (width, height), _middle(width, height, short_side))
    elif rgb.size != (width, height):
        rgb = _resized(rgb, (width, height), (0, 0, width, height))
    orientation, metadata = _orientation(image, notes)
    pixels = _upright(np.array(rgb), orientation)
    shown = np.ascontiguousarray(pixels[..., :3])
    if alpha is None:
        return Picture(shown, None, tuple(notes), metadata)
    opacity = np.ascontiguousarray(pixels[..., 3])
    fill_hidden(shown, opacity)
    return Picture(shown, opacity, tuple(notes), metadata)


@dataclass(frozen=True)
class Header:
    """The header of an image file.

    Attributes:
        width: Width in pixels, before the EXIF orientation is applied.
        height: Height in pixels, before the EXIF orientation is applied.
        is_plain: Whether the stored pixels are upright and in sRGB.
        metadata: EXIF, XMP and resolution.
    """

    width: int
    height: int
    is_plain: bool
    metadata: Metadata


def read_header(path: str | os.PathLike[str]) -> Header:
    """Read the header of an image file, without decoding the pixels.

    Args:
        path: The file.

    Raises:
        ImageError: The file is missing or is no image.
    """
    path = Path(path)
    with open_file(path) as file:
        image = identify(file, str(path), DEFAULT_MAX_PIXELS)
        turned, metadata = _orientation(image, [])
        plain = turned == 1 and is_srgb(image.info)
        return Header(image.width, image.height, plain, metadata)


def read_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Read the size of an image file from its header, without decoding the pixels.

    Args:
        path: The file.

    Returns:
        Width and height in pixels, before the EXIF orientation is applied.

    Raises:
        ImageError: The file is missing or is no image.
    """
    path = Path(path)
    with open_file(path) as file:
        width, height = identify(file, str(path), DEFAULT_MAX_PIXELS).size
    return width, height


def _check_short_side(short_side: int | None) -> None:
    if short_side is not None and short_side < 1:
        raise ValueError(f"short_side must be at least 1, not {short_side}")


def _loaded(
    image: ImageFile.ImageFile,
    file: IO[bytes],
    name: str,
    short_side: int | None,
    max_pixels: int,
    notes: list[str],
) -> ImageFile.ImageFile:
    """Decode an image; a JPEG at reduced size, but not below `short_side`."""
    is_jpeg = image.format in ("JPEG", "MPO")
    if short_side is not None and is_jpeg:
        image.draft(
            None, (short_side, short_side)
        )  # decodes at 1/2, 1/4 or 1/8, never below that size
    try:
        load(image, name, max_pixels)
    except ImageError:
        mended = with_end(file) if is_jpeg else None
        if mended is None:
            raise
        notes.append(END_MISSING)
        mended_image = identify(mended, name, max_pixels)
        return _loaded(mended_image, mended, name, short_side, max_pixels, notes)
    return image


def _middle(width: int, height: int, side: int) -> tuple[int, int, int, int]:
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def _resized(
    image: Image.Image, size: tuple[int, int], part: tuple[int, int, int, int]
) -> Image.Image:
    """Resize to `size`, but compute only its `part` (left, top, right, bottom)."""
    if image.size == size:
        return image.crop(part)
    across, down = image.width / size[0], image.height / size[1]
    box = (part[0] * across, part[1] * down, part[2] * across, part[3] * down)
    shape = (part[2] - part[0], part[3] - part[1])
    return image.resize(shape, Image.Resampling.LANCZOS, box=box)


def _orientation(image: Image.Image, notes: list[str]) -> tuple[int, Metadata]:
    try:
        # Not `image.getexif()`: for a PNG file it decodes the whole picture first.
        exif = Image.Image.getexif(image)
        return exif.get(_ORIENTATION_TAG, 1), metadata_of(image)
    except Exception:  # the block may contain anything, and the parser raises anything
        notes.append("unreadable EXIF data: the picture may not be upright")
        return 1, NO_METADATA


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    """Undo the EXIF orientation: a transposition for 5 to 8, and flips along the axes."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels[::-1] if orientation in (3, 4, 7, 8) else pixels
