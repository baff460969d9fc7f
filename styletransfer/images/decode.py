"""Decode image files: every kind comes out upright, as 8-bit sRGB."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageFile

from styletransfer.errors import ImageError
from styletransfer.images.color_management import sample_format, split_alpha, to_srgb
from styletransfer.images.find import READABLE
from styletransfer.images.picture import Picture, Pixels

DEFAULT_MAX_PIXELS = 200_000_000

_ORIENTATION_TAG = 0x0112

_limit_lock = threading.Lock()


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
        The picture, upright and in sRGB.

    Raises:
        ImageError: The file is missing, no image, damaged, cut short or too large.
    """
    if size is not None and size < 1:
        raise ValueError(f"size must be at least 1, not {size}")
    path = Path(path)
    notes: list[str] = []
    with _faults_named(path), path.open("rb") as file:
        image = _identify(file, path, max_pixels)
        width, height = image.size
        _check_pixels(path, width * height, max_pixels, "shrink it or raise the limit")
        if size is not None:
            scale = size / min(width, height)
            width, height = round(width * scale), round(height * scale)
            if not crop:
                _check_pixels(path, width * height, max_pixels, "ask for a smaller size")
            image.draft(None, (size, size))  # JPEG only: decodes at 1/2, 1/4 or 1/8, never below
        notes += _frame_notes(image)
        samples = sample_format(image)
        _load(image, max_pixels)
    colors, alpha = split_alpha(image, samples, notes)
    rgb = to_srgb(colors, image.info.get("icc_profile"), notes)
    if alpha is not None:
        rgb = rgb.copy()
        rgb.putalpha(alpha)  # Pillow premultiplies RGBA by itself when it resizes
    if size is not None and crop:
        rgb = _resized(rgb, (width, height), _middle(width, height, size))
    elif rgb.size != (width, height):
        rgb = _resized(rgb, (width, height), (0, 0, width, height))
    pixels = _upright(np.array(rgb), image, notes)
    return Picture(
        np.ascontiguousarray(pixels[..., :3]),
        None if alpha is None else np.ascontiguousarray(pixels[..., 3]),
        tuple(notes),
    )


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
    with _faults_named(path), path.open("rb") as file:
        width, height = _identify(file, path, DEFAULT_MAX_PIXELS).size
    return width, height


@contextmanager
def _faults_named(path: Path) -> Iterator[None]:
    # Pillow's decoders answer damaged bytes with almost any exception there is.
    try:
        yield
    except ImageError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno:
            fault, advice = "cannot be read", "name an image file that you may read"
        elif isinstance(error, Image.DecompressionBombError):
            fault, advice = "over the pixel limit", "shrink it or raise the limit"
        else:
            fault, advice = "damaged or cut short", "replace it by an intact copy"
        raise ImageError(f"{path}: {fault} ({_one_line(error)}); {advice}") from error


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


def _one_line(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(text.split())


def _identify(file: IO[bytes], path: Path, max_pixels: int) -> ImageFile.ImageFile:
    # Not Image.open: it refuses large pictures by a limit that is global to the process.
    start = file.read(16)
    if not start:
        raise ImageError(f"{path}: is empty; replace it by an intact copy")
    for register in (Image.preinit, Image.init):  # the common formats, then, slower, the rest
        register()
        for name in READABLE:
            factory, accept = Image.OPEN.get(name, (None, None))
            if factory and accept and accept(start) is True:
                file.seek(0)
                # Without a name: by a bare one Pillow would map a file of the current folder.
                try:
                    return factory(file, "")
                except Image.DecompressionBombError:  # some readers check the limit themselves
                    file.seek(0)
                    with _limit_lock, _pillow_limit(max_pixels):
                        return factory(file, "")
    raise ImageError(f"{path}: not an image that can be read; convert it to PNG or JPEG first")


def _load(image: ImageFile.ImageFile, max_pixels: int) -> None:
    """Decode; giant pictures one at a time, as Pillow's TIFF reader asks the global limit again."""
    with _limit_lock:
        limit = Image.MAX_IMAGE_PIXELS
        if limit is not None and image.width * image.height > limit:
            with _pillow_limit(max_pixels):
                image.load()
            return
    image.load()


@contextmanager
def _pillow_limit(pixels: int) -> Iterator[None]:
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, pixels
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _check_pixels(path: Path, pixels: int, most: int, advice: str) -> None:
    if pixels > most:
        raise ImageError(f"{path}: {pixels:,} pixels are over the limit of {most:,}; {advice}")


def _frame_notes(image: ImageFile.ImageFile) -> list[str]:
    frames = getattr(image, "n_frames", 1)
    pages = f"{frames} pictures in one file"
    kind = pages if image.format in ("TIFF", "MPO") else f"animated, {frames} frames"
    return [f"{kind}: only the first is used"] if frames > 1 else []


def _upright(pixels: Pixels, image: Image.Image, notes: list[str]) -> Pixels:
    """Undo the EXIF orientation: 5 to 8 are transposed, and each flips none, one or both axes."""
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # the parser of a block that any program may have written
        notes.append("unreadable EXIF data: the picture may not be upright")
        return pixels
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels[::-1] if orientation in (3, 4, 7, 8) else pixels
