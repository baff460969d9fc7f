"""Efros–Leung against a twin that looks at one pixel and one window after the other."""

import math
import random as chance
from itertools import product

import numpy as np
import pytest

from interp.network import memory
from interp.patches import growing
from interp.patches.growing import count_rings, gaussian, grow_texture
from styletransfer.errors import RequestError
from styletransfer.images import Pixels


@pytest.fixture
def sample() -> Pixels:
    return np.random.default_rng(3).integers(0, 4, (9, 12, 3), np.uint8) * np.uint8(80)


def twin(sample: Pixels, height: int, width: int, window: int, seed: int) -> Pixels:
    """The texture, pixel by pixel, all in whole numbers."""
    numbers = np.random.default_rng(seed)
    half = window // 2
    deviation = window / 6.4
    top, left = (height - 3) // 2, (width - 3) // 2
    row, column = (int(numbers.integers(side - 2)) for side in sample.shape[:2])
    known = {
        (top + r, left + c): sample[row + r, column + c].astype(int)
        for r, c in product(range(3), repeat=2)
    }
    near = list(product(range(-half, half + 1), repeat=2))
    bell = {k: round(2**20 * math.exp(-(k[0] ** 2 + k[1] ** 2) / (2 * deviation**2))) for k in near}
    middles = list(
        product(range(half, sample.shape[0] - half), range(half, sample.shape[1] - half))
    )
    while len(known) < height * width:
        frontier = [
            (r, c)
            for r, c in ring_order(top + 1, left + 1, height, width)
            if (r, c) not in known
            and any((r + i, c + j) in known for i, j in product((-1, 0, 1), repeat=2))
        ]
        shuffled = [frontier[i] for i in numbers.permutation(len(frontier))]
        shuffled.sort(key=lambda at: -sum((at[0] + i, at[1] + j) in known for i, j in near))
        for (r, c), draw in zip(shuffled, numbers.random(len(shuffled)), strict=True):
            distances = [
                sum(
                    bell[i, j] * int(((sample[y + i, x + j] - known[r + i, c + j]) ** 2).sum())
                    for i, j in near
                    if (r + i, c + j) in known
                )
                for y, x in middles
            ]
            good = [m for m, d in zip(middles, distances, strict=True) if d <= 1.1 * min(distances)]
            known[r, c] = sample[good[int(draw * len(good))]].astype(int)
    return np.array([[known[r, c] for c in range(width)] for r in range(height)], np.uint8)


def ring_order(row: int, column: int, height: int, width: int) -> list[tuple[int, int]]:
    """All pixels in the order in which the rings name theirs: upper side, lower, left, right."""
    found = []
    for reach in range(2, height + width):
        side, inner = range(-reach, reach + 1), range(1 - reach, reach)
        found += [(row - reach, column + i) for i in side]
        found += [(row + reach, column + i) for i in side]
        found += [(row + i, column - reach) for i in inner]
        found += [(row + i, column + reach) for i in inner]
    return [(r, c) for r, c in found if 0 <= r < height and 0 <= c < width]


@pytest.mark.parametrize(
    ("height", "width", "window", "seed"), [(9, 8, 3, 0), (7, 13, 5, 1), (3, 10, 7, 2)]
)
@pytest.mark.parametrize("at_once", [1, growing._AT_ONCE])
def test_equals_one_pixel_after_the_other(
    sample: Pixels,
    height: int,
    width: int,
    window: int,
    seed: int,
    at_once: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(growing, "_AT_ONCE", at_once)
    texture = grow_texture(sample, height, width, window=window, seed=seed)
    np.testing.assert_array_equal(texture.pixels, twin(sample, height, width, window, seed))


@pytest.mark.parametrize(("height", "width"), [(3, 3), (4, 3), (40, 17), (5, 60)])
def test_every_pixel_is_one_of_the_sample(height: int, width: int, sample: Pixels) -> None:
    texture = grow_texture(sample, height, width, window=5)
    rows, columns = texture.places[..., 0], texture.places[..., 1]
    assert texture.pixels.shape == (height, width, 3)
    np.testing.assert_array_equal(texture.pixels, sample[rows, columns])
    assert not texture.interrupted


def test_repeats_by_its_seed(sample: Pixels) -> None:
    pictures = [grow_texture(sample, 20, 20, window=5, seed=s).pixels for s in (4, 4, 5)]
    np.testing.assert_array_equal(pictures[0], pictures[1])
    assert (pictures[0] != pictures[2]).any()


def test_a_regular_texture_goes_on() -> None:
    """A checked pattern, whose every window has one continuation only."""
    rows, columns = np.mgrid[:60, :60]
    pattern = np.stack([rows % 4 < 2, columns % 6 < 3, (rows + columns) % 2 == 0], 2)
    pixels = pattern.astype(np.uint8) * np.uint8(255)
    texture = grow_texture(pixels[:22, :24], 40, 30, window=9).pixels
    assert any(
        np.array_equal(texture, pixels[row : row + 40, column : column + 30])
        for row in range(4)
        for column in range(6)
    )


def test_weights_are_whole_and_as_wide_as_they_should() -> None:
    weights = gaussian(13)
    assert (weights == np.rint(weights)).all()
    assert weights[6, 6] == 2**20
    offsets = np.hypot(*np.mgrid[-6:7, -6:7])
    np.testing.assert_allclose(
        weights / 2**20, np.exp(-(offsets**2) / 2 / (13 / 6.4) ** 2), atol=1e-6
    )
    # No partial sum of a distance is greater, and whole numbers below 2⁵³ are exact.
    assert gaussian(299).sum() * 3 * 255**2 * 2 < 2**53


def test_an_interrupt_leaves_the_rest_gray(sample: Pixels) -> None:
    shown: list[Pixels] = []
    counts: list[int] = []

    def stop(picture: Pixels) -> None:
        shown.append(picture.copy())
        if len(shown) == 4:
            raise KeyboardInterrupt

    texture = grow_texture(sample, 30, 31, window=5, on_step=stop, done=counts.append)
    assert texture.interrupted
    np.testing.assert_array_equal(texture.pixels, shown[-1])
    known = texture.places[..., 0] >= 0
    assert known.sum() == sum(counts) == 11 * 11
    assert (texture.pixels[~known] == 128).all()
    whole = grow_texture(sample, 30, 31, window=5)
    np.testing.assert_array_equal(texture.pixels[known], whole.pixels[known])


@pytest.mark.parametrize("size", [(3, 3), (30, 31), (4, 50), (17, 3)])
def test_a_step_is_a_ring(sample: Pixels, size: tuple[int, int]) -> None:
    steps: list[int] = []
    grow_texture(sample, *size, window=3, on_step=lambda picture: steps.append(1))
    assert len(steps) == count_rings(*size)


@pytest.mark.parametrize(
    ("size", "window", "said"),
    [
        ((20, 20), 4, "a window of 4 .* such as 5"),
        ((20, 20), 1, "such as 3"),
        ((20, 20), -3, "such as 3"),
        ((20, 20), 11, "12×9 pixels is smaller than a window of 11×11; .* smaller window"),
        ((2, 20), 5, "20×2 pixels are less than the 3×3"),
        ((10**6, 2 * 10**6), 5, "a texture of 2000000×1000000 .* largest .* fits is [0-9]+×[0-9]+"),
    ],
)
def test_what_cannot_be_grown(
    sample: Pixels, size: tuple[int, int], window: int, said: str
) -> None:
    with pytest.raises(RequestError, match=said):
        grow_texture(sample, *size, window=window)


def test_the_largest_that_fits_does_and_little_more_does_not(
    sample: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: 300_000_000)
    with pytest.raises(RequestError, match=r"0\.3 GB are free") as refusal:
        growing.check_growth(sample, 10_000, 20_000, 5)
    width, height = map(int, str(refusal.value).split()[-1].split("×"))
    growing.check_growth(sample, height, width, 5)
    with pytest.raises(RequestError):
        growing.check_growth(sample, height + 10, width + 20, 5)
    with pytest.raises(RequestError, match="with a window of 11, a sample of 3000×2000"):
        growing.check_growth(np.zeros((2000, 3000, 3), np.uint8), 30, 30, 11)


def test_memory_is_told_within_a_container(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("group")
    free = chance.Random(0).randrange(1, 2**20)
    (folder / "memory.max").write_text(f"{free + 1000}\n")
    (folder / "memory.current").write_text("1000\n")
    monkeypatch.setattr(memory, "_GROUP", folder)
    assert memory.available_memory() == free
    (folder / "memory.max").write_text("max\n")
    assert memory.available_memory() > 2**20
