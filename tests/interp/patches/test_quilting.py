"""Quilting and transfer: the search and the cut against brute force, the rest by its properties."""

from itertools import product

import numpy as np
import pytest

from interp.files import over_white
from interp.network import memory
from interp.patches import quilting
from interp.patches.quilting import count_blocks, minimum_cut, overlap_of, quilt
from interp.patches.search import BlockSearch, Demand
from interp.patches.transfer import (
    block_sides,
    count_transfer,
    luminance,
    matched,
    transfer_texture,
)
from styletransfer.errors import RequestError
from styletransfer.images import Picture, Pixels


def noise(height: int, width: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize(("height", "width"), [(1, 4), (5, 1), (2, 2), (6, 3), (4, 5)])
def test_the_cut_is_the_least_of_all_paths(height: int, width: int) -> None:
    for seed in range(20):
        errors = np.random.default_rng(seed).integers(0, 9, (height, width))
        path = minimum_cut(errors)
        assert (np.abs(np.diff(path)) <= 1).all()
        cost = errors[np.arange(height), path].sum()
        assert cost == min(
            errors[np.arange(height), list(every)].sum()
            for every in product(range(width), repeat=height)
            if (np.abs(np.diff(every)) <= 1).all()
        )
        assert cost <= errors.sum(axis=0).min()  # the best straight cut


@pytest.mark.parametrize(
    ("size", "block", "weight"), [((17, 23), 6, 1), ((40, 31), 9, 100), ((7, 7), 7, 3)]
)
def test_the_search_is_exact(size: tuple[int, int], block: int, weight: int) -> None:
    random = np.random.default_rng(1)
    planes = random.integers(0, 256, (4, *size), np.uint8)
    demands = [
        Demand(
            planes=part,
            target=random.integers(0, 256, (part.stop - part.start, block, block), np.uint8),
            weights=weight * random.integers(0, 2, (block, block)),
        )
        for part in (slice(0, 3), slice(0, 3), slice(3, 4))
    ]
    search = BlockSearch(planes, block)
    for asked in (demands, demands[:1], demands[::-1]):
        brute = [
            [
                sum(
                    int(
                        (
                            d.weights
                            * (
                                planes[d.planes, row : row + block, column : column + block].astype(
                                    int
                                )
                                - d.target
                            )
                            ** 2
                        ).sum()
                    )
                    for d in asked
                )
                for column in range(size[1] - block + 1)
            ]
            for row in range(size[0] - block + 1)
        ]
        np.testing.assert_array_equal(search.costs(asked), brute)


@pytest.mark.parametrize("down", [False, True])
def test_a_block_is_one_of_the_near_ones_and_cut_where_it_differs_least(down: bool) -> None:
    """Lay the second of two blocks, beside or below the first, again by brute force."""
    sample, block = noise(20, 24), 12
    overlap = overlap_of(block)
    shown: list[Pixels] = []

    def across(array: np.ndarray) -> np.ndarray:
        return array.swapaxes(0, 1) if down else array

    texture = quilt(
        across(sample),
        *((22, 12) if down else (12, 22)),
        block=block,
        on_step=lambda picture: shown.append(across(picture).copy()),
    )
    places = across(texture.places)[..., ::-1] if down else texture.places
    first = places[0, 0]
    corner = sample[first[0] :, first[1] :][:block, :block]
    np.testing.assert_array_equal(shown[0][:, :block], corner)
    assert (shown[0][:, block:] == 128).all()
    corners = list(product(range(20 - block + 1), range(24 - block + 1)))
    shared = corner[:, block - overlap :].astype(int)
    errors = [
        (sample[r : r + block, c : c + overlap].astype(int) - shared) ** 2 for r, c in corners
    ]
    costs = [int(e.sum()) for e in errors]
    row, column = places[0, -1] - [0, block - 1]
    chosen = corners.index((int(row), int(column)))
    assert costs[chosen] <= 1.1 * min(costs)
    expected = sample[row : row + block, column : column + block].copy()
    for line, start in enumerate(minimum_cut(errors[chosen].sum(axis=2))):
        expected[line, :start] = corner[line, block - overlap :][:start]
    np.testing.assert_array_equal(across(texture.pixels)[:, block - overlap :], expected)


@pytest.mark.parametrize("seed", range(8))
def test_the_first_pass_of_a_transfer_weighs_the_photograph_27_times(seed: int) -> None:
    sample, photograph, block = noise(20, 24, seed), noise(12, 22, 99), 12
    overlap = overlap_of(block)
    texture = transfer_texture(sample, photograph, block=block, passes=1)
    light = luminance(sample).astype(int)
    wanted = matched(luminance(photograph), luminance(sample)).astype(int)
    corners = list(product(range(20 - block + 1), range(24 - block + 1)))
    row, column = texture.places[0, 0]
    shared = sample[row : row + block, column : column + block][:, -overlap:].astype(int)
    for left, weight in ((0, 0), (block - overlap, 1)):
        costs = [
            weight * ((sample[r : r + block, c : c + overlap] - shared) ** 2).sum()
            + 27 * ((light[r:, c:][:block, :block] - wanted[:, left : left + block]) ** 2).sum()
            for r, c in corners
        ]
        row, column = texture.places[0, left + overlap] - [0, overlap]
        assert costs[corners.index((int(row), int(column)))] <= 1.1 * min(costs)


@pytest.mark.parametrize(
    ("size", "block"),
    [((36, 36), 36), ((50, 37), 12), ((13, 90), 13), ((40, 40), 3), ((37, 61), 4)],
)
def test_pixels_come_from_the_sample_in_blocks(size: tuple[int, int], block: int) -> None:
    sample = noise(38, 41)
    steps: list[int] = []
    texture = quilt(sample, *size, block=block, done=steps.append)
    assert texture.pixels.shape == (*size, 3)
    rows, columns = texture.places[..., 0], texture.places[..., 1]
    np.testing.assert_array_equal(texture.pixels, sample[rows, columns])
    assert sum(steps) == count_blocks(*size, block)
    # What no other block overlaps is as in the sample, each pixel beside its neighbors.
    inner = slice(0, block - overlap_of(block))
    offsets = texture.places[inner, inner] - np.stack(np.mgrid[inner, inner], axis=2)
    assert (offsets == offsets[0, 0]).all()


def test_a_tiled_pattern_goes_on_without_a_seam() -> None:
    rows, columns = np.mgrid[:80, :80]
    pattern = np.stack([rows % 5 * 50, columns % 7 * 35, (rows + columns) % 3 * 90], axis=2)
    pixels = pattern.astype(np.uint8)
    texture = quilt(pixels[:50, :50], 70, 64, block=18, seed=2).pixels
    row, column = next(
        at
        for at in product(range(15), range(16))
        if (texture[:3, :9] == pixels[at[0] :][:3, at[1] :][:, :9]).all()
    )
    np.testing.assert_array_equal(
        texture, np.tile(pixels[:15, :21], (8, 8, 1))[row:, column:][:70, :64]
    )


@pytest.mark.parametrize("onto", [False, True])
def test_repeats_by_its_seed(onto: bool) -> None:
    def make(seed: int) -> Pixels:
        if onto:
            return transfer_texture(noise(30, 30), noise(25, 31, 1), block=9, seed=seed).pixels
        return quilt(noise(30, 30), 25, 31, block=9, seed=seed).pixels

    np.testing.assert_array_equal(make(1), make(1))
    assert (make(1) != make(2)).any()


def test_a_transfer_follows_the_photograph_and_is_made_of_the_sample() -> None:
    ramp = np.linspace(0, 255, 60).astype(np.uint8)
    sample = np.stack([np.tile(ramp, (40, 1))] * 3, axis=2) // 8 * 8 + noise(40, 60) // 32
    photograph = np.zeros((51, 47, 3), np.uint8)
    photograph[10:40, 12:33] = 200
    steps: list[int] = []
    texture = transfer_texture(sample, photograph, block=9, done=steps.append)
    rows, columns = texture.places[..., 0], texture.places[..., 1]
    np.testing.assert_array_equal(texture.pixels, sample[rows, columns])
    assert sum(steps) == count_transfer(51, 47, 9)
    light = texture.pixels.mean(axis=2)
    assert light[15:35, 17:28].mean() > light[:8].mean() + 80
    assert np.corrcoef(light.ravel(), photograph[..., 0].ravel())[0, 1] > 0.8


def test_one_pass_over_itself_gives_the_sample_back() -> None:
    """With blocks that are demanded as they lie in the sample, each finds its own place."""
    sample = noise(29, 29)
    texture = transfer_texture(sample, sample, block=8, passes=1)
    np.testing.assert_array_equal(texture.pixels, sample)


def test_a_transfer_keeps_bars_that_are_narrower_than_the_blocks() -> None:
    """Luminance counts as much as the three colors, so that the photograph can be recognized."""
    photograph = np.where(np.arange(80) // 5 % 2, 180, 60).astype(np.uint8)
    photograph = np.repeat(np.tile(photograph, (80, 1))[..., None], 3, axis=2)
    cells = noise(17, 17).repeat(4, axis=0).repeat(4, axis=1)
    light = transfer_texture(cells, photograph).pixels
    found = np.corrcoef(light.mean(axis=2).ravel(), photograph[..., 0].ravel())[0, 1]
    assert found > 0.35, found


@pytest.mark.parametrize("stop_at", [5, 70])
def test_an_interrupt_keeps_what_there_is(stop_at: int) -> None:
    shown: list[Pixels] = []

    def stop(picture: Pixels) -> None:
        shown.append(picture.copy())
        if len(shown) == stop_at:
            raise KeyboardInterrupt

    texture = transfer_texture(noise(30, 30), noise(40, 40, 1), block=9, on_step=stop)
    assert texture.interrupted
    np.testing.assert_array_equal(texture.pixels, shown[-1])
    known = texture.places[..., 0] >= 0
    assert known.all() == (stop_at == 70)  # in the second pass the first one's is there
    assert (texture.pixels[~known] == 128).all()


def test_luminance_is_matched_in_order() -> None:
    random = np.random.default_rng(0)
    values = random.normal(60, 10, (90, 80)).clip(0, 255).astype(np.uint8)
    reference = random.integers(30, 230, (70, 60), np.uint8)
    result = matched(values, reference)
    for share in (0.1, 0.5, 0.9):
        assert abs(np.quantile(result, share) - np.quantile(reference, share)) < 10
    order = np.argsort(values, axis=None)
    assert (np.diff(result.ravel()[order].astype(int)) >= 0).all()
    gray = np.full((2, 2, 3), 77, np.uint8)
    assert (luminance(gray) == 77).all()
    assert luminance(np.array([[[0, 255, 0]]], np.uint8))[0, 0] == 150


def test_blocks_shrink_by_a_third() -> None:
    assert block_sides(27, 3) == [27, 18, 12]
    with pytest.raises(RequestError, match="3 passes from a block of 5"):
        block_sides(5, 3)


@pytest.mark.parametrize(
    ("size", "block", "said"),
    [
        ((60, 60), 2, "block of 2 is too small"),
        ((60, 60), 41, "the sample of 50×40 pixels is smaller than a block of 41×41"),
        ((60, 20), 24, "20×60 pixels are less than one block"),
        ((10**6, 10**6), 24, "the largest of this shape that fits is"),
    ],
)
def test_what_cannot_be_quilted(size: tuple[int, int], block: int, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        quilt(noise(40, 50), *size, block=block)


def test_a_sample_that_does_not_fit_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: 100_000)
    with pytest.raises(RequestError, match="a sample of 50×40 pixels needs"):
        quilting.check_blocks(noise(40, 50), 60, 60, 24)


def test_transparency_is_laid_over_white() -> None:
    alpha = np.array([[0, 255, 51]], np.uint8)
    picture = Picture(np.full((1, 3, 3), 55, np.uint8), alpha, ())
    assert over_white(picture)[0, :, 0].tolist() == [255, 55, 215]
