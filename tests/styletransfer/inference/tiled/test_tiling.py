"""Bands of rows give what the whole picture gives, and leave nothing behind."""

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from styletransfer.errors import ModelError
from styletransfer.export.precision import to_half
from styletransfer.images import Pixels, to_pixels, to_tensor
from styletransfer.inference.tiled import scratch
from styletransfer.inference.tiled.scratch import ScratchError
from styletransfer.inference.tiled.segments import Segments, cut
from styletransfer.inference.tiled.tiling import ArrayRows, _Moments, stylize_bands
from tests.assets import shipped
from tests.styletransfer.inference.compact_model import exported, noise
from tests.styletransfer.tiny_model import tiny_model


def open_session(model: bytes | str) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


@cache
def pieces(kernels: tuple[int, ...] = (3, 5)) -> Segments:
    return cut(exported(kernels=kernels), open_session)


def whole(image: Pixels, weights: np.ndarray, kernels: tuple[int, ...] = (3, 5)) -> Pixels:
    session = open_session(str(exported(kernels=kernels)))
    feed = {"image": to_tensor(image), "style_weights": weights}
    return to_pixels(session.run(None, feed)[0])


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


ROW = np.array([[0.1, 0.3, 0.6]], np.float32)


@pytest.mark.parametrize("kernels", [(3, 5), (3,), (9, 3, 3)])
def test_the_geometry_is_that_of_the_network(kernels: tuple[int, ...]) -> None:
    margin = 8 + 4 * sum(k // 2 for k in kernels)
    found = pieces(kernels)
    assert (found.before, found.after, found.stride) == (margin, margin + 3, 4)
    # Stem and strided convolution read 8 rows for the first of theirs, a kernel k 4(k − 1) more.
    assert found.first_more == 8 + 4 * (kernels[0] - 1) - 4
    assert found.shrinks == (*(k - 1 for k in kernels[1:]), 0)
    assert found.last_more == 3


@pytest.mark.parametrize("height, width", [(1, 1), (3, 70), (64, 48), (101, 83), (90, 1)])
@pytest.mark.parametrize("band", [1, 12, 40, 1000])
def test_bands_equal_the_whole(height: int, width: int, band: int) -> None:
    image = noise(height, width)
    rows = ArrayRows(image)
    stylize_bands(pieces(), rows, ROW, band)
    expected = whole(image, ROW)
    different = rows.result != expected
    assert np.abs(rows.result.astype(int) - expected)[different].max(initial=0) <= 1
    assert different.mean() < 0.01


@pytest.mark.parametrize("style", range(3))
def test_every_style(style: int) -> None:
    image, weights = noise(77, 60), np.eye(3, dtype=np.float32)[[style]]
    rows = ArrayRows(image)
    stylize_bands(pieces((9, 3, 3)), rows, weights, 20)
    expected = whole(image, weights, (9, 3, 3))
    assert np.abs(rows.result.astype(int) - expected).max() <= 1
    assert (style == 0) == np.array_equal(rows.result, image)


def test_every_style_of_the_shipped_gallery() -> None:
    path = shipped("gallery.onnx")
    session, segments, image = open_session(str(path)), cut(path, open_session), noise(300, 210)
    for weights in np.eye(session.get_inputs()[1].shape[1], dtype=np.float32)[:, None]:
        rows = ArrayRows(image)
        stylize_bands(segments, rows, weights, 164)
        feed = {"image": to_tensor(image), "style_weights": weights}
        expected = to_pixels(session.run(None, feed)[0])
        assert np.abs(rows.result.astype(int) - expected).max() <= 1


def test_statistics_are_those_of_all_bands() -> None:
    # One sum of squares in float32 would lose all of this: 1000 beside a deviation of 0.01.
    x = 1000 + 0.01 * np.random.default_rng(0).standard_normal((1, 2, 60, 50))
    moments = _Moments()
    for first, last in ((0, 7), (7, 30), (30, 60)):
        part = x[:, :, first:last]
        mean, variance = (f((2, 3), keepdims=True) for f in (part.mean, part.var))
        moments.add(part.shape, mean, variance)
    scale, shift = moments.affine(np.array([2.0, 3.0]), np.array([5.0, 7.0]), 1e-5)
    deviation = np.sqrt(x.var((2, 3), keepdims=True) + 1e-5)
    np.testing.assert_allclose(scale.ravel(), [2, 3] / deviation.ravel(), rtol=1e-6)
    expected = [5, 7] - x.mean((2, 3)).ravel() * [2, 3] / deviation.ravel()
    np.testing.assert_allclose(shift.ravel(), expected, rtol=1e-6)


def test_the_last_word_and_the_progress() -> None:
    image = noise(50, 40)
    rows, shares, photographs = ArrayRows(image), [], []

    def finish(stylized: Pixels, photograph: Pixels) -> Pixels:
        photographs.append(photograph.copy())
        return 255 - stylized

    stylize_bands(pieces(), rows, ROW, 16, finish, shares.append)
    assert np.abs(255 - rows.result.astype(int) - whole(image, ROW)).max() <= 1
    np.testing.assert_array_equal(np.concatenate(photographs), image)
    assert sum(shares) == pytest.approx(1)
    assert len(shares) > 8


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_nothing_is_left_behind(temporary: Path, error: type[BaseException]) -> None:
    seen = []

    def advance(share: float) -> None:
        seen.append(list(temporary.iterdir()))
        if len(seen) == 3:
            raise error

    with pytest.raises(error):
        stylize_bands(pieces(), ArrayRows(noise(60, 40)), ROW, 8, advance=advance)
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
        stylize_bands(pieces(), ArrayRows(noise(60, 40)), ROW, 8, advance=shares.append)
    assert shares == []
    assert list(temporary.iterdir()) == []


def test_half_precision_is_refused(tmp_path: Path) -> None:
    half = to_half(onnx.load(exported()))
    half.metadata_props.add(key="styletransfer.precision", value="fp16")
    onnx.save(half, tmp_path / "half.onnx")
    with pytest.raises(ModelError, match=r"half.onnx: fp16 .* use the fp32 file"):
        cut(tmp_path / "half.onnx", open_session)


@pytest.mark.parametrize("name, why", [("johnson", "pads between its layers"), ("tiny", "no inst")])
def test_other_networks_are_refused(name: str, why: str, tmp_path: Path) -> None:
    path = exported("johnson") if name == "johnson" else tiny_model(tmp_path / "m.onnx")
    with pytest.raises(ModelError, match=rf"{path}.*{why}.*--tile off"):
        cut(path, open_session)
