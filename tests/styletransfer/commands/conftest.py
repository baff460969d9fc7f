"""A tiny model and a photograph."""

from pathlib import Path

import pytest

from tests.styletransfer.commands.calls import save
from tests.styletransfer.tiny_model import tiny_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny_model(tmp_path / "m.onnx")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return save(tmp_path / "photo.png")
