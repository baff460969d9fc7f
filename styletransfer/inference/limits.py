"""How much memory a process takes for a picture, and what is told if that is too much."""

import math
import re
from pathlib import Path

from styletransfer.errors import MemoryLimitError, RequestError
from styletransfer.images import DEFAULT_MAX_PIXELS
from styletransfer.images.identify import identify, open_file

# What a process takes before it has seen a picture, in bytes.
BASE = 160_000_000
# Bytes a pixel that reading a file takes at its peak: as it is, with a color profile to convert
# from, and with transparency.
READING, WITH_PROFILE, WITH_ALPHA = 11, 15, 22

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


def parse_bytes(text: str) -> int:
    """Turn `800MB` or `1.5GB` into a number of bytes.

    Raises:
        RequestError: The text is no size.
    """
    size = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([kmgt]?)i?b?", text.strip().lower())
    if size is None or float(size[1]) == 0:
        raise RequestError(f"memory {text!r} is not a size; write it as 800MB or 1.5GB")
    return int(float(size[1]) * _UNITS[size[2]])


def reading_bytes(path: Path) -> int:
    """Return the memory that decoding an image file takes, told by its header alone.

    Raises:
        ImageError: The file is missing or no image.
    """
    with open_file(path) as file:
        image = identify(file, str(path), DEFAULT_MAX_PIXELS)
        cost = WITH_PROFILE if image.info.get("icc_profile") else READING
        if image.has_transparency_data:
            cost = WITH_ALPHA
        return cost * image.width * image.height


def streaming_bytes(height: int, width: int) -> int:
    """Return the memory that libvips takes to decode and encode a file of a size in pixels.

    Its buffers are some hundred rows high. When it encodes, it maps the scratch file, all of which
    then counts as memory of the process, though the system may take it back.
    """
    return 95_000_000 + 3_600 * width + 3 * height * width


def too_large(
    size: tuple[int, int], least: int, memory: int, path: Path | None = None
) -> MemoryLimitError:
    """Return the error for a picture of a height and a width that takes at least `least` bytes."""
    height, width = size
    name = "" if path is None else f"{path}: "
    return MemoryLimitError(
        f"{name}{width}×{height} pixels take at least {_gigabytes(least)} of memory, and "
        f"{memory / 1e9:.2g} GB are allowed; give more memory, such as --memory "
        f"{_gigabytes(least).replace(' ', '')}, or shrink the picture"
    )


def _gigabytes(size: int) -> str:
    """The size in tenths of a GB, rounded up, so that it is enough."""
    return f"{math.ceil(size / 1e8) / 10:.1f} GB"
