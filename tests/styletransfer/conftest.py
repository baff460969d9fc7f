"""The tiny model."""

from pathlib import Path

import pytest

from tests.styletransfer.tiny_model import tiny_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny_model(tmp_path / "m.onnx")
