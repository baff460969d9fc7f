"""Pixels to tensors and back."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from styletransfer.images import to_pixels, to_tensor
from tests.styletransfer.images.samples import COLORS, noise


def test_to_tensor(tmp_path: Path) -> None:
    tensor = to_tensor(COLORS)
    assert tensor.shape == (1, 3, 2, 3) and tensor.dtype == np.float32
    assert tensor.flags.c_contiguous
    assert tensor[0, :, 1, 1].tolist() == [np.float32(v) / np.float32(255) for v in (128, 64, 200)]
    for wrong in (COLORS[0], COLORS.astype(float), COLORS[..., :2]):
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
