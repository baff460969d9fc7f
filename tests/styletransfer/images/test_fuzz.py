"""Damaged bytes of every format end in a picture or in one line, never in anything else."""

import io
import struct
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from styletransfer.errors import ImageError
from styletransfer.images import Metadata, Picture, decode_image, encode_image
from tests.styletransfer.images.profiles import SRGB_TO_XYZ, gamma_tag, rgb_profile
from tests.styletransfer.images.samples import noise

SEEDED = settings(max_examples=40, derandomize=True, deadline=None)
FORMATS = {
    "PNG": {},
    "JPEG": {},
    "JPEG progressive": {"progressive": True},
    "WEBP": {},
    "TIFF": {},
    "TIFF lzw": {"compression": "tiff_lzw"},
    "GIF": {},
    "BMP": {},
    "PPM": {},
    "JPEG2000": {},
    "AVIF": {},
}


@cache
def whole(kind: str) -> bytes:
    """A small file of a kind, with alpha, a profile and EXIF where the format has them."""
    name = kind.partition(" ")[0]
    mode = "RGB" if name in ("JPEG", "BMP", "PPM") else "RGBA"
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Maker"
    options = dict(FORMATS[kind], icc_profile=rgb_profile(SRGB_TO_XYZ, gamma_tag(1.8)))
    if name not in ("GIF", "BMP", "PPM", "JPEG2000"):
        options["exif"] = exif
    file = io.BytesIO()
    Image.fromarray(noise(24, 20, 4)).convert(mode).save(file, name, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", FORMATS)
@SEEDED
@given(data=st.data())
def test_damaged_files(kind: str, data: st.DataObject) -> None:
    content = bytearray(whole(kind))
    # Headers decide most: half of the damage goes there.
    place = st.one_of(st.integers(0, min(150, len(content)) - 1), st.integers(0, len(content) - 1))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(place)
        content[start : start + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    size = data.draw(st.sampled_from([None, 7]))
    try:
        picture = decode_image(io.BytesIO(content), name="a", short_side=size, max_pixels=10**6)
    except ImageError as error:
        assert str(error).startswith("a: ") and "\n" not in str(error)
        return
    assert picture.rgb.dtype == np.uint8 and picture.rgb.shape[2] == 3
    assert picture.alpha is None or picture.alpha.shape == picture.rgb.shape[:2]
    encode_image(io.BytesIO(), picture, ".jpg")


@SEEDED
@given(data=st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    with pytest.raises(ImageError, match=r"^a: "):
        decode_image(io.BytesIO(data), name="a")


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".jpg", ".bmp"])
@SEEDED
@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    seed=st.integers(0, 99),
    dpi=st.one_of(st.none(), st.tuples(st.floats(1, 65535), st.floats(1, 65535))),
    texts=st.tuples(st.binary(max_size=60), st.binary(max_size=60)),
)
def test_any_picture_with_any_metadata_is_written_and_read(
    suffix: str,
    shape: tuple[int, int],
    seed: int,
    dpi: tuple[float, float] | None,
    texts: tuple[bytes, bytes],
) -> None:
    pixels = noise(*shape, channels=4, seed=seed)
    header = b"Exif\0\0II*\0" + struct.pack("<I", 8)
    metadata = Metadata(header + texts[0], texts[1], dpi)
    file = io.BytesIO()
    encode_image(file, Picture(pixels[..., :3], pixels[..., 3], metadata=metadata), suffix)
    file.seek(0)
    picture = decode_image(file, name="a")
    assert picture.rgb.shape[:2] == shape
    if suffix in (".png", ".tif"):
        shows = pixels[..., 3] > 0
        assert np.array_equal(picture.rgb[shows], pixels[shows][:, :3])
        assert picture.alpha is not None and np.array_equal(picture.alpha, pixels[..., 3])


@SEEDED
@given(
    shape=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    short_side=st.integers(1, 90),
    crop=st.booleans(),
    suffix=st.sampled_from([".png", ".jpg"]),
)
def test_any_picture_is_scaled_to_any_short_side(
    shape: tuple[int, int], short_side: int, crop: bool, suffix: str
) -> None:
    file = io.BytesIO()
    encode_image(file, Picture(noise(*shape, channels=3)), suffix)
    file.seek(0)
    picture = decode_image(file, name="a", short_side=short_side, crop=crop)
    height, width = picture.rgb.shape[:2]
    assert min(height, width) == short_side
    long = short_side if crop else max(shape) * short_side / min(shape)
    assert abs(max(height, width) - long) <= 0.5
    assert crop or (height <= width) == (shape[0] <= shape[1]) or height == width
