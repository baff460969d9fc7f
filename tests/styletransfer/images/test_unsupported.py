"""Files that are intact: those of other kinds are refused by name, odd ones are read."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from styletransfer.images import read_image
from tests.styletransfer.images.samples import assert_refused, noise, png, tiff


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({258: (8,) * 5, 262: 5, 277: 5, 338: 2}, "CMYK with 5 samples of 8 bits"),
        ({258: (32,) * 3, 262: 2, 277: 3, 339: (3,) * 3}, "RGB with 3 floats of 32 bits"),
        ({258: (16,) * 2, 262: 1, 277: 2, 338: 2}, "gray with 2 samples of 16 bits"),
        ({258: (16,) * 4, 262: 2, 277: 4, 338: 2, 339: (2,) * 4}, "RGB with 4 signed samples"),
        ({258: 64, 262: 1, 277: 1, 339: 3}, "gray with 1 floats of 64 bits"),
        ({258: 8, 259: 50002, 262: 1, 277: 1}, "TIFF compression 50002"),
    ],
)
def test_a_kind_of_tiff_that_is_not_supported(
    tmp_path: Path, tags: dict[int, int | tuple[int, ...]], words: str
) -> None:
    path = tiff(tmp_path / "a.tif", {256: 4, 257: 3, 259: 1} | tags, bytes(4 * 3 * 4 * 8))
    assert_refused(path, words, "not supported", "convert")


@pytest.mark.parametrize("suffix", [".cr2", ".NEF", ".dng"])
def test_a_raw_file_of_a_camera_is_not_read_as_its_preview(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    Image.fromarray(noise(8, 8)).save(path, "TIFF")
    assert_refused(path, "raw file", "not supported")


def test_a_codec_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.tif"
    Image.fromarray(noise(8, 8)).save(path, compression="tiff_lzw")
    data = path.read_bytes()
    for number in (34661, 50001):  # JBIG and WebP, which the wheels of Pillow lack
        entry = struct.pack("<HHIH", 259, 3, 1, 5)
        assert entry in data
        path.write_bytes(data.replace(entry, struct.pack("<HHIH", 259, 3, 1, number)))
        assert_refused(path, "compression", "not supported")


def test_libtiff_writes_no_lines_of_its_own(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.tif"
    Image.fromarray(noise(64, 64)).save(path, compression="tiff_adobe_deflate")
    data = bytearray(path.read_bytes())
    data[200:300] = bytes(100)
    path.write_bytes(data)
    assert_refused(path, "damaged")
    path = tiff(path, {256: 4, 257: 1, 258: 8, 262: 1, 277: 9999}, bytes(4))
    assert_refused(path, "damaged")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"8BPS\0\1" + bytes(50), "Photoshop"),
        (b"\xff\x0a" + bytes(50), "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(50), "JPEG XL"),
        (b"v/1\x01" + bytes(50), "OpenEXR"),
    ],
)
def test_a_known_format_that_is_not_read_is_named(tmp_path: Path, data: bytes, kind: str) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(data)
    assert_refused(path, "not an image that can be read", kind, "convert")


@pytest.mark.parametrize("chunk", ["iTXt", "zTXt", "iCCP"])
def test_large_text_and_profiles_are_no_fault(tmp_path: Path, chunk: str) -> None:
    large = np.random.default_rng(0).integers(97, 123, 3_000_000, np.uint8).tobytes()
    content = {
        "iTXt": b"XML:com.adobe.xmp\0\0\0\0\0" + large,
        "zTXt": b"Comment\0\0" + zlib.compress(large, 1),
        "iCCP": b"profile\0\0" + zlib.compress(large, 1),
    }[chunk]
    samples = noise(4, 4)
    picture = read_image(png(tmp_path / "a.png", 8, 2, samples, **{chunk: content}))
    assert np.array_equal(picture.rgb, samples)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 1}])
@pytest.mark.parametrize("size", [None, 16])
def test_a_jpeg_that_lacks_its_end_alone(
    tmp_path: Path, options: dict[str, bool], size: int | None
) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(noise(70, 90)).save(path, **options)
    whole = read_image(path, short_side=size)
    data = path.read_bytes()
    assert data.endswith(b"\xff\xd9")
    for lost in (1, 2):
        path.write_bytes(data[:-lost])
        picture = read_image(path, short_side=size)
        assert np.array_equal(picture.rgb, whole.rgb)
        assert picture.notes == ("the end of the file is missing; no pixel is lost",)
    for lost in (5, 20, 300):
        path.write_bytes(data[:-lost])
        assert_refused(path, "cut short")
