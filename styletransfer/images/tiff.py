"""Name the kinds and codecs of TIFF files that Pillow does not support."""

import ctypes
import logging
from contextlib import suppress
from functools import cache
from io import BytesIO
from typing import IO

from PIL import Image, TiffImagePlugin, _imaging

_COLORS = {
    0: "gray", 1: "gray", 2: "RGB", 3: "palette", 5: "CMYK", 6: "YCbCr", 8: "Lab",
    32803: "camera raw", 34892: "camera raw",
}  # fmt: skip
_SAMPLES = {1: "samples", 2: "signed samples", 3: "floats"}


def unsupported_kind(file: IO[bytes]) -> str | None:
    """Describe a TIFF file that Pillow cannot open.

    Args:
        file: The file; it must be seekable.

    Returns:
        Its compression or its colors, such as "TIFF in CMYK with 5 samples of 8 bits". None if
        the header makes no sense, because the file is damaged.
    """
    try:
        file.seek(0)
        header = file.read(8)
        if header[2] == 43:  # BigTIFF
            header += file.read(8)
        tags = TiffImagePlugin.ImageFileDirectory_v2(header)
        file.seek(tags.next)
        tags.load(file)
        compression = tags.get(TiffImagePlugin.COMPRESSION, 1)
        photometric = tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION, 0)
        count = tags.get(TiffImagePlugin.SAMPLESPERPIXEL, 1)
        layout = (
            tags.get(TiffImagePlugin.SAMPLEFORMAT, (1,))[:1],
            tags[TiffImagePlugin.BITSPERSAMPLE],
            tags.get(TiffImagePlugin.EXTRASAMPLES, ()),
        )
        colors, samples = _COLORS[photometric], _SAMPLES[layout[0][0]]
        depth = "/".join(map(str, sorted(set(layout[1]))))
        sane = 1 <= count <= 32 and all(1 <= bits <= 64 for bits in layout[1])
    except Exception:  # the bytes may be anything
        return None
    if compression not in TiffImagePlugin.COMPRESSION_INFO:
        return f"TIFF compression {compression}"
    known = {(key[1], (key[2], key[4], key[5])) for key in TiffImagePlugin.OPEN_INFO}
    if not sane or (photometric, layout) in known:
        return None
    return f"TIFF in {colors} with {count} {samples} of {depth} bits"


@cache
def codec_is_missing(compression: str) -> bool:
    """Tell whether Pillow's libtiff lacks a codec, by writing a tiny file with it."""
    for mode in ("1", "L", "RGB"):  # each codec supports one of these
        with suppress(OSError):
            Image.new(mode, (16, 16)).save(BytesIO(), "TIFF", compression=compression)
            return False
    return True


@cache
def silence_libtiff() -> None:
    """Stop libtiff and Pillow's TIFF reader from writing to stderr. Errors are still raised."""
    logging.getLogger("PIL").addHandler(logging.NullHandler())
    with suppress(AttributeError, OSError):  # libtiff may be linked differently
        ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler(None)
