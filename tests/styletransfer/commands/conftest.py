"""A photograph."""

from pathlib import Path

import pytest

from tests.styletransfer.commands.calls import save


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return save(tmp_path / "photo.png")
