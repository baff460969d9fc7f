"""Each file that images.py must survive, made here, against pixels worked out independently."""

import errno
import io
import struct
import subprocess
import sys
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from styletransfer.images import (
    ImageError,
    Picture,
    encode_image,
    find_images,
    read_image,
    to_pixels,
    to_tensor,
    write_image,
)

COLOURS = np.array(
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


def png(path: Path, depth: int, kind: int, samples: np.ndarray, **chunks: bytes) -> Path:
    """A PNG written by hand: kind 0 is grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA."""

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


# sRGB's primaries and white, adapted to D50, as columns X Y Z of the profile connection space.
SRGB_TO_XYZ = np.array(
    [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
)
ADOBE_TO_XYZ = np.array(
    [[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]]
)
D50 = (0.9642, 1.0, 0.8249)


def xyz_tag(values: object) -> bytes:
    return b"XYZ \0\0\0\0" + np.round(np.array(values) * 65536).astype(">i4").tobytes()


def srgb_table_tag() -> bytes:
    """sRGB's curve in 1024 steps, as in the profile that most cameras embed."""
    encoded = np.linspace(0, 1, 1024)
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return b"curv\0\0\0\0" + struct.pack(">I", 1024) + (linear * 65535).astype(">u2").tobytes()


def gamma_tag(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IHH", 1, round(gamma * 256), 0)


def icc(space: bytes, connection: bytes, tags: dict[bytes, bytes], kind: bytes = b"mntr") -> bytes:
    tags = {b"wtpt": xyz_tag(D50), **tags}
    offset = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", offset + len(body), len(data))
        body += data.ljust((len(data) + 3) // 4 * 4, b"\0")
    header = struct.pack(">I4sI", offset + len(body), b"\0\0\0\0", 0x02400000)
    header += kind + space + connection + struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp"
    header = header.ljust(68, b"\0") + np.round(np.array(D50) * 65536).astype(">i4").tobytes()
    return header.ljust(128, b"\0") + table + body


def rgb_profile(matrix: np.ndarray, curve: bytes) -> bytes:
    columns = {name: xyz_tag(matrix[:, i]) for i, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    curves = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    return icc(b"RGB ", b"XYZ ", columns | curves)


def grey_profile(gamma: float) -> bytes:
    return icc(b"GRAY", b"XYZ ", {b"kTRC": gamma_tag(gamma)})


def cmyk_profile() -> bytes:
    """Lightness falls with the mean of C, M, Y times what K leaves; no colour at all."""
    corners = [(c, m, y, k) for c in (0, 1) for m in (0, 1) for y in (0, 1) for k in (0, 1)]
    lab = bytes(
        value
        for c, m, y, k in corners
        for value in (round(255 * (1 - (c + m + y) / 3) * (1 - k)), 128, 128)
    )
    ramp = bytes(range(256))
    identity = np.eye(3).astype(">i4") * 65536
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + identity.astype(">i4").tobytes()
    return icc(b"CMYK", b"Lab ", {b"A2B0": table + ramp * 4 + lab + ramp * 3}, b"prtr")


def srgb_encoded(linear: np.ndarray) -> np.ndarray:
    linear = np.clip(linear, 0, 1)
    curve = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return 255 * curve


def lab_to_srgb(lightness: float, a: float, b: float) -> np.ndarray:
    y = (lightness + 16) / 116
    f = np.array([y + a / 500, y, y - b / 200])
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * D50
    return srgb_encoded(np.linalg.solve(SRGB_TO_XYZ, xyz))


# Reading: colour


def test_rgb_is_read_exactly_and_owned(tmp_path: Path) -> None:
    Image.fromarray(COLOURS).save(tmp_path / "a.png")
    picture = read_image(str(tmp_path / "a.png"))
    assert np.array_equal(picture.rgb, COLOURS)
    assert picture.rgb.dtype == np.uint8 and picture.rgb.flags.c_contiguous
    assert picture.rgb.flags.writeable
    assert picture.alpha is None and picture.notes == ()


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".bmp", ".ppm", ".jp2", ".gif"])
def test_lossless_formats(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    options = {".webp": {"lossless": True}, ".jp2": {"irreversible": False}}.get(suffix, {})
    Image.fromarray(COLOURS).save(path, **options)
    assert np.array_equal(read_image(path).rgb, COLOURS)


def test_format_is_told_by_content_not_by_name(tmp_path: Path) -> None:
    Image.fromarray(COLOURS).save(tmp_path / "a.jpg", "PNG")
    assert np.array_equal(read_image(tmp_path / "a.jpg").rgb, COLOURS)


def test_avif(tmp_path: Path) -> None:
    Image.new("RGB", (16, 8), (200, 100, 50)).save(tmp_path / "a.avif", quality=100)
    picture = read_image(tmp_path / "a.avif")
    assert picture.rgb.shape == (8, 16, 3)
    assert_near(picture.rgb, (200, 100, 50), 3)


def test_greyscale_one_bit_and_palette(tmp_path: Path) -> None:
    grey = np.array([[0, 17, 255]], np.uint8)
    Image.fromarray(grey).save(tmp_path / "l.png")
    assert np.array_equal(read_image(tmp_path / "l.png").rgb, np.dstack([grey] * 3))
    Image.fromarray(grey > 100).save(tmp_path / "1.png")
    assert read_image(tmp_path / "1.png").rgb[0].tolist() == [[0] * 3, [0] * 3, [255] * 3]
    palette = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    palette.putpalette([1, 2, 3, 40, 50, 60, 250, 240, 230])
    palette.save(tmp_path / "p.png")
    expected = [[1, 2, 3], [40, 50, 60], [250, 240, 230]]
    assert read_image(tmp_path / "p.png").rgb[0].tolist() == expected


def test_two_and_four_bit_grey_png(tmp_path: Path) -> None:
    two = png(tmp_path / "2.png", 2, 0, np.array([[0, 1, 2, 3]]))
    assert read_image(two).rgb[0, :, 0].tolist() == [0, 85, 170, 255]
    four = png(tmp_path / "4.png", 4, 0, np.array([[0, 5, 15]]))
    assert read_image(four).rgb[0, :, 0].tolist() == [0, 85, 255]


def test_16_bit_grey_is_scaled_to_the_nearest_level(tmp_path: Path) -> None:
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
    path = grey_tiff(tmp_path / "a.tif", ">", 16, np.array([[0, 32768, 65535]], ">u2").tobytes(), 3)
    assert read_image(path).rgb[0, :, 0].tolist() == [0, 128, 255]


def test_12_bit_tiff(tmp_path: Path) -> None:
    packed = bytes([0x00, 0x08, 0x00, 0xFF, 0xF0, 0x00])  # 0x000, 0x800, 0xFFF, 0x000
    path = grey_tiff(tmp_path / "a.tif", "<", 12, packed, 4)
    assert read_image(path).rgb[0, :, 0].tolist() == [0, 128, 255, 0]


@pytest.mark.parametrize("bits", [16, 32])
def test_white_is_zero_tiff(tmp_path: Path, bits: int) -> None:
    values = {16: np.array([0, 65535], "<u2"), 32: np.array([0, 1], "<f4")}[bits]
    path = grey_tiff(tmp_path / "a.tif", "<", bits, values.tobytes(), 2, white_is_zero=True)
    assert read_image(path).rgb[0, :, 0].tolist() == [255, 0]


def grey_tiff(
    path: Path, order: str, bits: int, data: bytes, width: int, white_is_zero: bool = False
) -> Path:
    """One row of grey, uncompressed; 32 bits are floats."""
    tags = {256: width, 257: 1, 258: bits, 259: 1, 262: 1 - white_is_zero, 273: 8, 277: 1}
    tags |= {278: 1, 279: len(data), 339: 3 if bits == 32 else 1}
    data += b"\0" * (len(data) % 2)
    mark = b"II*\0" if order == "<" else b"MM\0*"
    directory = struct.pack(order + "H", len(tags))
    for tag, value in tags.items():
        directory += struct.pack(order + "HHIHH", tag, 3, 1, value, 0)
    offset = struct.pack(order + "I", 8 + len(data))
    path.write_bytes(mark + offset + data + directory + b"\0" * 4)
    return path


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


# Reading: colour profiles


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
    Image.fromarray(pixels[..., 0]).save(tmp_path / "grey.png", icc_profile=profile)
    assert np.array_equal(read_image(tmp_path / "grey.png").rgb[..., 1], pixels[..., 0])


def test_grey_profile(tmp_path: Path) -> None:
    ramp = np.arange(256, dtype=np.uint8)[None]
    alpha = ramp[:, ::-1].copy()
    expected = srgb_encoded((ramp / 255.0) ** 1.5)
    Image.fromarray(ramp).save(tmp_path / "a.png", icc_profile=grey_profile(1.5))
    assert_near(read_image(tmp_path / "a.png").rgb, np.dstack([expected] * 3))
    both = Image.merge("LA", [Image.fromarray(ramp), Image.fromarray(alpha)])
    both.save(tmp_path / "la.png", icc_profile=grey_profile(1.5))
    picture = read_image(tmp_path / "la.png")
    assert_near(picture.rgb, np.dstack([expected] * 3))
    assert np.array_equal(picture.alpha, alpha)


def test_cmyk_profile(tmp_path: Path) -> None:
    inks = np.array([[[0, 0, 0, 0], [255, 255, 0, 0], [0, 0, 255, 51], [0, 0, 0, 255]]], np.uint8)
    Image.fromarray(inks, "CMYK").save(tmp_path / "a.tif", icc_profile=cmyk_profile())
    picture = read_image(tmp_path / "a.tif")
    lightness = [100, 100 / 3, 100 * (2 / 3) * 0.8, 0]
    assert_near(picture.rgb[0], [lab_to_srgb(value, 0, 0) for value in lightness], 2)
    assert picture.notes == ()


@pytest.mark.parametrize("profile", [b"not a profile", grey_profile(1.8), cmyk_profile()])
def test_unusable_profile_is_ignored_and_noted(tmp_path: Path, profile: bytes) -> None:
    Image.fromarray(COLOURS).save(tmp_path / "a.png", icc_profile=profile)
    picture = read_image(tmp_path / "a.png")
    assert np.array_equal(picture.rgb, COLOURS)
    assert picture.notes == ("unusable colour profile ignored",)


# Reading: alpha


def test_alpha_channels_are_kept(tmp_path: Path) -> None:
    rgba, la = noise(3, 5, 4), noise(3, 5, 2)
    Image.fromarray(rgba).save(tmp_path / "rgba.png")
    picture = read_image(tmp_path / "rgba.png")
    assert np.array_equal(np.dstack([picture.rgb, picture.alpha]), rgba)
    Image.fromarray(la, "LA").save(tmp_path / "la.png")
    picture = read_image(tmp_path / "la.png")
    assert np.array_equal(picture.rgb, np.dstack([la[..., 0]] * 3))
    assert np.array_equal(picture.alpha, la[..., 1])


def test_palette_with_alpha_channel(tmp_path: Path) -> None:
    indices = Image.fromarray(np.array([[0, 1, 1]], np.uint8), "P")
    indices.putpalette([1, 2, 3, 40, 50, 60])
    image = indices.convert("PA")
    image.putalpha(Image.fromarray(np.array([[255, 128, 0]], np.uint8)))
    image.save(tmp_path / "a.tif")
    assert Image.open(tmp_path / "a.tif").mode == "PA"
    picture = read_image(tmp_path / "a.tif")
    assert picture.rgb[0].tolist() == [[1, 2, 3], [40, 50, 60], [40, 50, 60]]
    assert picture.alpha is not None and picture.alpha.tolist() == [[255, 128, 0]]


@pytest.mark.parametrize(
    ("transparency", "expected"), [(b"\xff\x80\x00", [255, 128, 0]), (1, [255, 0, 255])]
)
def test_palette_transparency(
    tmp_path: Path, transparency: bytes | int, expected: list[int]
) -> None:
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    image.putpalette([1, 2, 3, 40, 50, 60, 70, 80, 90])
    image.save(tmp_path / "a.png", transparency=transparency)
    picture = read_image(tmp_path / "a.png")
    assert picture.rgb[0].tolist() == [[1, 2, 3], [40, 50, 60], [70, 80, 90]]
    assert picture.alpha is not None and picture.alpha[0].tolist() == expected


@pytest.mark.parametrize(
    ("depth", "kind", "samples", "key"),
    [
        (1, 0, [0, 1, 0], [1]),
        (2, 0, [0, 2, 3], [2]),
        (4, 0, [0, 9, 15], [9]),
        (8, 0, [0, 9, 15], [9]),
        (16, 0, [1000, 1001, 1002], [1001]),
        (8, 2, [[9, 1, 2], [9, 9, 9], [9, 9, 8]], [9, 9, 9]),
        (16, 2, [[0, 0, 0], [65535, 300, 0], [65535, 0, 0]], [65535, 300, 0]),
        (16, 2, [[65535, 0, 0], [255, 0, 0], [65535, 0, 256]], [255, 0, 0]),
    ],
)
def test_transparent_colour_of_a_png(
    tmp_path: Path, depth: int, kind: int, samples: list[object], key: list[int]
) -> None:
    values = np.array([samples])
    path = png(tmp_path / "a.png", depth, kind, values, tRNS=struct.pack(f">{len(key)}H", *key))
    picture = read_image(path)
    assert picture.alpha is not None and picture.alpha.tolist() == [[255, 0, 255]]
    expected = values if kind == 2 else np.dstack([values] * 3)
    assert_near(picture.rgb, expected * 255 / (2**depth - 1))


def test_resampling_does_not_mix_in_colours_under_transparency(tmp_path: Path) -> None:
    pixels = np.zeros((8, 8, 4), np.uint8)  # transparent black, and in it opaque white
    pixels[2:6, 3:8] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    picture = read_image(tmp_path / "a.png", size=4)
    assert picture.alpha is not None
    assert 0 < picture.alpha[1, 1] < 255
    assert picture.rgb[picture.alpha > 8].min() >= 250


# Reading: the file named, and no other


@pytest.mark.parametrize("suffix", [".tif", ".bmp", ".ppm", ".png", ".gif", ".jpg", ".webp"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "CMYK", "P", "1", "I;16"])
@pytest.mark.parametrize("here", ["elsewhere", "same folder"])
def test_a_file_of_the_same_name_in_the_current_folder_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, suffix: str, here: str
) -> None:
    name, there = f"x{suffix}", tmp_path / "there"
    there.mkdir()
    wanted = Image.fromarray(noise(40, 30, seed=1))
    wanted = wanted.convert("I").convert("I;16") if mode == "I;16" else wanted.convert(mode)
    other = Image.new(wanted.mode, wanted.size)
    try:
        wanted.save(there / name)
        other.save(tmp_path / name)
    except (OSError, ValueError):
        pytest.skip(f"Pillow writes no {mode} to {suffix}")
    monkeypatch.chdir("/")
    expected = read_image(there / name)
    monkeypatch.chdir(tmp_path if here == "elsewhere" else there)
    actual = read_image(there / name)
    assert np.array_equal(actual.rgb, expected.rgb)
    assert actual.rgb.std() > 0


# Reading: geometry


UPRIGHT = np.arange(6, dtype=np.uint8).reshape(2, 3) * 40
STORED = {  # how a camera stores UPRIGHT, by the meaning of row 0 and column 0 in the EXIF standard
    1: UPRIGHT,
    2: np.fliplr(UPRIGHT),
    3: np.rot90(UPRIGHT, 2),
    4: np.flipud(UPRIGHT),
    5: UPRIGHT.T,
    6: np.rot90(UPRIGHT, 1),
    7: np.rot90(UPRIGHT, 2).T,
    8: np.rot90(UPRIGHT, -1),
}


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
@pytest.mark.parametrize("orientation", STORED)
def test_exif_orientation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, orientation: int, suffix: str
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a{suffix}"
    stored = np.dstack([STORED[orientation]] * 3)
    Image.fromarray(stored).save(
        path, exif=exif, **({"lossless": True} if suffix == ".webp" else {})
    )
    assert np.array_equal(read_image(path).rgb[..., 0], UPRIGHT)
    monkeypatch.chdir(tmp_path)
    assert np.array_equal(read_image(path.name).rgb[..., 0], UPRIGHT)
    assert read_image(path, size=4).rgb.shape == (4, 6, 3)


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("mode", ["L", "RGBA", "CMYK"])
def test_exif_orientation_of_what_pillow_could_map(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.dstack([UPRIGHT] * 3)).convert(mode).save(tmp_path / "upright.tif")
    stored = Image.fromarray(np.dstack([STORED[orientation]] * 3)).convert(mode)
    stored.save(tmp_path / "a.tif", exif=exif)
    monkeypatch.chdir(tmp_path)
    assert np.array_equal(read_image("a.tif").rgb, read_image("upright.tif").rgb)


def test_orientation_of_a_jpeg_with_size_and_alpha_of_a_png(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = np.zeros((64, 128, 3), np.uint8)
    stored[:, :64] = 255  # the left of the stored picture is the top of the upright one
    Image.fromarray(stored).save(tmp_path / "a.jpg", exif=exif, quality=95)
    rgb = read_image(tmp_path / "a.jpg", size=16).rgb
    assert rgb.shape == (32, 16, 3)
    assert rgb[:12].min() > 240 and rgb[20:].max() < 15
    rgba = noise(2, 3, 4)
    Image.fromarray(rgba).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read_image(tmp_path / "a.png").alpha, np.rot90(rgba[..., 3], -1))


def test_broken_exif_does_not_lose_the_picture(tmp_path: Path) -> None:
    Image.fromarray(COLOURS).save(tmp_path / "a.png", exif=b"Exif\0\0II*\0\xff\xff")
    picture = read_image(tmp_path / "a.png")
    assert np.array_equal(picture.rgb, COLOURS)
    assert picture.notes == ("unreadable EXIF data: the picture may not be upright",)


@pytest.mark.parametrize(
    ("shape", "size", "expected"),
    [
        ((1, 1), None, (1, 1)),
        ((1, 1), 7, (7, 7)),
        ((3, 5000), None, (3, 5000)),
        ((3, 5000), 1, (1, 1667)),
        ((3, 5000), 6, (6, 10000)),
        ((100, 67), 50, (75, 50)),
        ((64, 64), 64, (64, 64)),
    ],
)
def test_sizes(
    tmp_path: Path, shape: tuple[int, int], size: int | None, expected: tuple[int, int]
) -> None:
    Image.new("RGB", shape[::-1], (9, 90, 200)).save(tmp_path / "a.png")
    rgb = read_image(tmp_path / "a.png", size=size).rgb
    assert rgb.shape == (*expected, 3)
    assert_near(rgb, (9, 90, 200))


def test_shrinking_averages(tmp_path: Path) -> None:
    checks = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    Image.fromarray(checks).save(tmp_path / "a.png")
    assert_near(read_image(tmp_path / "a.png", size=16).rgb[2:-2, 2:-2], 127.5, 3)


@pytest.mark.parametrize("size", [1, 15, 16, 17, 31, 32, 63, 65, 100, 128, 200])
def test_jpeg_is_decoded_small_but_never_below_the_target(
    tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import JpegImagePlugin

    decoded = []
    load_end = JpegImagePlugin.JpegImageFile.load_end
    monkeypatch.setattr(
        JpegImagePlugin.JpegImageFile,
        "load_end",
        lambda image: (decoded.append(min(image.size)), load_end(image)),
    )
    ramp = np.tile(np.linspace(0, 255, 192).round().astype(np.uint8), (128, 1))
    Image.fromarray(ramp).save(tmp_path / "a.jpg", quality=98)
    rgb = read_image(tmp_path / "a.jpg", size=size).rgb
    assert rgb.shape == (size, round(192 * size / 128), 3)
    assert min(size, 128) <= decoded[0] <= max(2 * size, 16)
    if size > 16:
        columns = (np.arange(rgb.shape[1]) + 0.5) / rgb.shape[1] * 192 - 0.5
        assert_near(rgb[size // 2, 4:-4, 0], (columns * 255 / 191)[4:-4], 3)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("shape", [(64, 64), (40, 90), (131, 70), (300, 257), (16, 5)])
def test_crop_is_the_middle_of_the_resized_picture(
    tmp_path: Path, shape: tuple[int, int], suffix: str
) -> None:
    path = tmp_path / f"a{suffix}"
    # Far from 0 and 255: Pillow may scale the columns first or the rows, and clips in between.
    smooth = Image.fromarray(64 + noise(5, 6, 4) // 2).resize(shape[::-1])
    rgb, alpha = np.asarray(smooth.convert("RGB")), 128 + np.asarray(smooth)[..., 3] // 2
    write_image(path, Picture(rgb, alpha, ()))
    whole, part = (read_image(path, size=32, crop=crop) for crop in (False, True))
    height, width = whole.rgb.shape[:2]
    top, left = (height - 32) // 2, (width - 32) // 2
    middle = np.s_[top : top + 32, left : left + 32]
    assert_near(part.rgb, whole.rgb[middle], 4)  # rounded twice, and divided by alpha
    if suffix == ".png":
        assert part.alpha is not None and whole.alpha is not None
        assert_near(part.alpha, whole.alpha[middle])


def test_a_crop_of_a_long_picture_is_within_the_limit(tmp_path: Path) -> None:
    Image.new("RGB", (3000, 3)).save(tmp_path / "a.png")
    with pytest.raises(ImageError, match="over the limit"):
        read_image(tmp_path / "a.png", size=60, max_pixels=10_000)
    assert read_image(tmp_path / "a.png", size=60, crop=True, max_pixels=10_000).rgb.size == 10_800


def test_size_below_one_is_a_wrong_call(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        read_image(tmp_path / "a.png", size=0)


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp", ".tif"])
def test_first_frame_of_many(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (4, 3), colour) for colour in ("#ff0000", "#00ff00", "#0000ff")]
    options = {".webp": {"lossless": True}}.get(suffix, {})
    path = tmp_path / f"a{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:], **options)
    picture = read_image(path)
    assert np.array_equal(picture.rgb, np.full((3, 4, 3), (255, 0, 0)))
    kind = "3 pictures in one file" if suffix == ".tif" else "animated, 3 frames"
    assert picture.notes == (f"{kind}: only the first is used",)


def test_two_pictures_of_a_phone_in_one_jpeg(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (64, 48), colour) for colour in ("#c86432", "#0000ff")]
    frames[0].save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=frames[1:])
    for size, shape in ((None, (48, 64, 3)), (12, (12, 16, 3))):
        picture = read_image(tmp_path / "a.jpg", size=size)
        assert picture.rgb.shape == shape
        assert_near(picture.rgb, (200, 100, 50), 3)
        assert picture.notes == ("2 pictures in one file: only the first is used",)


def test_animated_gif_with_transparency(tmp_path: Path) -> None:
    pixels = np.array([[[255, 0, 0, 255], [0, 0, 255, 255], [0, 0, 0, 0]]], np.uint8)
    frame = Image.fromarray(pixels)
    frame.save(tmp_path / "a.gif", save_all=True, append_images=[frame.rotate(180)])
    picture = read_image(tmp_path / "a.gif")
    assert picture.alpha is not None and picture.alpha[0].tolist() == [255, 255, 0]
    assert np.array_equal(picture.rgb[0, :2], pixels[0, :2, :3])
    assert picture.notes == ("animated, 2 frames: only the first is used",)


# Reading: errors


def assert_refused(path: Path, *words: str, **options: int) -> None:
    with pytest.raises(ImageError) as caught:
        read_image(path, **options)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message
    assert all(word in message for word in (*words, ";"))


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".jpg", {}),
        (".jpg", {"progressive": True}),
        (".png", {}),
        (".webp", {}),
        (".webp", {"lossless": True}),
        (".tif", {}),
        (".tif", {"compression": "tiff_lzw"}),
        (".bmp", {}),
        (".gif", {}),
        (".ppm", {}),
        (".jp2", {}),
        (".avif", {}),
    ],
)
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.95])
def test_truncated_file(
    tmp_path: Path, suffix: str, options: dict[str, object], kept: float
) -> None:
    path = tmp_path / f"a{suffix}"
    Image.fromarray(noise(64, 64)).save(path, **options)
    data = path.read_bytes()
    assert read_image(path).rgb.shape == (64, 64, 3)
    path.write_bytes(data[: int(len(data) * kept)])
    assert_refused(path, "cut short")
    if suffix == ".jpg":
        assert_refused(path, "cut short", size=8)


def test_corrupt_png(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(noise(64, 64)).save(path)
    data = bytearray(path.read_bytes())
    data[1000:1100] = bytes(100)
    path.write_bytes(data)
    assert_refused(path, "damaged", "intact copy")


@pytest.mark.parametrize(
    "data", [b"hello, world\n" * 50, bytes(1000), b"x", b"%PDF-1.4\n", b"%!PS"]
)
def test_not_an_image(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(data)
    assert_refused(path, "not an image", "convert")


def test_empty_missing_and_folder(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    assert_refused(tmp_path / "empty.png", "is empty")
    assert_refused(tmp_path / "missing.png", "No such file")
    (tmp_path / "folder.png").mkdir()
    assert_refused(tmp_path / "folder.png", "directory")


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(path: Path, *_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", deny)
    assert_refused(tmp_path / "a.png", "Permission denied", "you may read")


def test_pixel_limit_is_checked_before_decoding(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    png(path, 1, 0, np.zeros((1, 8), np.uint8))
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", 100_000, 50_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    path.write_bytes(data)
    assert_refused(path, "5,000,000,000", "200,000,000", "raise the limit")
    assert_refused(path, "cut short", max_pixels=5_000_000_000)


def test_pixel_limit_is_inclusive(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(noise(10, 10)).save(path)
    assert read_image(path, max_pixels=100).rgb.shape == (10, 10, 3)
    assert_refused(path, "limit of 99", max_pixels=99)


def test_pixel_limit_holds_for_the_resized_picture(tmp_path: Path) -> None:
    path = tmp_path / "panorama.png"
    Image.new("RGB", (5000, 3)).save(path)
    assert_refused(path, "limit", "smaller size", size=512)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".gif", ".bmp"])
def test_pillows_own_limit_does_not_interfere(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"a{suffix}"
    Image.fromarray(noise(16, 16)).save(path)
    for limit in (10, 200):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        assert read_image(path).rgb.shape == (16, 16, 3)
        assert limit == Image.MAX_IMAGE_PIXELS
        assert_refused(path, "limit", max_pixels=100)
        assert limit == Image.MAX_IMAGE_PIXELS


def test_threads_read_pictures_over_pillows_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    paths = [tmp_path / f"{i}.{'tif' if i % 2 else 'webp'}" for i in range(4)]
    for path in paths:
        Image.fromarray(noise(32, 32)).save(path)
    failures: list[BaseException] = []

    def work(path: Path) -> None:
        try:
            for _ in range(20):
                read_image(path)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == [] and Image.MAX_IMAGE_PIXELS == 100


# Writing


@pytest.mark.parametrize("suffix", [".png", ".tif", ".TIFF", ".bmp"])
def test_lossless_round_trip(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    write_image(path, Picture(COLOURS, None, ()))
    picture = read_image(path)
    assert np.array_equal(picture.rgb, COLOURS) and picture.alpha is None
    assert names(tmp_path) == [path.name]


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_alpha_round_trip(tmp_path: Path, suffix: str) -> None:
    pixels = noise(5, 6, 4)
    write_image(tmp_path / f"a{suffix}", Picture(pixels[..., :3], pixels[..., 3], ()))
    picture = read_image(tmp_path / f"a{suffix}")
    assert np.array_equal(np.dstack([picture.rgb, picture.alpha]), pixels)


def test_webp_keeps_alpha_and_obeys_quality(tmp_path: Path) -> None:
    pixels = noise(64, 64, 4)
    picture = Picture(pixels[..., :3], pixels[..., 3], ())
    for quality in (20, 95):
        write_image(tmp_path / f"{quality}.webp", picture, quality=quality)
    assert np.array_equal(read_image(tmp_path / "20.webp").alpha, pixels[..., 3])
    assert (tmp_path / "20.webp").stat().st_size < (tmp_path / "95.webp").stat().st_size * 0.8


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".bmp"])
def test_formats_without_alpha_get_white_behind(tmp_path: Path, suffix: str) -> None:
    rgb = np.full((16, 48, 3), (200, 0, 100), np.uint8)
    alpha = np.repeat(np.array([0, 102, 255], np.uint8), 16)[None].repeat(16, axis=0)
    path = tmp_path / f"a{suffix}"
    write_image(path, Picture(rgb, alpha, ()))
    written = read_image(path)
    assert written.alpha is None
    columns = written.rgb[8, [8, 24, 40]]
    assert_near(columns, [(255, 255, 255), (233, 153, 193), (200, 0, 100)], 3)


def test_jpeg_has_full_colour_resolution_and_obeys_quality(tmp_path: Path) -> None:
    picture = Picture(noise(64, 64), None, ())
    for quality in (30, 95):
        write_image(tmp_path / f"{quality}.jpg", picture, quality=quality)
    with Image.open(tmp_path / "95.jpg") as image:
        assert [component[1:3] for component in image.layer] == [(1, 1)] * 3
    assert (tmp_path / "30.jpg").stat().st_size < (tmp_path / "95.jpg").stat().st_size / 2
    assert np.abs(read_image(tmp_path / "95.jpg").rgb.astype(int) - picture.rgb).mean() < 5


def test_unknown_suffix_names_the_supported_ones(tmp_path: Path) -> None:
    for name in ("a.xyz", "a", "a.psd", "a.gif"):
        with pytest.raises(ImageError, match=r"\.jpg.*\.png.*\.webp") as caught:
            write_image(tmp_path / name, Picture(COLOURS, None, ()))
        assert str(tmp_path / name) in str(caught.value)
    assert names(tmp_path) == []


def test_no_folder_is_created(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="No such file") as caught:
        write_image(tmp_path / "new" / "a.png", Picture(COLOURS, None, ()))
    assert str(tmp_path / "new" / "a.png") in str(caught.value)
    assert names(tmp_path) == []
    (tmp_path / "file").touch()
    with pytest.raises(ImageError, match="Not a directory"):
        write_image(tmp_path / "file" / "a.png", Picture(COLOURS, None, ()))


def test_target_that_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    with pytest.raises(ImageError, match="cannot be written"):
        write_image(tmp_path / "a.png", Picture(COLOURS, None, ()))
    assert names(tmp_path) == ["a.png"]


def test_picture_too_large_for_the_format(tmp_path: Path) -> None:
    wide = Picture(np.zeros((1, 70_000, 3), np.uint8), None, ())
    for suffix in (".jpg", ".webp"):
        with pytest.raises(ImageError, match="cannot be written"):
            write_image(tmp_path / f"a{suffix}", wide)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("failure", "raised"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), ImageError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path,
    failure: BaseException,
    raised: type[BaseException],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    seen = []

    def fail(image: Image.Image, file: io.BufferedWriter, *_: object, **__: object) -> None:
        file.write(b"half a file")
        file.flush()
        seen.extend(names(tmp_path))
        raise failure

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(raised) as caught:
        write_image(path, Picture(COLOURS, None, ()))
    if raised is ImageError:
        assert str(path) in str(caught.value) and "No space left" in str(caught.value)
    assert len(seen) == 2  # the half file was there, in the same folder, under another name
    assert path.read_bytes() == b"old" and names(tmp_path) == ["a.png"]


@pytest.mark.parametrize("suffix", [".png", ".JPG", ".webp", ".tif", ".bmp"])
def test_encoding_to_an_open_file(tmp_path: Path, suffix: str) -> None:
    picture, file = Picture(noise(20, 30), noise(20, 30, 1)[..., 0], ()), io.BytesIO()
    write_image(tmp_path / f"a{suffix}", picture, quality=60)
    encode_image(file, picture, suffix, quality=60)
    assert file.getvalue() == (tmp_path / f"a{suffix}").read_bytes()


def test_long_name_and_usual_permissions(tmp_path: Path) -> None:
    path = tmp_path / f"{'x' * 251}.png"
    write_image(path, Picture(COLOURS, None, ()))
    usual = tmp_path / "usual"
    usual.touch()
    assert path.stat().st_mode == usual.stat().st_mode


# Finding


def test_find_images(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "sub/deep/c.WebP", "sub/d.tiff", "e.gif"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for name in (".hidden.png", ".cache/f.png", "notes.txt", "png", "sub/.g/h.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    expected = ["a.png", "b.JPG", "e.gif", "sub/d.tiff", "sub/deep/c.WebP"]
    assert find_images(str(tmp_path)) == [tmp_path / name for name in expected]


def test_find_images_through_links_and_loops(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    (outside / "sub").mkdir(parents=True)
    inside.mkdir()
    (outside / "sub" / "a.png").touch()
    (outside / "sub" / "loop").symlink_to(outside)
    (inside / "link").symlink_to(outside)
    (inside / "self").symlink_to(inside)
    assert find_images(inside) == [inside / "link" / "sub" / "a.png"]


def test_find_images_in_what_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    for name in ("a.png", "missing"):
        with pytest.raises(ImageError, match="name a folder") as caught:
            find_images(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)


# Tensors


def test_to_tensor(tmp_path: Path) -> None:
    tensor = to_tensor(COLOURS)
    assert tensor.shape == (1, 3, 2, 3) and tensor.dtype == np.float32
    assert tensor.flags.c_contiguous
    assert tensor[0, :, 1, 1].tolist() == [np.float32(v) / np.float32(255) for v in (128, 64, 200)]
    for wrong in (COLOURS[0], COLOURS.astype(float), COLOURS[..., :2]):
        with pytest.raises(ValueError, match="expected"):
            to_tensor(wrong)


def test_to_pixels_rounds_and_clips() -> None:
    values = [-0.5, 0.4 / 255, 0.6 / 255, 253.4 / 255, 253.6 / 255, 1.0, 7.0, np.inf, -np.inf]
    tensor = np.array(values, np.float32).reshape(1, 1, 1, -1).repeat(3, axis=1)
    for given in (tensor, tensor[0], tensor.astype(np.float64)):
        pixels = to_pixels(given)
        assert pixels.shape == (1, 9, 3) and pixels.dtype == np.uint8
        assert pixels.flags.c_contiguous
        assert pixels[0, :, 1].tolist() == [0, 0, 1, 253, 254, 255, 255, 255, 0]


def test_tensor_round_trip_is_exact() -> None:
    every = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    assert np.array_equal(to_pixels(to_tensor(every)), every)
    assert np.array_equal(to_pixels(to_tensor(every).astype(np.float16)), every)
    swapped = noise(3, 4)
    assert np.array_equal(to_pixels(to_tensor(swapped)), swapped)


def test_to_pixels_refuses_nan_and_wrong_shapes() -> None:
    with pytest.raises(ValueError, match="NaN"):
        to_pixels(np.full((1, 3, 2, 2), np.nan, np.float32))
    for shape in ((2, 3, 4, 4), (4, 4, 3), (3, 4)):
        with pytest.raises(ValueError, match="expected"):
            to_pixels(np.zeros(shape, np.float32))


def test_import_brings_no_torch() -> None:
    code = "import sys, styletransfer.images; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
