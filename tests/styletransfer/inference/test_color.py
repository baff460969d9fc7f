"""The photograph's colors under the stylized lightness, held against one color at a time."""

import math
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from styletransfer.images import Pixels
from styletransfer.inference.color import from_oklab, preserve_colors, to_oklab
from tests.styletransfer.inference.scalar_oklab import in_srgb, oklab, srgb_levels


def noise(*shape: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)


def lattice() -> Pixels:
    """Every color of 33 levels a channel, the darkest, the brightest and the grays among them."""
    levels = np.unique(np.append(np.arange(0, 256, 8), 255)).astype(np.uint8)
    return np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(33, -1, 3)


def one_by_one(stylized: Pixels, photograph: Pixels) -> np.ndarray:
    """The twin: levels that are not rounded, by 40 halvings of the chroma's interval."""
    colors = []
    for light, color in zip(stylized.reshape(-1, 3), photograph.reshape(-1, 3), strict=True):
        lightness = oklab(*map(int, light))[0]
        _, a, b = oklab(*map(int, color))
        scale = 1.0
        if not in_srgb(lightness, a, b):
            scale = 0.0
            for halving in range(1, 41):
                trial = scale + 0.5**halving
                scale = trial if in_srgb(lightness, trial * a, trial * b) else scale
        colors.append(srgb_levels(lightness, scale * a, scale * b))
    return np.reshape(colors, stylized.shape)


@pytest.mark.parametrize(
    "color", [(255, 0, 0), (0, 0, 255), (0, 0, 0), (255, 255, 255), (7, 99, 3)]
)
def test_planes_are_the_published_ones(color: tuple[int, int, int]) -> None:
    planes = np.ravel(to_oklab(np.uint8([color])))
    np.testing.assert_allclose(planes, oklab(*color), atol=1e-6)


def test_there_and_back_is_exact() -> None:
    pixels = np.concatenate([lattice().reshape(-1, 3), noise(100_000)])
    np.testing.assert_array_equal(from_oklab(to_oklab(pixels)), pixels)


def test_as_one_by_one() -> None:
    stylized, photograph = noise(60, 50), noise(60, 50, seed=1)
    result = preserve_colors(stylized, photograph)
    assert result.dtype == np.uint8
    assert np.abs(result - one_by_one(stylized, photograph)).max() <= 1


def test_clipped_channel_by_channel_it_would_differ() -> None:
    """The comparison above sees colors outside sRGB, and what losing chroma does to them."""
    light, color = np.uint8([[[200, 200, 200]]]), np.uint8([[[0, 0, 255]]])
    lightness = oklab(200, 200, 200)[0]
    _, a, b = oklab(0, 0, 255)
    clipped = srgb_levels(lightness, a, b)
    assert np.abs(preserve_colors(light, color) - clipped).max() > 20
    assert abs(oklab(*map(round, clipped))[0] - lightness) > 0.02


def test_lightness_and_hue_are_kept() -> None:
    """Rounding to 8 bits moves a color by less than 0.004 unless it is next to black."""
    stylized = noise(60, 50, seed=2)
    stylized = np.maximum(stylized, 40)
    photograph = lattice()[:, ::13][:, :50].repeat(2, axis=0)[:60]
    kept = preserve_colors(stylized, photograph)
    lightness, _, _ = to_oklab(stylized)
    _, a, b = to_oklab(photograph)
    new_lightness, new_a, new_b = to_oklab(kept)
    np.testing.assert_allclose(new_lightness, lightness, atol=0.004)
    chroma, new_chroma = np.hypot(a, b), np.hypot(new_a, new_b)
    assert (new_chroma <= chroma + 0.006).all()
    across = np.abs(a * new_b - b * new_a) / np.maximum(chroma, 1e-3)
    assert across[chroma > 0.02].max() < 0.006


def test_own_colors_change_nothing() -> None:
    photograph = lattice()
    np.testing.assert_array_equal(preserve_colors(photograph, photograph), photograph)


def test_twice_is_once() -> None:
    stylized, photograph = np.maximum(noise(60, 50), 30), noise(60, 50, seed=1)
    once = preserve_colors(stylized, photograph)
    twice = preserve_colors(stylized, once).astype(int)
    assert np.abs(twice - once).max() <= 4
    assert np.abs(twice - once).mean() < 0.3


def test_gray_photographs_stay_gray() -> None:
    stylized = lattice()
    levels = noise(*stylized.shape[:2])[..., :1]
    gray = preserve_colors(stylized, levels.repeat(3, axis=2))
    assert (gray == gray[..., :1]).all()
    lightness, _, _ = to_oklab(stylized)
    assert (np.diff(gray[..., 0].ravel()[np.argsort(lightness, axis=None)].astype(int)) >= 0).all()


def test_black_and_white_of_the_painting_stay() -> None:
    photograph = lattice()
    for level in (0, 255):
        flat = np.full_like(photograph, level)
        np.testing.assert_array_equal(preserve_colors(flat, photograph), flat)


@pytest.mark.parametrize("shape", [(1, 1), (1, 70_000), (700, 130)])
def test_bands_leave_no_trace(shape: tuple[int, int]) -> None:
    stylized, photograph = noise(*shape), noise(*shape, seed=1)
    flat = preserve_colors(stylized.reshape(1, -1, 3), photograph.reshape(1, -1, 3))
    banded = preserve_colors(stylized, photograph)
    np.testing.assert_array_equal(banded.reshape(1, -1, 3), flat)


def test_large_pictures_take_little_memory(tmp_path: Path) -> None:
    shape = (3000, 1000, 3)
    pictures = []
    for seed in range(2):
        picture = np.memmap(tmp_path / f"{seed}", np.uint8, "w+", shape=shape)
        picture[:] = np.tile(noise(30, 1000, seed=seed), (100, 1, 1))
        pictures.append(picture)
    stylized, photograph = pictures
    expected = preserve_colors(np.array(stylized[:30]), np.array(photograph[:30]))
    tracemalloc.start()
    result = preserve_colors(stylized, photograph, out=stylized)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result is stylized
    np.testing.assert_array_equal(stylized, np.tile(expected, (100, 1, 1)))
    assert peak < math.prod(shape)  # less than one more picture, though there are floats of it


def test_pictures_of_two_shapes() -> None:
    with pytest.raises(ValueError, match="one shape"):
        preserve_colors(noise(2, 3), noise(3, 2))
