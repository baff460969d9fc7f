"""Mend JPEG files whose end marker is missing."""

from io import BytesIO
from typing import IO

from PIL import JpegImagePlugin

END_MISSING = "the end of the file is missing; no pixel is lost"
_END = b"\xff\xd9"
# Bytes that a decoder reads as different pixels if pixels are missing. If no pixel is missing, it
# skips them. They are repeated after each restart marker.
_BITS = [bytes([byte]) * 200 for byte in (0x55, 0xAA, 0x93, 0xF6)]
_RESTARTS = [b"\xff%c" % (0xD0 + number) for number in range(8)]
_FOLLOWING = [bits + b"".join(mark + bits for mark in _RESTARTS) for bits in _BITS]


def with_end(file: IO[bytes]) -> IO[bytes] | None:
    """Mend a JPEG that lacks its end marker and nothing else.

    Args:
        file: A truncated file.

    Returns:
        The file with an end marker. None if pixels are missing as well.
    """
    file.seek(0)
    data = file.read()
    whole = ended(data)
    pixels = _pixels(whole)
    if pixels is None or any(_pixels(ended(data, more)) != pixels for more in _FOLLOWING):
        return None
    return BytesIO(whole)


def ended(data: bytes, more: bytes = b"") -> bytes:
    """Return the bytes of a JPEG without an end marker with `more` and an end marker."""
    return data.rstrip(b"\xff") + more + _END


def _pixels(data: bytes) -> bytes | None:
    try:
        image = JpegImagePlugin.JpegImageFile(BytesIO(data), "")
        image.load()
    except Exception:
        return None
    return image.tobytes()
