"""A photograph, a model and a film."""

from pathlib import Path

import pytest

from tests.styletransfer.commands.calls import save
from tests.styletransfer.tiny_model import tiny_model
from tests.styletransfer.video.films import pan, write_film


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return save(tmp_path / "photo.png")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny_model(tmp_path / "m.onnx")


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_film(tmp_path / "in.mp4", pan(12), sound="aac")
