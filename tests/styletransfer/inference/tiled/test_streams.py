"""Decoding to disk and encoding from it: the same pixels as through memory."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from styletransfer.images import ImageError, read_image
from styletransfer.inference.tiled.streams import can_stream, decoded, encode
from tests.styletransfer.inference.compact_model import noise

pytest.importorskip("pyvips", reason="pyvips is an optional extra")

RGB = Image.fromarray(noise(300, 70))
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
ROTATED = Image.Exif()
ROTATED[0x0112] = 6


def with_alpha(image: Image.Image) -> Image.Image:
    image = image.copy()
    image.putalpha(RGB.convert("L"))
    return image


@pytest.mark.parametrize(
    "name, image",
    [
        ("rgb.png", RGB),
        ("rgba.png", with_alpha(RGB)),
        ("gray.png", RGB.convert("L")),
        ("grey_alpha.png", with_alpha(RGB.convert("L"))),
        ("palette.png", RGB.quantize(50)),
        ("bits.png", RGB.convert("1")),
        ("rgb.tif", RGB),
        ("rgb.jpg", RGB),
        ("gray.tiff", RGB.convert("L")),
    ],
)
def test_pixels_are_those_of_the_usual_way(name: str, image: Image.Image, tmp_path: Path) -> None:
    source = tmp_path / name
    image.save(source)
    expected = read_image(source)
    assert can_stream(source, tmp_path / "out.png")
    with decoded(source) as streamed:
        np.testing.assert_array_equal(streamed.rgb.read(0, 300), expected.rgb)
        assert (streamed.alpha is None) == (expected.alpha is None)
        for suffix in (".png", ".tif"):
            encode(tmp_path / f"out{suffix}", streamed)
            written = read_image(tmp_path / f"out{suffix}")
            np.testing.assert_array_equal(written.rgb, expected.rgb)
            if expected.alpha is not None:
                np.testing.assert_array_equal(written.alpha, expected.alpha)
        encode(tmp_path / "out.jpg", streamed)
    jpeg = read_image(tmp_path / "out.jpg").rgb.astype(int)
    over_white = Image.new("RGB", (70, 300), "white")
    if expected.alpha is not None:
        over_white.paste(Image.fromarray(expected.rgb), mask=Image.fromarray(expected.alpha))
    else:
        over_white = Image.fromarray(expected.rgb)
    assert np.abs(jpeg - np.asarray(over_white)).mean() < 5


@pytest.mark.parametrize(
    "name, image, options",
    [
        ("profile.png", RGB, {"icc_profile": SRGB}),
        ("rotated.jpg", RGB, {"exif": ROTATED}),
        ("deep.png", Image.fromarray(np.zeros((9, 9), np.uint16)), {}),
        ("pages.tif", RGB, {"save_all": True, "append_images": [RGB]}),
        ("alpha.tif", with_alpha(RGB), {}),
        ("cmyk.jpg", RGB.convert("CMYK"), {}),
        ("photo.webp", RGB, {}),
    ],
)
def test_what_needs_more_than_decoding_is_left_alone(
    name: str, image: Image.Image, options: dict[str, object], tmp_path: Path
) -> None:
    image.save(tmp_path / name, **options)
    assert not can_stream(tmp_path / name, tmp_path / "out.png")


def test_neither_are_other_targets_nor_other_files(tmp_path: Path) -> None:
    RGB.save(tmp_path / "photo.png")
    (tmp_path / "text.png").write_text("no picture")
    assert not can_stream(tmp_path / "photo.png", tmp_path / "out.webp")
    assert not can_stream(tmp_path / "text.png", tmp_path / "out.png")
    assert not can_stream(tmp_path / "missing.png", tmp_path / "out.png")


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    RGB.save(tmp_path / "photo.png")
    monkeypatch.setitem(sys.modules, "pyvips", None)
    assert not can_stream(tmp_path / "photo.png", tmp_path / "out.png")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    RGB.save(tmp_path / "whole.png")
    data = (tmp_path / "whole.png").read_bytes()
    source = tmp_path / "half.png"
    source.write_bytes(data[: len(data) // 2])
    with pytest.raises(ImageError, match=r"half.png: damaged or cut short"), decoded(source):
        pass


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    RGB.save(tmp_path / "photo.png")
    fault = pytest.raises(ImageError, match=r"nowhere/out.png: cannot be written")
    with decoded(tmp_path / "photo.png") as streamed, fault:
        encode(tmp_path / "nowhere" / "out.png", streamed)


def test_a_name_that_libvips_would_take_for_options(tmp_path: Path) -> None:
    RGB.rotate(180).save(tmp_path / "a.png")
    source = tmp_path / "a.png[bits=8]"
    RGB.save(source, "PNG")
    assert can_stream(source, tmp_path / "out.png")
    with decoded(source) as streamed:
        np.testing.assert_array_equal(streamed.rgb.read(0, 300), np.asarray(RGB))
