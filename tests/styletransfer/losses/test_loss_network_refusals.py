"""What a loss network refuses, and what it names as wrong."""

import re
from pathlib import Path

import pytest
import torch

from styletransfer.errors import RequestError, WeightsError
from styletransfer.losses import LossNetwork


def assert_refused(error: type[Exception], message: str, *call: object) -> None:
    with pytest.raises(error, match=re.escape(message)):
        LossNetwork(*call)  # type: ignore[arg-type]


def test_unknown_architecture(small_file: Path) -> None:
    message = "no loss network is called 'vgg11'; there are vgg16, vgg19, squeezenet1_0, squeeze"
    assert_refused(RequestError, message, "vgg11", ["relu1_1"], small_file)


@pytest.mark.parametrize(
    "tap, near", [("fire10", "fire"), ("relu1_1", "relu1"), ("Fire3", "fire3")]
)
def test_unknown_tap(tap: str, near: str, small_file: Path) -> None:
    message = f"squeezenet1_1 has no tap {tap!r}; near it: {near}"
    assert_refused(RequestError, message, "squeezenet1_1", ["fire2", tap], small_file)


def test_no_tap(small_file: Path) -> None:
    assert_refused(RequestError, "at least one tap", "squeezenet1_1", [], small_file)


def test_missing_layer(small_file: Path) -> None:
    message = f"{small_file} lacks features.6.squeeze.weight, which the deepest tap needs"
    assert_refused(WeightsError, message, "squeezenet1_1", ["relu1", "fire4"], small_file)


def test_layer_of_another_shape(small_file: Path) -> None:
    message = (
        f"{small_file} contains features.0.weight with the shape [64, 3, 3, 3], not [96, 3, 7, 7]"
    )
    assert_refused(WeightsError, message, "squeezenet1_0", ["relu1"], small_file)


def test_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "vgg19.pth"
    assert_refused(WeightsError, f"{path}: no such file of weights", "vgg19", ["relu1_1"], path)


def test_a_pickle_is_not_run(tmp_path: Path) -> None:
    touched = tmp_path / "touched"

    class Malicious:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return Path.touch, (touched,)

    path = tmp_path / "evil.pth"
    torch.save({"features.0.weight": Malicious()}, path)
    with pytest.raises(WeightsError, match="contains other objects than tensors"):
        LossNetwork("squeezenet1_1", ["relu1"], path)
    assert not touched.exists()
