"""Transparency of every kind of file."""

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from styletransfer.images import read_image
from tests.styletransfer.images.samples import assert_shows, noise, png


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
    assert_shows(picture, [[[1, 2, 3], [40, 50, 60], [40, 50, 60]]], [[255, 128, 0]])


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
    assert_shows(picture, [[[1, 2, 3], [40, 50, 60], [70, 80, 90]]], [expected])


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
def test_transparent_color_of_a_png(
    tmp_path: Path, depth: int, kind: int, samples: list[object], key: list[int]
) -> None:
    values = np.array([samples])
    path = png(tmp_path / "a.png", depth, kind, values, tRNS=struct.pack(f">{len(key)}H", *key))
    expected = values if kind == 2 else np.dstack([values] * 3)
    assert_shows(read_image(path), expected * 255 / (2**depth - 1), [[255, 0, 255]], 1)


def test_resampling_does_not_mix_in_colors_under_transparency(tmp_path: Path) -> None:
    pixels = np.zeros((8, 8, 4), np.uint8)  # transparent black, and in it opaque white
    pixels[2:6, 3:8] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    picture = read_image(tmp_path / "a.png", short_side=4)
    assert picture.alpha is not None
    assert 0 < picture.alpha[1, 1] < 255
    assert picture.rgb[picture.alpha > 8].min() >= 250
