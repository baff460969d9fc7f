"""Image files made by hand, and what tests of them share."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from styletransfer.errors import ImageError
from styletransfer.images import Picture, read_image

COLORS = np.array(
    [[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[10, 20, 30], [128, 64, 200], [255, 255, 255]]],
    np.uint8,
)


def noise(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def assert_near(actual: np.ndarray, expected: object, tolerance: int = 1) -> None:
    difference = np.abs(actual.astype(int) - np.asarray(expected, float).round().astype(int))
    assert difference.max() <= tolerance


def assert_shows(picture: Picture, rgb: object, alpha: object, tolerance: int = 0) -> None:
    """The alpha is exact, and so are the colors of all that shows."""
    expected = np.asarray(alpha)
    assert picture.alpha is not None and np.array_equal(picture.alpha, expected)
    shows = expected > 0
    assert_near(picture.rgb[shows], np.asarray(rgb)[shows], tolerance)


def png(path: Path, depth: int, kind: int, samples: np.ndarray, **chunks: bytes) -> Path:
    """A PNG written by hand: kind 0 is gray, 2 RGB, 3 palette, 4 gray and alpha, 6 RGBA."""

    def chunk(name: bytes, data: bytes) -> bytes:
        check = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)

    def packed(row: np.ndarray) -> bytes:
        if depth == 16:
            return row.astype(">u2").tobytes()
        bits = np.unpackbits(row.astype(np.uint8).reshape(-1, 1), axis=1)[:, 8 - depth :]
        return np.packbits(bits).tobytes()

    height, width = samples.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    rows = b"".join(b"\0" + packed(row) for row in samples)
    extra = b"".join(chunk(name.encode(), data) for name, data in chunks.items())
    body = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b""))
    return path


def gray_tiff(
    path: Path, order: str, bits: int, data: bytes, width: int, white_is_zero: bool = False
) -> Path:
    """One row of gray, uncompressed; 32 bits are floats."""
    tags = {256: width, 257: 1, 258: bits, 259: 1, 262: 1 - white_is_zero, 277: 1}
    return tiff(path, tags | {339: 3 if bits == 32 else 1}, data, order)


def tiff(path: Path, tags: dict[int, int | tuple[int, ...]], data: bytes, order: str = "<") -> Path:
    """A TIFF of one strip written by hand, from its tags of 16-bit values."""
    height = tags[257]
    tags = dict(sorted((tags | {273: 8, 278: height, 279: len(data)}).items()))
    data += b"\0" * (len(data) % 2)
    mark = b"II*\0" if order == "<" else b"MM\0*"
    directory, extra = struct.pack(order + "H", len(tags)), b""
    after = 8 + len(data) + 2 + 12 * len(tags) + 4
    for tag, value in tags.items():
        values = value if isinstance(value, tuple) else (value,)
        packed = struct.pack(f"{order}{len(values)}H", *values)
        if len(packed) > 4:
            extra += packed
            packed = struct.pack(order + "I", after + len(extra) - len(packed))
        directory += struct.pack(order + "HHI", tag, 3, len(values)) + packed.ljust(4, b"\0")
    offset = struct.pack(order + "I", 8 + len(data))
    path.write_bytes(mark + offset + data + directory + b"\0" * 4 + extra)
    return path


def assert_refused(path: Path, *words: str, **options: int) -> None:
    with pytest.raises(ImageError) as caught:
        read_image(path, **options)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message
    assert all(word in message for word in (*words, ";"))
