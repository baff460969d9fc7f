"""A padded picture, read in parts, is NumPy's padding of the whole."""

import numpy as np
import pytest

from styletransfer.images import Pixels, to_tensor
from styletransfer.inference.tiled.geometry import Uncuttable
from styletransfer.inference.tiled.padding import MODES, Mode, Padding, find_padding


def padded(image: Pixels, mode: Mode, rows: tuple[int, int], columns: tuple[int, int]) -> Pixels:
    if mode == "odd":
        result = image.astype(int)
        for axis, amount in ((0, rows), (1, columns)):
            amounts = [(0, 0)] * 3
            amounts[axis] = amount
            result = np.pad(result, amounts, "reflect", reflect_type="odd").clip(0, 255)
        return result.astype(np.uint8)
    return np.pad(image, (rows, columns, (0, 0)), mode)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(30, 25), (13, 40)])
def test_parts_against_numpy(mode: Mode, size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    padding = Padding(mode, (9, 12), (7, 11))
    expected = padded(image, mode, (9, 12), (7, 11))
    height, width = expected.shape[:2]

    def read(first: int, end: int) -> Pixels:
        assert 0 <= first < end <= size[0]
        return image[first:end]

    random = np.random.default_rng(1)
    parts = [((0, height), (0, width))]
    for _ in range(60):
        rows, columns = (sorted(random.integers(0, n + 1, 2)) for n in (height, width))
        if rows[0] < rows[1] and columns[0] < columns[1]:
            parts.append(((rows[0], rows[1]), (columns[0], columns[1])))
    before = image.copy()
    for rows, columns in parts:
        part = padding.read(read, size, rows, columns)
        np.testing.assert_array_equal(part, expected[slice(*rows), slice(*columns)])
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("mode", MODES)
def test_the_padding_is_found(mode: Mode) -> None:
    pairs = []
    for seed, size in enumerate([(20, 33), (26, 19)]):
        image = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
        pairs.append((to_tensor(image), to_tensor(padded(image, mode, (5, 6), (3, 8)))))
    assert find_padding(pairs) == Padding(mode, (5, 6), (3, 8))


def test_no_padding() -> None:
    assert find_padding([]) == Padding()


def test_an_amount_that_varies() -> None:
    pairs = []
    for side in (16, 18):
        image = np.random.default_rng(side).integers(0, 256, (side, side, 3), dtype=np.uint8)
        more = (0, -side % 8)
        pairs.append((to_tensor(image), to_tensor(padded(image, "edge", more, more))))
    with pytest.raises(Uncuttable, match="depends on the picture's size"):
        find_padding(pairs)
