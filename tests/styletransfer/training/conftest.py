"""The photographs and paintings that these tests train on."""

from pathlib import Path

import pytest

from styletransfer.training import shards
from tests.styletransfer.training.tars import write_shard
from tests.styletransfer.training.tiny import make_data


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    return make_data(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four shards of five photographs of different levels, 0 … 19."""
    for number in range(4):
        write_shard(tmp_path / "in" / f"{number}.tar", list(range(5 * number, 5 * number + 5)))
    return tmp_path / "in"


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "PAUSE", 0.0)
