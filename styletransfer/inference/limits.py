"""Estimate the memory that a picture needs, and read the options that limit it."""

import ctypes
import math
import re
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from styletransfer.errors import MemoryLimitError, RequestError
from styletransfer.images import DEFAULT_MAX_PIXELS
from styletransfer.images.identify import identify, open_file

# Memory of a process before it reads a picture, in bytes.
BASE = 160_000_000
# Peak memory of reading a file, in bytes per pixel: for a plain file, for one with a color profile,
# and for one with transparency.
READING, WITH_PROFILE, WITH_ALPHA = 11, 15, 22

AUTO, OFF = "auto", "off"
DEFAULT_MEMORY = 10**9

_MMAP_THRESHOLD = -3  # of glibc's malloc.h
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


@dataclass(frozen=True)
class Tiles:
    """Whether a picture is stylized in tiles, and how large they are.

    Attributes:
        side: Side of a tile in pixels. None uses tiles only if the whole picture does not fit in
            `memory`, and chooses the largest that do.
        memory: Number of bytes that the process may use. It is ignored if `side` is given.
    """

    side: int | None = None
    memory: int = DEFAULT_MEMORY


def parse_bytes(text: str) -> int:
    """Turn a text such as `800MB` or `1.5GB` into a number of bytes.

    Raises:
        RequestError: The text is not a size.
    """
    size = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([kmgt]?)i?b?", text.strip().lower())
    if size is None or float(size[1]) == 0:
        raise RequestError(f"memory {text!r} is not a size; write it as 800MB or 1.5GB")
    return int(float(size[1]) * _UNITS[size[2]])


def parse_tiles(tile: str, memory: str, receptive_field: int) -> tuple[Tiles | None, list[str]]:
    """Read the texts of `--tile` and `--memory`.

    Args:
        tile: `auto`, `off`, or the side of a tile in pixels.
        memory: Greatest memory that `auto` may use, such as `500MB`.
        receptive_field: Receptive field of the network in pixels, the least side of a tile.

    Returns:
        The use of tiles, None for `off`; and notes for the user.

    Raises:
        RequestError: A text is malformed.
    """
    budget = parse_bytes(memory)
    if tile == OFF:
        return None, []
    if tile == AUTO:
        return Tiles(memory=budget), []
    if not tile.isdecimal() or int(tile) == 0:
        raise RequestError(
            f"tile {tile!r} is not a number of pixels; give a number, {AUTO} or {OFF}"
        )
    side = max(int(tile), receptive_field)
    notes = []
    if side > int(tile):
        notes.append(
            f"tiles of {tile} pixels are smaller than the receptive field; {side} pixels are used"
        )
    return Tiles(side), notes


def reading_bytes(path: Path) -> int:
    """Estimate from the header of an image file how many bytes decoding takes.

    Raises:
        ImageError: The file is missing or is no image.
    """
    with open_file(path) as file:
        image = identify(file, str(path), DEFAULT_MAX_PIXELS)
        cost = WITH_PROFILE if image.info.get("icc_profile") else READING
        if image.has_transparency_data:
            cost = WITH_ALPHA
        return cost * image.width * image.height


@cache
def return_freed_memory() -> None:
    """Let the C library return freed blocks of over a megabyte to the system at once.

    That of Linux keeps blocks of up to 32 MB for later ones of their size, in each thread.
    """
    with suppress(OSError, TypeError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, 1 << 20)


def streaming_bytes(height: int, width: int) -> int:
    """Estimate how many bytes libvips takes to decode and encode a picture.

    Its buffers hold some hundred rows. While it encodes, it maps the scratch file into memory,
    which counts as memory of the process although the system can reclaim it.

    Args:
        height: Height of the picture in pixels.
        width: Width of the picture in pixels.
    """
    return 95_000_000 + 3_600 * width + 3 * height * width


def too_large(
    size: tuple[int, int], least: int, memory: int, path: Path | None = None
) -> MemoryLimitError:
    """Return the error for a picture that needs too much memory.

    Args:
        size: Height and width of the picture in pixels.
        least: Number of bytes that it needs at least.
        memory: Number of bytes that are allowed.
        path: File that the message names; None for none.
    """
    height, width = size
    name = "" if path is None else f"{path}: "
    return MemoryLimitError(
        f"{name}{width}×{height} pixels take at least {size_text(least)} of memory, and "
        f"{size_text(memory)} are allowed; give more memory, such as --memory "
        f"{size_text(least).replace(' ', '')}, or shrink the picture"
    )


def size_text(size: int) -> str:
    """Return a number of bytes in GB, in MB if it is less than one GB, rounded up."""
    if size > 999_000_000:
        return f"{math.ceil(size / 1e8) / 10:.1f} GB"
    return f"{math.ceil(size / 1e6)} MB"
