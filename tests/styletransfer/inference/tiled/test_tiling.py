"""The work on tiles: statistics, progress, the last word, and nothing left behind."""

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from styletransfer.images import Pixels, to_pixels, to_tensor
from styletransfer.inference.tiled import scratch
from styletransfer.inference.tiled.grid import TileGrid
from styletransfer.inference.tiled.network import TiledNetwork
from styletransfer.inference.tiled.scratch import ScratchError
from styletransfer.inference.tiled.tiling import ArrayRows, _Moments, stylize_tiles
from tests.styletransfer.inference.compact_model import exported, noise
from tests.styletransfer.inference.tiled.graphs import open_session


@cache
def network() -> TiledNetwork:
    return TiledNetwork(exported(), 3, open_session)


def grid(down: int, across: int) -> TileGrid:
    return TileGrid(((down, across),) * len(network().passes))


def whole(image: Pixels, weights: np.ndarray) -> Pixels:
    feed = {"image": to_tensor(image), "style_weights": weights}
    return to_pixels(open_session(str(exported())).run(None, feed)[0])


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


ROW = np.array([[0.1, 0.3, 0.6]], np.float32)


def work(advance: Callable[[float], object]) -> None:
    image = noise(60, 40)
    result = ArrayRows(np.zeros_like(image))
    stylize_tiles(network(), ArrayRows(image), result, ROW, grid(4, 2), advance=advance)


def test_statistics_are_those_of_all_tiles() -> None:
    # One sum of squares in float32 would lose all of this: 1000 beside a deviation of 0.01.
    x = 1000 + 0.01 * np.random.default_rng(0).standard_normal((1, 2, 60, 50))
    moments = _Moments()
    for first, last in ((0, 7), (7, 30), (30, 60)):
        part = x[:, :, first:last]
        mean, variance = (f((2, 3), keepdims=True) for f in (part.mean, part.var))
        moments.add(part[0, 0].size, mean, variance)
    scale, shift = moments.affine(np.array([2.0, 3.0]), np.array([5.0, 7.0]), 1e-5)
    deviation = np.sqrt(x.var((2, 3), keepdims=True) + 1e-5)
    np.testing.assert_allclose(scale.ravel(), [2, 3] / deviation.ravel(), rtol=1e-6)
    expected = [5, 7] - x.mean((2, 3)).ravel() * [2, 3] / deviation.ravel()
    np.testing.assert_allclose(shift.ravel(), expected, rtol=1e-6)


def test_the_last_word_and_the_progress() -> None:
    image = noise(50, 40)
    result, shares, photographs = ArrayRows(np.zeros_like(image)), [], []

    def finish(stylized: Pixels, photograph: Pixels) -> Pixels:
        photographs.append(photograph.copy())
        return 255 - stylized

    source = ArrayRows(image)
    stylize_tiles(network(), source, result, ROW, grid(3, 2), finish, shares.append)
    assert np.abs(255 - result.rgb.astype(int) - whole(image, ROW)).max() <= 1
    np.testing.assert_array_equal(np.concatenate(photographs), image)
    assert sum(shares) == pytest.approx(1)
    assert len(shares) == 6 * len(network().passes)


def test_each_pass_may_have_tiles_of_its_own() -> None:
    image = noise(50, 61)
    counts = [(1 + place % 3, 1 + place % 4) for place in range(len(network().passes))]
    result = ArrayRows(np.zeros_like(image))
    stylize_tiles(network(), ArrayRows(image), result, ROW, TileGrid(tuple(counts)))
    assert np.abs(result.rgb.astype(int) - whole(image, ROW)).max() <= 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_nothing_is_left_behind(temporary: Path, error: type[BaseException]) -> None:
    seen = []

    def advance(share: float) -> None:
        seen.append(list(temporary.iterdir()))
        if len(seen) == 3:
            raise error

    with pytest.raises(error):
        work(advance)
    assert list(temporary.iterdir()) == []
    # Not even while it works, where the system can: then a killed process leaves nothing either.
    assert all(names == [] for names in seen) or not Path("/proc").exists()


def test_too_little_disk_is_told_before_the_work(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(scratch.shutil, "disk_usage", lambda folder: usage)
    shares: list[float] = []
    with pytest.raises(ScratchError, match=r"no room .* set TMPDIR to a folder with more"):
        work(shares.append)
    assert shares == []
    assert list(temporary.iterdir()) == []
