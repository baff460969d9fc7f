"""Decode image files: every kind comes out upright, as 8-bit sRGB."""

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
from styletransfer.images.jpeg import with_end
from styletransfer.images.metadata import NO_METADATA, Metadata, metadata_of
from styletransfer.images.picture import Picture, Pixels
from styletransfer.images.transparency import fill_hidden

DEFAULT_MAX_PIXELS = 200_000_000

_ORIENTATION_TAG = 0x0112


def read_image(
    path: str | os.PathLike[str],
    *,
    size: int | None = None,
    crop: bool = False,
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> Picture:
    """Decode the first frame of an image file.

    Args:
        path: The file. Its content decides the format, not its name.
        size: Short side of the result in pixels, at least 1; the aspect is kept. None keeps the
            size of the file.
        crop: Whether to take the middle square of the resized picture only.
        max_pixels: Limit for the pixels of the picture in the file and of the resized one.
            Both are checked before anything is decoded.

    Returns:
        The picture, upright and in sRGB. Where its alpha is 0, its colors are those of what
        shows nearby: what a transparent pixel hides in the file has no effect.

    Raises:
        ImageError: The file is missing, no image, damaged, cut short or too large.
    """
    _check_size(size)
    path = Path(path)
    with open_file(path) as file:
        return decode_image(file, name=str(path), size=size, crop=crop, max_pixels=max_pixels)


def decode_image(
    file: IO[bytes],
    *,
    name: str,
    size: int | None = None,
    crop: bool = False,
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> Picture:
    """Decode from an open file what `read_image` decodes from one on disk.

    Args:
        file: A binary file at the start of the image; it need not seek: standard input will do.
        name: What to call it in errors.
        size: As for `read_image`.
        crop: As for `read_image`.
        max_pixels: As for `read_image`.

    Returns:
        The picture, as of `read_image`.

    Raises:
        ImageError: As for `read_image`.
    """
    _check_size(size)
    if not file.seekable():
        file = BytesIO(file.read())
    notes: list[str] = []
    image = identify(file, name, max_pixels)
    width, height = image.size
    check_pixels(name, width * height, max_pixels)
    if size is not None:
        scale = size / min(width, height)
        width, height = round(width * scale), round(height * scale)
        if not crop:
            check_pixels(name, width * height, max_pixels, "ask for a smaller size")
    notes += frame_notes(image, name)
    samples = sample_format(image)
    image = _loaded(image, file, name, size, max_pixels, notes)
    colors, alpha = split_alpha(image, samples, notes)
    rgb = to_srgb(colors, image.info, notes)
    if alpha is not None:
        rgb = rgb.copy()
        rgb.putalpha(alpha)  # Pillow premultiplies RGBA by itself when it resizes
    if size is not None and crop:
        rgb = _resized(rgb, (width, height), _middle(width, height, size))
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
    """What the header of an image file tells.

    Attributes:
        width: Width in pixels as stored: the orientation is not applied.
        height: Height in pixels as stored.
        is_plain: Whether the pixels are upright and in sRGB as they are stored.
        metadata: EXIF, XMP and resolution.
    """

    width: int
    height: int
    is_plain: bool
    metadata: Metadata


def read_header(path: str | os.PathLike[str]) -> Header:
    """Read what an image file tells of its picture; nothing is decoded.

    Args:
        path: The file.

    Raises:
        ImageError: The file is missing or no image.
    """
    path = Path(path)
    with open_file(path) as file:
        image = identify(file, str(path), DEFAULT_MAX_PIXELS)
        turned, metadata = _orientation(image, [])
        plain = turned == 1 and is_srgb(image.info)
        return Header(image.width, image.height, plain, metadata)


def read_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Read the size of an image file from its header; nothing is decoded.

    Args:
        path: The file.

    Returns:
        Width and height in pixels as stored: the orientation is not applied.

    Raises:
        ImageError: The file is missing or no image.
    """
    path = Path(path)
    with open_file(path) as file:
        width, height = identify(file, str(path), DEFAULT_MAX_PIXELS).size
    return width, height


def _check_size(size: int | None) -> None:
    if size is not None and size < 1:
        raise ValueError(f"size must be at least 1, not {size}")


def _loaded(
    image: ImageFile.ImageFile,
    file: IO[bytes],
    name: str,
    size: int | None,
    max_pixels: int,
    notes: list[str],
) -> ImageFile.ImageFile:
    """Decode; a JPEG with all pixels of a picture of `size` at the least."""
    is_jpeg = image.format in ("JPEG", "MPO")
    if size is not None and is_jpeg:
        image.draft(None, (size, size))  # decodes at 1/2, 1/4 or 1/8, never below
    try:
        load(image, name, max_pixels)
    except ImageError:
        mended = with_end(file) if is_jpeg else None
        if mended is None:
            raise
        notes.append("the end of the file is missing; no pixel is lost")
        return _loaded(identify(mended, name, max_pixels), mended, name, size, max_pixels, notes)
    return image


def _middle(width: int, height: int, side: int) -> tuple[int, int, int, int]:
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def _resized(
    image: Image.Image, size: tuple[int, int], part: tuple[int, int, int, int]
) -> Image.Image:
    """Resize to `size`, of which `part` (left, top, right, bottom) alone is computed."""
    if image.size == size:
        return image.crop(part)
    across, down = image.width / size[0], image.height / size[1]
    box = (part[0] * across, part[1] * down, part[2] * across, part[3] * down)
    shape = (part[2] - part[0], part[3] - part[1])
    return image.resize(shape, Image.Resampling.LANCZOS, box=box)


def _orientation(image: Image.Image, notes: list[str]) -> tuple[int, Metadata]:
    try:
        # Not the method of PNG files, which decodes the whole picture before anything.
        exif = Image.Image.getexif(image)
        return exif.get(_ORIENTATION_TAG, 1), metadata_of(image)
    except Exception:  # the parser of a block that any program may have written
        notes.append("unreadable EXIF data: the picture may not be upright")
        return 1, NO_METADATA


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    """Undo the EXIF orientation: 5 to 8 are transposed, and each flips none, one or both axes."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels[::-1] if orientation in (3, 4, 7, 8) else pixels
