"""JPEG files that have lost their end."""

from io import BytesIO
from typing import IO

from PIL import JpegImagePlugin

_END = b"\xff\xd9"
# What may follow a file that lacks pixels: bits that mean different ones, and after each restart
# marker again. At the end of a whole file all of it is skipped.
_BITS = [bytes([byte]) * 200 for byte in (0x55, 0xAA, 0x93, 0xF6)]
_RESTARTS = [b"\xff%c" % (0xD0 + number) for number in range(8)]
_FOLLOWING = [bits + b"".join(mark + bits for mark in _RESTARTS) for bits in _BITS]


def with_end(file: IO[bytes]) -> IO[bytes] | None:
    """Mend a JPEG that lacks its end marker and nothing else.

    Args:
        file: A file that was found to be cut short.

    Returns:
        The file with an end; None where pixels are missing: then what follows the file changes
        the picture.
    """
    file.seek(0)
    data = file.read().rstrip(b"\xff")
    pixels = _pixels(data + _END)
    if pixels is None or any(_pixels(data + more + _END) != pixels for more in _FOLLOWING):
        return None
    return BytesIO(data + _END)


def _pixels(data: bytes) -> bytes | None:
    try:
        image = JpegImagePlugin.JpegImageFile(BytesIO(data), "")
        image.load()
    except Exception:
        return None
    return image.tobytes()
