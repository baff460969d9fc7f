"""Colors of every kind of file, against values worked out independently."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from styletransfer.images import read_image
from tests.styletransfer.images.profiles import (
    ADOBE_TO_XYZ,
    SRGB_TO_XYZ,
    cmyk_profile,
    gamma_tag,
    gray_profile,
    lab_to_srgb,
    rgb_profile,
    srgb_encoded,
    srgb_table_tag,
)
from tests.styletransfer.images.samples import (
    COLORS,
    assert_near,
    assert_shows,
    gray_tiff,
    noise,
    png,
)


def test_grayscale_one_bit_and_palette(tmp_path: Path) -> None:
    gray = np.array([[0, 17, 255]], np.uint8)
    Image.fromarray(gray).save(tmp_path / "l.png")
    assert np.array_equal(read_image(tmp_path / "l.png").rgb, np.dstack([gray] * 3))
    Image.fromarray(gray > 100).save(tmp_path / "1.png")
    assert read_image(tmp_path / "1.png").rgb[0].tolist() == [[0] * 3, [0] * 3, [255] * 3]
    palette = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    palette.putpalette([1, 2, 3, 40, 50, 60, 250, 240, 230])
    palette.save(tmp_path / "p.png")
    expected = [[1, 2, 3], [40, 50, 60], [250, 240, 230]]
    assert read_image(tmp_path / "p.png").rgb[0].tolist() == expected


def test_two_and_four_bit_gray_png(tmp_path: Path) -> None:
    two = png(tmp_path / "2.png", 2, 0, np.array([[0, 1, 2, 3]]))
    assert read_image(two).rgb[0, :, 0].tolist() == [0, 85, 170, 255]
    four = png(tmp_path / "4.png", 4, 0, np.array([[0, 5, 15]]))
    assert read_image(four).rgb[0, :, 0].tolist() == [0, 85, 255]


def test_16_bit_gray_is_scaled_to_the_nearest_level(tmp_path: Path) -> None:
    values = np.array([[0, 128, 129, 255, 256, 385, 386, 32768, 65406, 65407, 65535]])
    expected = (values[0] / 257).round()
    path = png(tmp_path / "a.png", 16, 0, values)
    assert np.array_equal(read_image(path).rgb[0, :, 1], expected)
    assert read_image(path).notes == ()
    Image.fromarray(values.astype(np.uint16)).save(tmp_path / "a.tif")
    assert np.array_equal(read_image(tmp_path / "a.tif").rgb[0, :, 1], expected)
    header = f"P5 {values.size} 1 65535\n".encode()
    (tmp_path / "a.pgm").write_bytes(header + values.astype(">u2").tobytes())
    assert np.array_equal(read_image(tmp_path / "a.pgm").rgb[0, :, 1], expected)


def test_big_endian_16_bit_tiff(tmp_path: Path) -> None:
    path = gray_tiff(tmp_path / "a.tif", ">", 16, np.array([[0, 32768, 65535]], ">u2").tobytes(), 3)
    assert read_image(path).rgb[0, :, 0].tolist() == [0, 128, 255]


def test_12_bit_tiff(tmp_path: Path) -> None:
    packed = bytes([0x00, 0x08, 0x00, 0xFF, 0xF0, 0x00])  # 0x000, 0x800, 0xFFF, 0x000
    path = gray_tiff(tmp_path / "a.tif", "<", 12, packed, 4)
    assert read_image(path).rgb[0, :, 0].tolist() == [0, 128, 255, 0]


@pytest.mark.parametrize("bits", [16, 32])
def test_white_is_zero_tiff(tmp_path: Path, bits: int) -> None:
    values = {16: np.array([0, 65535], "<u2"), 32: np.array([0, 1], "<f4")}[bits]
    path = gray_tiff(tmp_path / "a.tif", "<", bits, values.tobytes(), 2, white_is_zero=True)
    assert read_image(path).rgb[0, :, 0].tolist() == [255, 0]


def test_32_bit_integers(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 32768, 65535]], np.int32)).save(tmp_path / "a.tif")
    assert read_image(tmp_path / "a.tif").rgb[0, :, 0].tolist() == [0, 128, 255]
    Image.fromarray(np.array([[-100_000, 0, 100_000]], np.int32)).save(tmp_path / "b.tif")
    picture = read_image(tmp_path / "b.tif")
    assert_near(picture.rgb[0, :, 0], [0, 127.5, 255])
    assert "-100000..100000" in picture.notes[0]


@pytest.mark.parametrize(
    ("values", "expected", "note"),
    [
        ([0, 0.25, 1], [0, 64, 255], "0..1 "),
        ([0, 64, 200], [0, 64, 200], "0..255 "),
        ([0, 32768, 60000], [0, 128, 233], "0..65535 "),
        ([-1, 0, 3], [0, 64, 255], "-1..3 "),
        ([np.nan, 0.5, np.inf], [0, 128, 0], "0..1 "),
    ],
)
def test_float_tiff(tmp_path: Path, values: list[float], expected: list[int], note: str) -> None:
    Image.fromarray(np.array([values], np.float32)).save(tmp_path / "f.tif")
    picture = read_image(tmp_path / "f.tif")
    assert picture.rgb[0, :, 2].tolist() == expected
    assert len(picture.notes) == 1 and note in picture.notes[0]


def test_16_bit_rgb_png_and_alpha(tmp_path: Path) -> None:
    values = np.random.default_rng(1).integers(0, 65536, (5, 7, 4))
    expected = values / 257
    picture = read_image(png(tmp_path / "rgb.png", 16, 2, values[..., :3]))
    assert_near(picture.rgb, expected[..., :3])
    picture = read_image(png(tmp_path / "rgba.png", 16, 6, values))
    assert_near(np.dstack([picture.rgb, picture.alpha]), expected)
    picture = read_image(png(tmp_path / "la.png", 16, 4, values[..., :2]))
    assert_near(np.dstack([picture.rgb[..., 2], picture.alpha]), expected[..., :2])


def test_cmyk_without_profile(tmp_path: Path) -> None:
    inks = np.array([[[0, 0, 0, 0], [255, 0, 0, 0], [0, 100, 200, 50], [0, 0, 0, 255]]], np.uint8)
    Image.fromarray(inks, "CMYK").save(tmp_path / "a.tif")
    picture = read_image(tmp_path / "a.tif")
    expected = (255 - inks[..., :3].astype(int)) * (255 - inks[..., 3:].astype(int)) / 255
    assert_near(picture.rgb, expected)
    assert "approximate" in picture.notes[0]
    flat = Image.new("CMYK", (16, 16), (0, 100, 200, 50))
    flat.save(tmp_path / "a.jpg", quality=100)
    assert_near(read_image(tmp_path / "a.jpg").rgb, expected[0, 2], 3)


def test_ycbcr_tiff(tmp_path: Path) -> None:
    Image.new("YCbCr", (4, 4), (76, 85, 255)).save(tmp_path / "a.tif")  # JPEG's code for red
    assert_near(read_image(tmp_path / "a.tif").rgb, (254, 0, 0), 2)


def test_lab_tiff(tmp_path: Path) -> None:
    Image.new("LAB", (4, 4), (128, 128 + 40, 128 - 30)).save(tmp_path / "a.tif")
    expected = lab_to_srgb(128 / 2.55, 40, -30)
    assert_near(read_image(tmp_path / "a.tif").rgb, expected)


def test_rgb_profile_is_converted(tmp_path: Path) -> None:
    pixels = noise(16, 16)
    path = tmp_path / "a.png"
    Image.fromarray(pixels).save(path, icc_profile=rgb_profile(ADOBE_TO_XYZ, gamma_tag(563 / 256)))
    linear = (pixels / 255) ** (563 / 256)
    expected = srgb_encoded(linear @ ADOBE_TO_XYZ.T @ np.linalg.inv(SRGB_TO_XYZ).T)
    assert np.abs(expected - pixels).max() > 30
    assert_near(read_image(path).rgb, expected)
    assert read_image(path).notes == ()


def test_profile_and_alpha_together(tmp_path: Path) -> None:
    pixels = noise(4, 4, 4)
    Image.fromarray(pixels).save(
        tmp_path / "a.png", icc_profile=rgb_profile(SRGB_TO_XYZ, gamma_tag(1.0))
    )
    picture = read_image(tmp_path / "a.png")
    assert_near(picture.rgb, srgb_encoded(pixels[..., :3] / 255))
    assert np.array_equal(picture.alpha, pixels[..., 3])


@pytest.mark.parametrize(
    "profile",
    [
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        rgb_profile(SRGB_TO_XYZ.round(4), srgb_table_tag()),
    ],
)
def test_srgb_profile_changes_nothing(tmp_path: Path, profile: bytes) -> None:
    pixels = noise(64, 64)
    Image.fromarray(pixels).save(tmp_path / "a.png", icc_profile=profile)
    assert np.array_equal(read_image(tmp_path / "a.png").rgb, pixels)
    Image.fromarray(pixels[..., 0]).save(tmp_path / "gray.png", icc_profile=profile)
    assert np.array_equal(read_image(tmp_path / "gray.png").rgb[..., 1], pixels[..., 0])


def test_gray_profile(tmp_path: Path) -> None:
    ramp = np.arange(256, dtype=np.uint8)[None]
    alpha = ramp[:, ::-1].copy()
    expected = srgb_encoded((ramp / 255.0) ** 1.5)
    Image.fromarray(ramp).save(tmp_path / "a.png", icc_profile=gray_profile(1.5))
    assert_near(read_image(tmp_path / "a.png").rgb, np.dstack([expected] * 3))
    both = Image.merge("LA", [Image.fromarray(ramp), Image.fromarray(alpha)])
    both.save(tmp_path / "la.png", icc_profile=gray_profile(1.5))
    assert_shows(read_image(tmp_path / "la.png"), np.dstack([expected] * 3), alpha, 1)


def test_cmyk_profile(tmp_path: Path) -> None:
    inks = np.array([[[0, 0, 0, 0], [255, 255, 0, 0], [0, 0, 255, 51], [0, 0, 0, 255]]], np.uint8)
    Image.fromarray(inks, "CMYK").save(tmp_path / "a.tif", icc_profile=cmyk_profile())
    picture = read_image(tmp_path / "a.tif")
    lightness = [100, 100 / 3, 100 * (2 / 3) * 0.8, 0]
    assert_near(picture.rgb[0], [lab_to_srgb(value, 0, 0) for value in lightness], 2)
    assert picture.notes == ()


@pytest.mark.parametrize("profile", [b"not a profile", gray_profile(1.8), cmyk_profile()])
def test_unusable_profile_is_ignored_and_noted(tmp_path: Path, profile: bytes) -> None:
    Image.fromarray(COLORS).save(tmp_path / "a.png", icc_profile=profile)
    picture = read_image(tmp_path / "a.png")
    assert np.array_equal(picture.rgb, COLORS)
    assert picture.notes == ("unusable color profile ignored",)


# Gamma and primaries of a PNG


def gama(gamma: float) -> bytes:
    return struct.pack(">I", round(gamma * 100_000))


@pytest.mark.parametrize("gamma", [1.0, 0.35, 0.7, 2.5])
@pytest.mark.parametrize("kind", [0, 2])
def test_gamma_of_a_png(tmp_path: Path, gamma: float, kind: int) -> None:
    samples = np.arange(256, dtype=np.uint8).reshape(16, 16)
    samples = samples if kind == 0 else np.dstack([samples, samples.T, samples[::-1]])
    path = png(tmp_path / "a.png", 8, kind, samples, gAMA=gama(gamma))
    expected = srgb_encoded((samples / 255) ** (1 / gamma))
    picture = read_image(path)
    assert_near(picture.rgb, expected if kind else np.dstack([expected] * 3))
    assert picture.notes == ()


def test_gamma_with_alpha(tmp_path: Path) -> None:
    samples = noise(8, 8, 4)
    path = png(tmp_path / "a.png", 8, 6, samples, gAMA=gama(1.0))
    assert_shows(read_image(path), srgb_encoded(samples[..., :3] / 255), samples[..., 3], 1)


def test_primaries_of_a_png(tmp_path: Path) -> None:
    samples = noise(80, 8)
    adobe = (0.3127, 0.329, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
    chrm = struct.pack(">8I", *(round(value * 100_000) for value in adobe))
    path = png(tmp_path / "a.png", 8, 2, samples, gAMA=gama(1 / 1.8), cHRM=chrm)
    linear = (samples / 255) ** 1.8
    expected = srgb_encoded(linear @ ADOBE_TO_XYZ.T @ np.linalg.inv(SRGB_TO_XYZ).T)
    assert_near(read_image(path).rgb, expected, 2)


@pytest.mark.parametrize(
    "chunks",
    [
        {"gAMA": gama(0.45455)},
        {"gAMA": gama(0.46)},
        {"gAMA": gama(1.0), "sRGB": b"\0"},
        {"gAMA": gama(0)},
        {"gAMA": gama(40_000)},
        {"gAMA": gama(0.45455), "cHRM": bytes(32)},
        {
            "gAMA": gama(0.45455),
            "cHRM": struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000),
        },
    ],
)
def test_gamma_that_changes_nothing(tmp_path: Path, chunks: dict[str, bytes]) -> None:
    samples = noise(8, 8)
    picture = read_image(png(tmp_path / "a.png", 8, 2, samples, **chunks))
    assert np.array_equal(picture.rgb, samples)


def test_a_profile_goes_before_gamma(tmp_path: Path) -> None:
    samples = noise(8, 8)
    profile = b"p\0\0" + zlib.compress(rgb_profile(SRGB_TO_XYZ, gamma_tag(1.0)))
    path = png(tmp_path / "a.png", 8, 2, samples, gAMA=gama(2.5), iCCP=profile)
    assert_near(read_image(path).rgb, srgb_encoded(samples / 255))
